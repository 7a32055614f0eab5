"""What `maskwright masks` wrote, as far as a look at the annotations needs it.

Outlines are most of it, and only those of photographs that are shown are ever held, so the boxes' file is read twice,
each time piece by piece.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.photos.splits import BOXES, CLASSES, INDEX, read_classes, read_split
from maskwright.shared.errors import MaskwrightError
from maskwright.via.source import JsonStream, opened_text

REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to be said about a photograph, or about a whole annotation file.

    Attributes:
        severity: `refused` or `warning`, as in `via.report`; `leak`, if training and test come to share a photograph;
            `note`, if it is worth knowing and may well be right.
        code: the kind, as in `via.findings`.
        message: what was noticed.
        advice: what to do.
        region: the region's number in the annotation file; None if it is about all of the photograph.
    """

    severity: str
    code: str
    message: str
    advice: str
    region: int | None = None


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph of a split, with the paths of its files and what the checks of its annotations found.

    `name` is its path below the annotations' root. `height` and `width` are in pixels, as shown.
    """

    split: str
    name: str
    image: Path
    mask: Path
    height: int
    width: int
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Unusable:
    """An entry of an annotation file without a photograph that can be used, or (without a name) the whole file."""

    split: str
    name: str
    remarks: tuple[Remark, ...]


@dataclass(frozen=True)
class Data:
    """All splits of a masks' folder.

    Attributes:
        splits: their names, in order.
        classes: in index order, background first.
        photographs: of all splits, in order.
        unusable: what the annotations name and no split holds.
        owner: (n,) int64, for each object the position of its photograph in `photographs`.
        label: (n,) int64, each object's class index.
        area: (n,) float64, what each object's outline encloses, in square pixels.
    """

    splits: tuple[str, ...]
    classes: tuple[str, ...]
    photographs: tuple[Photograph, ...]
    unusable: tuple[Unusable, ...]
    owner: np.ndarray
    label: np.ndarray
    area: np.ndarray


@dataclass(slots=True)
class Outlines:
    """What was drawn on one photograph, in its pixels.

    Attributes:
        objects: class index and (n, 2) float64 points (x, y) of each outline.
        unknown: boxes (x, y, width, height) of regions whose class is not known.
    """

    objects: list[tuple[int, np.ndarray]] = field(default_factory=list)
    unknown: list[list[float]] = field(default_factory=list)


def read_masks(folder: Path) -> Data:
    """Read what the splits in a masks' folder hold, without outlines, masks and photographs.

    Raises:
        MaskwrightError: the folder was not written by `maskwright masks`, or a file in it is missing or damaged.
    """
    reports = _reports(folder)
    classes = read_classes(*(folder / split for split in reports))
    photographs: list[Photograph] = []
    unusable: list[Unusable] = []
    objects: list[tuple[int, int, float]] = []
    for split, report in reports.items():
        remarks = _remarks(report["problems"])
        first = len(photographs)
        for example, image in zip(read_split(folder / split), _members(folder / split, "images"), strict=True):
            _, found = remarks.pop(example.image.resolve(), ("", ()))
            size = image["height"], image["width"]
            photographs.append(Photograph(split, image["file_name"], example.image, example.mask, *size, found))
        unusable += [Unusable(split, name, found) for name, found in remarks.values()]
        for annotation in _members(folder / split, "annotations"):
            position = first + annotation["image_id"] - 1  # ids count from 1
            objects.append((position, annotation["category_id"], annotation["area"]))
    owner, label, area = np.array(objects, float).reshape(-1, 3).T
    return Data(
        splits=tuple(reports),
        classes=tuple(classes),
        photographs=tuple(photographs),
        unusable=tuple(unusable),
        owner=owner.astype(np.int64),
        label=label.astype(np.int64),
        area=area,
    )


def read_outlines(folder: Path, data: Data, wanted: Collection[int]) -> dict[int, Outlines]:
    """Return the outlines on some photographs, by their positions in `data.photographs`.

    Args:
        folder: the folder that `data` was read from.
        data: what `read_masks` returned.
        wanted: positions.
    """
    found = {position: Outlines() for position in wanted}
    first = 0
    for split in data.splits:
        for position, image in enumerate(_members(folder / split, "images"), first):
            if position in found:
                found[position].unknown = image.get("unlabelled", [])
        for annotation in _members(folder / split, "annotations"):
            outlines = found.get(first + annotation["image_id"] - 1)
            if outlines is not None:
                for polygon in annotation["segmentation"]:
                    points = np.array(polygon, float).reshape(-1, 2)
                    outlines.objects.append((annotation["category_id"], points))
        first += sum(photograph.split == split for photograph in data.photographs)
    return found


def _reports(folder: Path) -> dict[str, Any]:
    path = folder / REPORT
    if not path.is_file():
        advice = "run `maskwright masks` first, or name an annotation file"
        raise MaskwrightError(f"{path}: no such file, so this is no folder of masks; {advice}")
    try:
        reports = json.loads(path.read_text(encoding="utf-8"))
        splits = [split for split in reports if isinstance(reports[split]["problems"], list)]
    except (ValueError, TypeError, LookupError):
        splits = []
    if not splits:
        raise MaskwrightError(f"{path}: not a report of `maskwright masks`; run it again")
    for split in splits:
        for name in (INDEX, CLASSES, BOXES):
            if not (folder / split / name).is_file():
                raise MaskwrightError(f"{folder / split / name}: no such file; run `maskwright masks` again")
    return reports


def _remarks(problems: list[dict[str, Any]]) -> dict[Path | str, tuple[str, tuple[Remark, ...]]]:
    """Return, for each photograph with findings, the name that the annotations give it, and the findings.

    The key is the file, if there is one, since annotations may name it in several ways; else the name.
    """
    found: dict[Path | str, tuple[str, tuple[Remark, ...]]] = {}
    for problem in problems:
        name = problem["image"]
        key: Path | str = problem["file"] if name is None else f"{problem['file']}/{name}"
        if name is not None:
            path = problem.get("path", Path(problem["file"]).parent / name)  # said where it is not beside the file
            key = key if path is None else Path(path).resolve()
        severity = "leak" if problem["code"] == "in-two-splits" else problem["severity"]
        remark = Remark(severity, problem["code"], problem["message"], problem["advice"], problem["region"])
        found[key] = (name or "", (*found.get(key, ("", ()))[1], remark))
    return found


def _members(folder: Path, wanted: str) -> Iterator[dict[str, Any]]:
    """Yield the elements of one of the lists in a split's COCO file."""
    path = folder / BOXES
    with opened_text(path) as text:
        stream = JsonStream(path, text)
        for key in stream.members():
            if key != wanted:
                stream.value()
                continue
            for _ in stream.elements():
                yield stream.value()
            return  # what follows is not needed
