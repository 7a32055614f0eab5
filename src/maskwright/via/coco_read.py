"""COCO JSON, as VIA exports it and as others write it.

A category becomes the region attribute `name`. Every part of a segmentation becomes a separate region. Run lengths
(RLE) become one region, of the shape `rle`, or `crowd` if they stand for several objects together. An annotation
without a segmentation becomes its box, or else its keypoints.
"""

from array import array
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from maskwright.via.model import Geometry, ImageEntry, Number, Region
from maskwright.via.source import JsonStream, printable
from maskwright.via.values import to_number, to_numbers

LABEL = "name"

_BOX: tuple[str, ...] = ("x", "y", "width", "height")
_CURE = "if VIA wrote the file, export the annotations as JSON and use that one; else give each category its own id"
_NO_ID = "None"  # what `_identity` makes of null, and of an id that is not there
_STORED = {"B": "characters", "d": "counts"}
_LARGEST_SIDE = 2**31
_SHOWN = 4


class _Part(NamedTuple):
    category: str
    shape: str
    numbers: array  # doubles: x1, y1, x2, y2, ... or x, y, width, height
    stored: "tuple[Number, Number, array] | None" = None  # of run lengths: height, width, counts or characters


class _Image(NamedTuple):
    identity: str
    filename: str
    drawn_on: tuple[int, int] | None


def images(stream: JsonStream) -> Iterator[ImageEntry]:
    """Yield the images in the file's order, then one entry without a file name for each image id it does not list.

    Raises:
        AnnotationError: two images share an id, so it is unclear which of them an annotation belongs to; or two
            categories share one, or have none, so it is unclear which of them an annotation has; or no annotation
            has a category that the file names.
    """
    listed: list[_Image] = []
    parts: dict[str, list[_Part]] = {}
    names: dict[str, dict[str, None]] = {}
    used: dict[str, None] = {}
    for member in stream.members():
        if member not in ("images", "annotations", "categories") or stream.peek() != "[":
            stream.value()
            continue
        for _ in stream.elements():
            value = stream.value()
            item = value if isinstance(value, dict) else {}
            if member == "images":
                name = item.get("file_name")
                filename = name if isinstance(name, str) else ""
                listed.append(_Image(_identity(item.get("id")), filename, _size(item)))
            elif member == "annotations":
                used[_identity(item.get("category_id"))] = None
                parts.setdefault(_identity(item.get("image_id")), []).extend(_parts(item))
            else:
                name = item.get("name")
                if isinstance(name, str):
                    names.setdefault(_identity(item.get("id")), {})[name] = None
    stream.end()
    _refuse_shared_ids(stream, listed, parts)
    _refuse_unclear_categories(stream, names, list(used))
    labels = {identity: next(iter(called)) for identity, called in names.items()}
    for image in listed:
        found = _regions(parts.pop(image.identity, []), labels)
        yield ImageEntry(image.identity, image.filename, -1, found, drawn_on=image.drawn_on)
    for identity in list(parts):
        yield ImageEntry(f"image_id {identity}", "", -1, _regions(parts.pop(identity), labels))


def _refuse_shared_ids(stream: JsonStream, listed: list[_Image], parts: Mapping[str, list[_Part]]) -> None:
    owner: dict[str, str] = {}
    for identity, filename, _ in listed:
        if owner.setdefault(identity, filename) != filename and identity in parts:
            stream.fail(
                f"two images have the id {identity} ({owner[identity]!r} and {filename!r}), so their annotations "
                "cannot be told apart; if VIA wrote the file, export the annotations as JSON and use that one; else "
                "give each image its own id"
            )


def _refuse_unclear_categories(stream: JsonStream, names: Mapping[str, Mapping[str, None]], used: list[str]) -> None:
    """Refuse categories that cannot be told apart: VIA's COCO export makes numbers of option ids, or null."""
    for identity in used:
        called = list(names.get(identity, ()))
        if len(called) > 1:
            which = ", ".join(repr(printable(name, 30)) for name in called[:_SHOWN])
            which += ", ..." if len(called) > _SHOWN else ""
            said = "have no id" if identity == _NO_ID else f"share the id {printable(identity, 30)}"
            stream.fail(f"the categories {which} {said}, so labels cannot be told apart; {_CURE}")
    with_id = [identity for identity in used if identity != _NO_ID]
    # A file of one class may well leave out the list of categories.
    if (len(with_id) > 1 or (with_id and names)) and not any(identity in names for identity in used):
        which = ", ".join(printable(identity, 30) for identity in with_id[:_SHOWN])
        stream.fail(f"no category has an id that the annotations use ({which}), so no label is known; {_CURE}")


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return an image's (height, width); None if it is not given, or is none."""
    sides = [to_number(image.get(side)) for side in ("height", "width")]
    height, width = (int(side) if 0 < side < _LARGEST_SIDE and side == int(side) else 0 for side in sides)
    return (height, width) if height and width else None


def _identity(value: Any) -> str:
    # VIA up to 2.0.9 writes an image's id as a number, and the same id as a string in its annotations.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else repr(value)


def _parts(annotation: dict[str, Any]) -> Iterator[_Part]:
    category = _identity(annotation.get("category_id"))
    segmentation, box = annotation.get("segmentation"), annotation.get("bbox")
    # VIA writes either one flat list of numbers or, as COCO does, a list of such lists; empty ones for a point.
    polygons = [part for part in segmentation if isinstance(part, list)] if isinstance(segmentation, list) else []
    if isinstance(segmentation, dict):
        shape = "crowd" if annotation.get("iscrowd") == 1 else "rle"
        yield _Part(category, shape, _numbers(box), _run_lengths(segmentation))
    elif any(polygons):
        for polygon in polygons:
            yield _Part(category, "polygon", _numbers(polygon))
    elif segmentation and not polygons and isinstance(segmentation, list):
        yield _Part(category, "polygon", _numbers(segmentation))
    elif isinstance(box, list) and box:
        yield _Part(category, "rect", _numbers(box))
    elif isinstance(annotation.get("keypoints"), list):
        yield _Part(category, "point", _numbers(annotation["keypoints"][:2]))
    elif annotation.get("area") == []:  # as VIA writes a polyline
        yield _Part(category, "not exported", _numbers(None))
    else:
        yield _Part(category, "", _numbers(None))


def _run_lengths(segmentation: Mapping[str, Any]) -> "tuple[Number, Number, array]":
    size, counts = segmentation.get("size"), segmentation.get("counts")
    height, width = map(to_number, size) if isinstance(size, list) and len(size) == 2 else (-1, -1)
    if isinstance(counts, str):
        return height, width, array("B", counts.encode("ascii", "replace"))
    return height, width, _numbers(counts)


def _numbers(values: Any) -> array:
    return array("d", to_numbers(values) if isinstance(values, list) else ())


def _regions(parts: list[_Part], labels: Mapping[str, str]) -> tuple[Region, ...]:
    return tuple(_region(number, part, labels) for number, part in enumerate(parts))


def _region(number: int, part: _Part, labels: Mapping[str, str]) -> Region:
    label = labels.get(part.category)
    unlabelled = ""
    if label is None and labels and part.category != _NO_ID:
        unlabelled = f"its category, {printable(part.category, 30)}, is not in the file's list of categories"
    attributes = {} if label is None else {LABEL: label}
    return Region(number, part.shape, _geometry(part), attributes, unlabelled)


def _geometry(part: _Part) -> Geometry:
    values = tuple(part.numbers)
    if part.shape == "polygon":
        return {"all_points_x": values[::2], "all_points_y": values[1::2]}
    if part.shape == "point":
        return dict(zip(("cx", "cy"), values, strict=False))
    box = dict(zip(_BOX, values, strict=True)) if len(values) == len(_BOX) else {}
    if part.stored is None:
        return box
    rows, columns, stored = part.stored
    return {**box, "rows": rows, "columns": columns, _STORED[stored.typecode]: tuple(stored)}
