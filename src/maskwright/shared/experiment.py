"""What an experiment's package offers to the command, sweeps and MLflow. Imports no TensorFlow.

A package defines an `EXPERIMENT` of one of two kinds:

- `OneNetwork`: models/NAME is the model; its training shows its progress and survives a kill;
- `ManySeeds`: models/NAME/VARIANT is a model that holds the networks of all seeds of a variant, which train together.

Everything that needs TensorFlow is behind functions that import it only when they are called.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from maskwright.shared.settings import Section

if TYPE_CHECKING:
    import keras
    import numpy as np

S_contra = TypeVar("S_contra", bound=Section, contravariant=True)

LogEpoch = Callable[[int, dict[str, float]], None]
"""Called with each new epoch (from 1) and its numbers."""


class Evaluation(NamedTuple):
    """What an evaluation found.

    Attributes:
        metrics: the few main numbers: `results/NAME/metrics.json`, a DVC metric.
        details: all other numbers, by class or by variant: `results/NAME/details.json`.
    """

    metrics: dict[str, Any]
    details: dict[str, Any]


class Tried(NamedTuple):
    """What one training of a sweep measured on the test split.

    Attributes:
        measures: the numbers by name.
        examples: for measures that are means over the test examples, the value of each example: (N,), in the order of
            the split. All trials of a sweep have the same examples.
        found: for scores over several test splits together, what was found in each test photograph, in the order of
            the split, as values of JSON; empty where nobody asks for such scores.
    """

    measures: dict[str, float]
    examples: "dict[str, np.ndarray]"
    found: "Sequence[Any]" = ()


class LearnsOne(Protocol[S_contra]):
    """The module `learn.train` of an experiment with one network."""

    def train(
        self,
        settings: S_contra,
        *,
        data: Path,
        out: Path,
        history: Path,
        checkpoint: Path,
        log_epoch: LogEpoch,
    ) -> None:
        """Train, and write the model and its history.

        Args:
            settings: the experiment's section of params.yaml.
            data: the folder of its data.
            out: the model's folder, written as a whole at the end.
            history: a CSV with a row for each epoch.
            checkpoint: a folder that survives a kill and belongs to this training alone; deleted when it has ended.
            log_epoch: see `LogEpoch`.
        """
        ...


class LearnsMany(Protocol[S_contra]):
    """The module `learn.train` of an experiment with many seeds."""

    def train(self, settings: S_contra, *, data: Path, out: Path, history: Path) -> None:
        """Train every variant; the arguments are those of `LearnsOne.train`. `out` gets a folder for each variant."""
        ...


class Reports(Protocol[S_contra]):
    """The module `report.evaluate`."""

    def evaluate(self, settings: S_contra, *, data: Path, model: Path, results: Path) -> Evaluation:
        """Score what was trained on the test split, and write metrics.json, details.json and plots/ to `results`."""
        ...


class Serves(Protocol):
    """The module `serve`."""

    def serving_model(self, folder: Path) -> "keras.Model":
        """Load a stored model, or that of a variant, for serving: with one input and one output."""
        ...


class Shows(Protocol):
    """The module `show`, for the example beside an exported model: it imports NumPy and Pillow alone.

    Attributes:
        OUTPUT: what the served model returns, in one sentence.
    """

    OUTPUT: str

    def show(self, output: "np.ndarray", image: "np.ndarray", classes: list[str], stem: str) -> None:
        """Tell what the served model returned for one photograph.

        Its source text is copied, so it uses `np` and `Image` (Pillow's), and imports everything else itself.

        Args:
            output: what the model returned for a batch of one.
            image: (H, W, 3) uint8.
            classes: the classes' names in index order, background first.
            stem: the beginning of the names of files that are written.
        """
        ...


class Tries(Protocol[S_contra]):
    """The module `trial`."""

    def trial(self, settings: S_contra, data: Path) -> Tried:
        """Train with one combination of settings, and return its numbers on the test split; write no files."""
        ...


class HoldsOut(Protocol[S_contra]):
    """The module `held_out`: a training as `train` does it, scored on photographs that it has not seen.

    Attributes:
        SCORE: the name of the score that stands first; 1 is perfect.
    """

    SCORE: str

    def trial(self, settings: S_contra, data: Path) -> Tried:
        """Train on `data`/train, choose the epoch on `data`/validation, and return what was found in `data`/test."""
        ...

    def statistics(
        self, found: "Sequence[Any]", classes: Sequence[str]
    ) -> "dict[str, Callable[[np.ndarray], float]]":
        """Return each score over photographs, as a function of the places in `found` that were drawn.

        Args:
            found: that of `Tried`, of one trial or of several together.
            classes: names in index order, background first.

        Returns:
            Functions of (n,) int64 places, which may repeat. They return NaN where the draw has no such score.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """An experiment, whatever its kind.

    Attributes:
        name: its name, which its section, its stages and its folders share.
        settings: the type of its section of params.yaml.
        data: the folder of its data.
        training_data: the part of the data on which the training depends, as paths in the project.
        splits: for each use of the data, in MLflow's words, the stem of its file in `data`; `{variant}` stands for
            the variant's name.
        code: the code that determines a training, besides the package's own `learn` and `learning/common`: modules
            and packages below `maskwright`, as paths.
        sections: the sections of params.yaml that made its data, besides its own.
        sections_of: returns these sections, if the settings decide which they are.
        reports: imports the module that evaluates.
        serves: imports the module that loads a model to serve.
        shows: imports the module that shows what the served model returns; None if the model is not exported.
        tries: imports the module that a sweep runs; None if the experiment cannot be swept.
        trial_code: the code that determines a trial, besides the training's.
        holds_out: imports the module that cross-validation and learning curves run; None if there are none.
        held_out_code: the code that determines such a trial, besides the training's.
    """

    name: str
    settings: type[Section]
    data: Path
    training_data: tuple[Path, ...]
    splits: Mapping[str, str]
    code: tuple[str, ...]
    sections: tuple[str, ...] = ()
    sections_of: Callable[[Any], tuple[str, ...]] | None = None
    reports: Callable[[], Reports[Any]]
    serves: Callable[[], Serves]
    shows: Callable[[], Shows] | None = None
    tries: Callable[[], Tries[Any]] | None = None
    trial_code: tuple[str, ...] = ()
    holds_out: Callable[[], HoldsOut[Any]] | None = None
    held_out_code: tuple[str, ...] = ()

    @property
    def model(self) -> Path:
        """The folder of the model, or of the variants' models."""
        return Path("models") / self.name

    @property
    def results(self) -> Path:
        """The folder of the results."""
        return Path("results") / self.name

    @property
    def history(self) -> Path:
        """The table of the training, epoch by epoch."""
        return self.results / "training.csv"

    @property
    def processor(self) -> Path:
        """The file that says on which processor the training ran."""
        return self.results / "processor.json"

    @property
    def training_code(self) -> tuple[str, ...]:
        """All code that determines a training: modules and packages below `maskwright`, as paths."""
        return (f"experiments/{self.name}/learn", "learning/common", *self.code)


@dataclass(frozen=True, kw_only=True)
class OneNetwork(Experiment):
    """An experiment with one network.

    Attributes:
        learns: imports what trains.
        best_by: the column of its history, a score on the validation split, whose highest value decides which epoch
            is kept.
    """

    learns: Callable[[], LearnsOne[Any]]
    best_by: str


@dataclass(frozen=True, kw_only=True)
class ManySeeds(Experiment):
    """An experiment with variants, each trained with many seeds.

    Attributes:
        learns: imports what trains.
        drawn: the beginnings of the names of variants that draw their examples during training and use no data.
    """

    learns: Callable[[], LearnsMany[Any]]
    drawn: tuple[str, ...] = ()
