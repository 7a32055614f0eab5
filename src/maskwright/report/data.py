"""How many photographs and objects the splits hold."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskwright.looking.masks import read_masks


class ClassCounts(NamedTuple):
    """A class, with its number of objects in each split and in all."""

    name: str
    objects: list[int]
    total: int


class Counts(NamedTuple):
    """What the data hold: the number of photographs in each split, the objects by class, the findings by severity."""

    splits: list[tuple[str, int]]
    classes: list[ClassCounts]
    findings: list[tuple[str, int]]


def count_data(masks: Path) -> Counts | None:
    """Count what `maskwright masks` wrote; None if it wrote nothing.

    Raises:
        MaskwrightError: a file in the folder is missing or damaged.
    """
    if not masks.is_dir():
        return None
    data = read_masks(masks)
    split_of = np.array([data.splits.index(photograph.split) for photograph in data.photographs], np.int64)
    # (splits, classes), without background
    objects = np.zeros((len(data.splits), len(data.classes)), np.int64)
    np.add.at(objects, (split_of[data.owner], data.label), 1)
    remarks = [remark for entry in (*data.photographs, *data.unusable) for remark in entry.remarks]
    return Counts(
        [*zip(data.splits, np.bincount(split_of, minlength=len(data.splits)).tolist(), strict=True)],
        [
            ClassCounts(name, objects[:, index].tolist(), int(objects[:, index].sum()))
            for index, name in enumerate(data.classes)
            if index > 0
        ],
        Counter(remark.severity for remark in remarks).most_common(),
    )
