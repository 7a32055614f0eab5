"""Nested subsets of the training photographs, as folders like those that `maskwright masks` writes."""

import csv
import json
import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from maskwright.photos.splits import BOXES, CLASSES, INDEX
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder

SHARES = (0.125, 0.25, 0.5, 1.0)
"""The shares of the training photographs that a learning curve trains on."""


def nested_subsets(
    groups: Sequence[str], has_object: Sequence[bool], shares: Sequence[float], seed: int
) -> list[np.ndarray]:
    """Return for each share the places of the photographs in that subset, sorted; each holds all smaller ones.

    Whole groups come in an order drawn by the seed, as long as that brings the number of photographs closer to the
    share of all. The first group is the first in that order that has an object: without any there is no training.

    Args:
        groups: of each photograph; its own for one that is by itself.
        has_object: whether the photograph has one.
        shares: ascending, the last one at most 1.
        seed: another one draws another order.

    Raises:
        MaskwrightError: two subsets would be the same, or no photograph has an object.
    """
    members: dict[str, list[int]] = {}
    for place, group in enumerate(groups):
        members.setdefault(group, []).append(place)
    names = list(members)
    order = [names[n] for n in np.random.default_rng([seed % 2**64, 3]).permutation(len(names))]
    first = next((g for g in order if any(has_object[place] for place in members[g])), None)
    if first is None:
        raise MaskwrightError("no training photograph has an object; label some first")
    order = [first, *(group for group in order if group != first)]
    ends = np.cumsum([len(members[group]) for group in order])
    subsets = []
    for share in shares:
        taken = int(np.abs(ends - share * len(groups)).argmin()) + 1
        subsets.append(np.array(sorted(place for group in order[:taken] for place in members[group])))
    if any(len(one) == len(next_) for one, next_ in pairwise(subsets)):
        what = "photographs" if len(names) == len(groups) else "groups of photographs"
        raise MaskwrightError(
            f"{len(names)} {what} to train on are too few for a learning curve of {len(shares)} sizes; label "
            f"{round(1 / shares[0])} or more"
        )
    return subsets


def write_subset(data: Path, places: np.ndarray, out: Path) -> None:
    """Write a data set with some of the training photographs, and with the whole of the other splits.

    Args:
        data: the folder that `maskwright masks` wrote.
        places: of the training photographs, in the order of the index.
        out: the folder to write; one that is there is replaced.
    """
    with replaced_folder(out) as folder:
        for split in ("train", "validation", "test"):
            _write_split(data / split, folder / split, out / split, None if split != "train" else places.tolist())


def _write_split(source: Path, folder: Path, final: Path, places: Sequence[int] | None) -> None:
    """Write a part of a split into `folder`, which will become `final`."""
    with (source / INDEX).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    chosen = list(range(len(rows))) if places is None else list(places)
    folder.mkdir(parents=True)
    with (folder / INDEX).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        for place in chosen:
            image = rows[place]["image"]
            if not Path(image).is_absolute():
                image = Path(os.path.relpath(os.path.normpath(source / image), final)).as_posix()
            table.writerow({**rows[place], "image": image})
            mask = folder / rows[place]["mask"]
            mask.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / rows[place]["mask"], mask)
    coco = json.loads((source / BOXES).read_text(encoding="utf-8"))
    images = [coco["images"][place] for place in chosen]
    kept = {image["id"] for image in images}
    coco["images"] = images
    coco["annotations"] = [each for each in coco["annotations"] if each["image_id"] in kept]
    (folder / BOXES).write_text(json.dumps(coco), encoding="utf-8")
    shutil.copyfile(source / CLASSES, folder / CLASSES)
