"""Reading the photographs and classes of a split that `maskwright masks` wrote. Imports no TensorFlow."""

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path

from maskwright.shared.errors import MaskwrightError

# The files in a split's folder; see `via.convert`.
INDEX = "index.csv"
CLASSES = "classes.json"
BOXES = "boxes.coco.json"
OBJECTS = "objects.coco.json"
MASKS = "masks"
"""The folder of a split's masks."""
NUMBERS = "objects"
"""The folder of the masks of object numbers, which are called as the masks are."""


@dataclass(frozen=True)
class Example:
    """One row of a split's index: the paths of a photograph and its index mask."""

    image: Path
    mask: Path


def read_split(folder: Path) -> list[Example]:
    """Return the examples of one split, in the order of its index.

    Args:
        folder: the split's folder, such as data/masks/train.

    Raises:
        MaskwrightError: the folder has no index, or its index is empty.
    """
    index = folder / INDEX
    if not index.is_file():
        raise MaskwrightError(f"{index}: no such file; run `maskwright masks` first")
    with index.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        # Normalised as text, so that ".." steps back along the path as given, even through a symbolic link.
        examples = [
            Example(Path(os.path.normpath(folder / row["image"])), folder / row["mask"])
            for row in csv.DictReader(file)
        ]
    if not examples:
        raise MaskwrightError(f"{index}: lists no image; check annotations.{folder.name} in params.yaml")
    return examples


def numbers_of(mask: str) -> str:
    """Return the path of the object numbers that belong to a mask, both below the split's folder."""
    return f"{NUMBERS}/{mask.removeprefix(f'{MASKS}/')}"


def read_classes(folder: Path, *others: Path) -> list[str]:
    """Return the class names, background first, of the indices in the masks of some splits.

    Args:
        folder: a split's folder, such as data/masks/train.
        others: folders of splits that must have the same classes.

    Raises:
        MaskwrightError: a folder has no list of classes, or a different one.
    """
    classes = _classes_in(folder)
    for other in others:
        if _classes_in(other) != classes:
            raise MaskwrightError(f"{other / CLASSES}: differs from {folder / CLASSES}; run `maskwright masks` again")
    return classes


def _classes_in(folder: Path) -> list[str]:
    path = folder / CLASSES
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright masks` first")
    return json.loads(path.read_text(encoding="utf-8"))
