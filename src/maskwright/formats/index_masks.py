"""Index masks: a PNG for each photograph, of which each pixel's value is a class.

A folder is one that `maskwright masks` or `maskwright predict segmentation` wrote (`index.csv` names the photograph
of each mask), or any folder of PNGs whose photographs have the same names in another folder. The classes are in
`classes.json`, a list that begins with the background (value 0), or are given.
"""

import csv
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskwright.formats.foreign import ATTRIBUTE, Foreign, ForeignImage, file_size
from maskwright.photos.images import IGNORE, SUFFIXES, ImageError, image_size, read_mask
from maskwright.photos.splits import CLASSES, INDEX
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import parallel_map
from maskwright.via.findings import Finding
from maskwright.via.model import ImageEntry
from maskwright.via.polygonise import mask_to_regions

VARIANT = "index masks"

LOST = ("bad-mask", "mask-size")
"""The codes of masks that are not read at all."""


class _Pair(NamedTuple):
    mask: Path
    image: Path


def read(
    path: Path,
    images: Path | None,
    classes: Sequence[str] | None,
    *,
    tolerance: float,
    workers: int | None = None,
) -> Foreign:
    """Read a folder of index masks; the outlines follow the pixels' sides.

    Args:
        path: the folder.
        images: the photographs' folder, where the masks' folder has no index.
        classes: the names in the values' order, from 1, where the folder does not have them.
        tolerance: in pixels; 0 reproduces every pixel, see `mask_to_regions`.
        workers: processes; the available cores if None.

    Raises:
        MaskwrightError: the classes or the photographs are not known.
    """
    names = _classes(path, classes)
    pairs = _indexed(path) if (path / INDEX).is_file() and images is None else _matched(path, images)
    folder = images or Path(os.path.commonpath([Path(os.path.abspath(pair.image.parent)) for pair in pairs]))  # noqa: PTH100  links stay
    make = partial(_image, folder=folder, names=names, tolerance=tolerance)
    return Foreign(path, VARIANT, folder, names, parallel_map(make, pairs, workers=workers, chunk=4))


def _classes(path: Path, classes: Sequence[str] | None) -> tuple[str, ...]:
    listed = path / CLASSES
    if not listed.is_file():
        if not classes:
            raise MaskwrightError(
                f"{path}: no {CLASSES} says which class each value is; name them in the values' order with --classes"
            )
        return tuple(classes)
    try:
        names = json.loads(listed.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        names = None
    if not isinstance(names, list) or len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise MaskwrightError(f'{listed}: not a list of names such as ["background", "cat"]; correct or delete it')
    return tuple(names[1:])


def _indexed(path: Path) -> list[_Pair]:
    with (path / INDEX).open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"image", "mask"} <= rows[0].keys():
        raise MaskwrightError(
            f"{path / INDEX}: lists no masks with their images; name the photographs' folder: --images"
        )
    pairs = []
    for row in rows:
        beside = Path(os.path.normpath(path / row["image"]))
        # `predict` lists photographs as they were given to it, from the folder that it ran in.
        pairs.append(_Pair(path / row["mask"], beside if beside.is_file() else Path(row["image"])))
    return pairs


def _matched(path: Path, images: Path | None) -> list[_Pair]:
    if images is None:
        raise MaskwrightError(
            f"{path}: no {INDEX} says which photographs they are of; name their folder with --images"
        )
    masks = sorted(path.rglob("*.png"))
    if not masks:
        raise MaskwrightError(f"{path}: no PNG in it; index masks are PNGs whose values are classes")
    return [_Pair(mask, _photograph(mask, images / mask.relative_to(path).with_suffix(""))) for mask in masks]


def _photograph(mask: Path, stem: Path) -> Path:
    """Return the photograph of this name, whatever its kind; `stem` itself if there is none."""
    names = [stem, *(stem.with_name(stem.name + suffix) for suffix in SUFFIXES)]
    names += [stem.with_name(stem.name + suffix.upper()) for suffix in SUFFIXES]
    return next((name for name in names if name.is_file() and name.resolve() != mask.resolve()), stem)


def _image(pair: _Pair, *, folder: Path, names: tuple[str, ...], tolerance: float) -> ForeignImage:
    """Draw the outlines of one mask; runs in a worker."""
    name = Path(os.path.relpath(pair.image, folder)).as_posix()
    size = file_size(pair.image)
    empty = ImageEntry(f"{name}{size}", name, size, ())
    try:
        mask = read_mask(pair.mask)
    except ImageError as error:
        message = f"its mask cannot be used: {str(error).removeprefix(f'{pair.mask}: ')}"
        finding = Finding("refused", LOST[0], message, "save it with one 8-bit channel of class numbers")
        return ForeignImage(empty, (finding.at(str(pair.mask), name),))
    try:
        sides = image_size(pair.image)
    except ImageError:
        sides = mask.shape  # the photograph is reported with the number of its regions
    if mask.shape != sides:
        message = (
            f"its mask is {mask.shape[1]} x {mask.shape[0]} pixels, and the photograph, as shown, "
            f"{sides[1]} x {sides[0]}"
        )
        finding = Finding("refused", LOST[1], message, "make the mask at the photograph's size")
        return ForeignImage(empty, (finding.at(str(pair.mask), name),))
    problems = []
    unknown = int(np.count_nonzero(mask == IGNORE))
    if unknown:
        message = f"{unknown:,} pixels of unknown class ({IGNORE}) are in no outline, and so count as background"
        finding = Finding("warning", "unknown-pixels", message, "none if they are borders; else outline them")
        problems.append(finding.at(str(pair.mask), name))
    greatest = int(np.where(mask == IGNORE, 0, mask).max(initial=0))
    # A value without a class becomes a label that is none, which is then reported with its region.
    labels = ["background", *names, *(f"value {value}" for value in range(len(names) + 1, greatest + 1))]
    regions = mask_to_regions(mask, labels, tolerance=tolerance, min_area=1, attribute=ATTRIBUTE)
    return ForeignImage(ImageEntry(empty.key, name, size, tuple(regions)), tuple(problems))
