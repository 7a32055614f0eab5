"""Reading the pictures that `maskwright generate clustering` wrote. Imports no TensorFlow."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.shared.datasets import read_images
from maskwright.shared.errors import MaskwrightError

CLASSES_FILE = "classes.json"
"""The file with the names of the classes, in the same folder as the splits."""


@dataclass(frozen=True)
class Pictures:
    """A split of the pictures.

    Attributes:
        images: (N, H, H, C) uint8.
        labels: (N,) indices of the images' classes.
    """

    images: np.ndarray
    labels: np.ndarray


def read_pictures(data: Path, split: str) -> Pictures:
    """Read a split, "train" or "test", from the folder `data`.

    Raises:
        MaskwrightError: the file is missing.
    """
    return Pictures(*read_images(data, split, "clustering"))


def read_names(data: Path) -> list[str]:
    """Read the names of the classes. The errors are those of `read_pictures`."""
    path = data / CLASSES_FILE
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright generate clustering` first")
    return json.loads(path.read_text(encoding="utf-8"))
