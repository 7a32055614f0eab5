"""The experiments by name: which sections of params.yaml, which data and which files are theirs. No TensorFlow.

An experiment's module in `experiments/` has four doors, `dataset`, `build`, `train` and `evaluate`, and two hatches
for MLflow, `run_keys` (`run_key` for a single model) and `serving_model`. There are two kinds:

- of one model: models/NAME is it, and its training is shown as it goes and survives a kill;
- of variants: models/NAME/VARIANT is a model that holds the networks of all seeds, and a training takes seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from maskwright.errors import MaskwrightError
from maskwright.quiet import no_chatter


@dataclass(frozen=True)
class Room:
    """An experiment as the command and MLflow see it.

    Attributes:
        sections: the sections of params.yaml that it depends on.
        sections_of_regions: the same where its own section says `source: regions`; None where it has no such key.
        data: the folder that its data stage writes.
        splits: what its parts are for, in MLflow's words, and the stem of their files in `data`; `{variant}` stands
            for the variant's name.
        variants: whether it trains variants, see above.
        drawn: how the names of those variants begin that draw their examples as they train, and use no data; None
            where all use the data.
    """

    sections: tuple[str, ...]
    data: Path
    splits: Mapping[str, str]
    variants: bool = True
    drawn: str | None = None
    sections_of_regions: tuple[str, ...] | None = None


ROOMS: Mapping[str, Room] = MappingProxyType(
    {
        "segmentation": Room(
            sections=("annotations", "segmentation"),
            data=Path("data/masks"),
            splits={"training": "train", "validation": "validation", "testing": "test"},
            variants=False,
        ),
        "detection": Room(
            sections=("annotations", "detection"),
            data=Path("data/masks"),
            splits={"training": "train", "validation": "validation", "testing": "test"},
            variants=False,
        ),
        "xor": Room(
            sections=("xor",),
            data=Path("data/xor"),
            splits={"training": "{variant}"},  # every possible input: there are no others to test with
        ),
        "corner": Room(
            sections=("corner",),
            data=Path("data/corner"),
            splits={"training": "patterns", "testing": "rectangles"},
        ),
        "masked_digits": Room(
            sections=("digits", "masked_digits"),
            data=Path("data/masked_digits"),
            splits={"training": "digits", "testing": "grid_test"},
        ),
        "autoencoder": Room(
            sections=("digits", "autoencoder"),
            data=Path("data/digits"),
            splits={"training": "train", "validation": "validation", "testing": "test"},
            variants=False,
        ),
        "conditional": Room(
            sections=("digits", "conditional"),
            data=Path("data/conditional"),
            splits={"training": "train", "testing": "test"},
            sections_of_regions=("annotations", "conditional"),
        ),
        "information": Room(
            sections=("digits", "information"),
            data=Path("data/digits"),
            splits={"training": "train", "testing": "test"},
            drawn="gaussian_",
        ),
        "clustering": Room(
            sections=("digits", "clustering"),
            data=Path("data/clustering"),
            splits={"training": "train", "testing": "test"},
        ),
    }
)


def room(name: str) -> Room:
    """Return the experiment of that name.

    Raises:
        MaskwrightError: there is none.
    """
    if name not in ROOMS:
        raise MaskwrightError(f"{name}: no such experiment; there is {', '.join(ROOMS)}")
    return ROOMS[name]


def module(name: str) -> Any:
    """Import the module of an experiment, which imports TensorFlow."""
    with no_chatter():
        return import_module(f"maskwright.experiments.{name}")


def model_folder(name: str) -> Path:
    """Return the folder of an experiment's model, or of its variants' models."""
    return Path("models") / name


def results_folder(name: str) -> Path:
    """Return the folder of an experiment's results."""
    return Path("results") / name


def history_file(name: str) -> Path:
    """Return the table of an experiment's training, epoch by epoch."""
    return results_folder(name) / "training.csv"
