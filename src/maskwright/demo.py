"""The way from data to a report in three minutes, in a folder of its own, so that it disturbs nothing.

Each step is the command that a user would give, run in that folder. There is no DVC in it: `dvc repro` runs the same
commands, and remembers what it has run.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import maskwright
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file
from maskwright.shared.terminal import tell

FOLDER = Path("demo")
_MARK = "# Settings of `maskwright demo`, which makes this folder anew.\n"
_SETTINGS = {
    "drinks": {"train": 160, "validation": 24, "test": 40},
    "segmentation": {"epochs": 6, "epoch_images": 640},
}
"""What differs from the defaults: 60 % fewer training steps, on a third of the photographs."""

_STEPS = (
    "generate drinks",
    "masks",
    "look",
    "train segmentation",
    "evaluate segmentation",
    "predict segmentation data/drinks/test --via data/drinks/test/predicted.json",
    "report",
)


def demo(folder: Path = FOLDER) -> None:
    """Make the folder, run every step in it, and say what to open.

    Raises:
        MaskwrightError: the folder is there and is not an earlier demo, or a step failed.
    """
    _clear(folder)
    with replaced_file(folder / "params.yaml") as file:
        file.write(_MARK)
        YAML(typ="rt").dump(demo_settings(), file)
    for step in _STEPS:
        tell(f"$ maskwright {step}")
        code = subprocess.run(
            [sys.executable, "-m", "maskwright", *shlex.split(step)], cwd=folder, env=_environment(), check=False
        ).returncode
        if code:
            raise MaskwrightError(f"{folder}: `maskwright {step}` failed with exit code {code}; its message is above")
    tell("")
    for line in _what_to_open(folder):
        tell(line)


def demo_settings() -> Any:
    """Return the defaults, with their comments, at the demo's size."""
    settings = YAML(typ="rt").load((files("maskwright") / "defaults.yaml").read_text(encoding="utf-8"))
    for section, values in _SETTINGS.items():
        settings[section].update(values)
    return settings


def _clear(folder: Path) -> None:
    if not folder.exists():
        return
    params = folder / "params.yaml"
    if not params.is_file() or not params.read_text(encoding="utf-8", errors="replace").startswith(_MARK):
        raise MaskwrightError(f"{folder}: not made by `maskwright demo`, so it stays; move it away, or rename it")
    shutil.rmtree(folder)


def _environment() -> dict[str, str]:
    """Return the environment of the steps: this code, and MLflow's store in the demo's folder."""
    kept = {key: value for key, value in os.environ.items() if key not in ("DVC_ROOT", "MLFLOW_TRACKING_URI")}
    return {**kept, "PYTHONPATH": str(Path(maskwright.__file__).parents[1])}


def _what_to_open(folder: Path) -> Iterator[str]:
    yield f"{folder / 'results/report.html'}: all results on one page"
    yield f"{folder / 'predictions/segmentation'}: the predictions, each over its photograph (NAME_overlay.jpg)"
    yield f"{folder / 'data/drinks/test/predicted.json'}: the same as polygons to correct, in VIA"
