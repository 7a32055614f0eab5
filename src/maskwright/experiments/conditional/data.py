"""Images with labels on two levels: a coarse class, and a fine class within it. Imports no TensorFlow."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from maskwright.shared.datasets import read_arrays
from maskwright.shared.errors import MaskwrightError

CLASSES_FILE = "classes.json"

_DATA_SET = "conditional"
"""The name of the data set for `maskwright generate`."""


@dataclass(frozen=True)
class TwoLevels:
    """A split's images, (N, H, H, C) uint8, and the indices of their coarse and fine classes, (N,) uint8 each."""

    images: np.ndarray
    coarse: np.ndarray
    fine: np.ndarray


@dataclass(frozen=True)
class ClassNames:
    """The names of the coarse and of the fine classes, in the order of their indices."""

    coarse: tuple[str, ...]
    fine: tuple[str, ...]


def read_hierarchy(data: Path, split: str, second: Literal["fine", "coarse"] = "fine") -> TwoLevels:
    """Read a split that `generate.write_hierarchy` wrote into the folder `data`.

    Args:
        data: the folder.
        split: `train`, `validation` or `test`.
        second: what the second head is to name: `coarse` takes the coarse classes for the fine ones, so that both
            heads have the same labels.

    Raises:
        MaskwrightError: the file is missing.
    """
    levels = TwoLevels(**read_arrays(data / f"{split}.npz", _DATA_SET))
    return levels if second == "fine" else replace(levels, fine=levels.coarse)


def read_class_names(data: Path, second: Literal["fine", "coarse"] = "fine") -> ClassNames:
    """Read the names of the classes. Arguments and errors are those of `read_hierarchy`."""
    path = data / CLASSES_FILE
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright generate {_DATA_SET}` first")
    names = json.loads(path.read_text(encoding="utf-8"))
    return ClassNames(tuple(names["coarse"]), tuple(names["fine" if second == "fine" else "coarse"]))
