"""Writing checked annotations as VIA 2, COCO, YOLO or index masks. Only the current image is held in memory.

A writer takes each image as listed and as checked, and writes what its format can hold; `losses` says what it cannot.
"""

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from skimage.measure import label as connected

from maskwright.formats.foreign import ATTRIBUTE, file_size, is_finite
from maskwright.formats.yolo import IMAGES, LABELS
from maskwright.photos.images import IGNORE, class_palette, write_mask
from maskwright.photos.splits import CLASSES, INDEX, MASKS
from maskwright.shared.outputs import replaced_file, replaced_folder
from maskwright.via.findings import Finding
from maskwright.via.mask_names import MaskNames
from maskwright.via.model import CheckedImage, ImageEntry, Region
from maskwright.via.rasterise import rasterise
from maskwright.via.shapes import Placed, scaled
from maskwright.via.write import CocoWriter, coco_annotations, unlabelled_boxes, write_via_project

Target = Literal["via", "coco", "yolo", "png"]

_VIA_SHAPES = frozenset({"polygon", "polyline", "rect", "circle", "ellipse", "point"})
_RUN_LENGTHS = frozenset({"rle", "crowd"})

NOT_IN_VIA = "not-in-via"
"""The code of a region that VIA cannot hold."""


class Item(NamedTuple):
    """One image: as listed, as checked, and the name by which the output refers to it."""

    entry: ImageEntry
    checked: CheckedImage
    name: str


def losses(target: Target, entry: ImageEntry, checked: CheckedImage) -> Iterator[tuple[int | None, Finding]]:
    """Yield what a format cannot hold of an image, besides what checking found: a region or None, and the finding."""
    if target == "via":
        kept = {region.number for region in _for_via(entry, checked)}
        for region in entry.regions:
            if region.number not in kept:
                message = "VIA has no such shape, or not with such coordinates; it is left out"
                yield region.number, Finding("refused", NOT_IN_VIA, message, "export it as a polygon")
    if target in ("coco", "yolo"):
        for region in checked.regions:
            if region.shape in ("circle", "ellipse"):
                message = f"a {region.shape}; it becomes a polygon of the same area"
                yield region.number, Finding("warning", "curve", message, "none needed")
    if target == "png" and checked.usable:
        regions = sum(region.class_index != IGNORE for region in checked.regions)
        mask = rasterise(checked.regions, checked.height, checked.width)
        known = np.where(mask == IGNORE, 0, mask)
        areas = int(np.max(np.asarray(connected(known, background=0, connectivity=1)), initial=0))
        if areas != regions:
            message = f"{regions} regions become {areas} separate areas of one class each"
            advice = "none for segmentation; as single objects, they can only be told apart in the other formats"
            yield None, Finding("warning", "merged-regions", message, advice)


def write_via(
    items: Iterable[Item], out: Path, classes: Sequence[str], attribute: str | None, texts: set[str]
) -> None:
    """Write a VIA 2 project with every region that VIA can hold and every attribute, as they are."""

    def entries() -> Iterator[ImageEntry]:
        for item in items:
            drawn = _for_via(item.entry, item.checked)
            numbered = tuple(replace(region, number=number) for number, region in enumerate(drawn))
            size = item.entry.size if item.entry.size >= 0 else file_size(item.checked.path)
            yield replace(item.entry, key=f"{item.name}{size}", filename=item.name, size=size, regions=numbered)

    label = attribute or ATTRIBUTE
    write_via_project(out, entries(), classes=classes, attribute=label, texts=sorted(texts - {label}), name=out.stem)


def _for_via(entry: ImageEntry, checked: CheckedImage) -> list[Region]:
    """Return the regions that VIA can hold, right or wrong, in the photograph's pixels.

    A shape without a name has the one that lint inferred. One that VIA 2 does not know, such as run lengths, is what
    lint made of it.
    """
    placed = {region.number: region for region in checked.regions}
    kept: list[Region] = []
    for region in entry.regions:
        of_lint = placed.get(region.number)
        if region.shape in _VIA_SHAPES:
            kept.append(_in_pixels(region, entry, checked))
        elif not region.shape and of_lint is not None:
            kept.append(_in_pixels(replace(region, shape=of_lint.shape), entry, checked))
        elif of_lint is not None and (region.shape not in _RUN_LENGTHS or of_lint.shape == "polygon"):
            # Of run lengths that are damaged, lint knows no more than the box.
            kept.append(replace(region, shape=of_lint.shape, geometry=of_lint.geometry))
    return [region for region in kept if is_finite(region)]


def _in_pixels(region: Region, entry: ImageEntry, checked: CheckedImage) -> Region:
    """Return a region that may have been drawn on the photograph at another size."""
    size = checked.height, checked.width
    if not checked.usable or entry.drawn_on is None or entry.drawn_on == size:
        return region
    down, across = (now / before for now, before in zip(size, entry.drawn_on, strict=True))
    return replace(region, geometry=scaled(Placed(region.shape, region.geometry), down, across).geometry)


def write_coco(items: Iterable[Item], out: Path, classes: Sequence[str]) -> None:
    """Write COCO; see `CocoWriter`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    try:
        with CocoWriter(partial, classes) as writer:
            for _, checked, name in items:
                if checked.usable:
                    size = checked.height, checked.width
                    writer.add(name, *size, _outlines(checked), unlabelled_boxes(checked.regions, *size))
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def write_yolo(items: Iterable[Item], out: Path, classes: Sequence[str]) -> None:
    """Write a folder that Ultralytics reads: `data.yaml`, `images` (copies of the photographs), `labels`.

    Outlines are cut off at the borders. Nothing is split off: `train` and `val` are the same images.
    """
    with replaced_folder(out) as folder:
        names = MaskNames()
        for _, checked, name in items:
            if not checked.usable:
                continue
            # The photograph and its labels have one name, but for the suffix, as a mask has.
            stem = PurePosixPath(names.choose(name)).relative_to(MASKS).with_suffix("")
            copy = folder / IMAGES / f"{stem}{checked.path.suffix}"
            file = folder / LABELS / f"{stem}.txt"
            for path in (copy, file):
                path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checked.path, copy)
            size = checked.width, checked.height
            lines = []
            for annotation in map(json.loads, _outlines(checked)):
                (outline,) = annotation["segmentation"]
                # Nine digits tell 1/10,000 pixel apart in any photograph.
                shares = (f"{value / size[place % 2]:.9g}" for place, value in enumerate(outline))
                lines.append(f"{annotation['category_id'] - 1} {' '.join(shares)}\n")
            file.write_text("".join(lines), encoding="utf-8")
        with replaced_file(folder / "data.yaml") as file:
            # JSON's strings are YAML's too, whatever is in a name.
            file.write(f"train: {IMAGES}\nval: {IMAGES}\nnames:\n")
            file.writelines(f"  {n}: {json.dumps(name, ensure_ascii=False)}\n" for n, name in enumerate(classes))


def write_index_masks(items: Iterable[Item], out: Path, classes: Sequence[str]) -> None:
    """Write a folder with `index.csv`, `classes.json` and `masks`, as a split that `maskwright masks` writes."""
    with replaced_folder(out) as folder:
        palette = class_palette(len(classes) + 1)
        names = MaskNames()
        with (folder / INDEX).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["image", "mask", "height", "width"])
            for _, checked, name in items:
                if not checked.usable:
                    continue
                mask = names.choose(name)
                painted = rasterise(checked.regions, checked.height, checked.width)
                write_mask(folder / mask, painted, palette)
                from_here = Path(os.path.relpath(checked.path, out)).as_posix()
                table.writerow([from_here, mask, checked.height, checked.width])
        listed = json.dumps(["background", *classes], indent=2, ensure_ascii=False)
        (folder / CLASSES).write_text(listed + "\n", encoding="utf-8")


def _outlines(checked: CheckedImage) -> list[str]:
    crossing = {problem.region for problem in checked.problems if problem.code == "self-crossing"}
    return coco_annotations(checked.regions, checked.height, checked.width, crossing=crossing)


FOLDERS: Mapping[Target, bool] = {"via": False, "coco": False, "yolo": True, "png": True}
"""Whether a format is a folder, and not a file."""
