"""COCO JSON, as VIA exports it and as others write it.

A category becomes the region attribute `name`. Every part of a segmentation becomes a separate region. An annotation
without a segmentation becomes its box. An annotation stored as RLE keeps only its box, with the shape `rle`.
"""

from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

from maskwright.via.model import AttributeValue, ImageEntry, Region
from maskwright.via.source import JsonStream
from maskwright.via.values import to_numbers

LABEL = "name"

_BOX: tuple[str, ...] = ("x", "y", "width", "height")


class _Part(NamedTuple):
    category: str
    shape: str
    numbers: array  # doubles: x1, y1, x2, y2, ... or x, y, width, height


def images(stream: JsonStream) -> Iterator[ImageEntry]:
    """Yield the images in the file's order, then one entry without a file name for each image id it does not list.

    Raises:
        AnnotationError: two images share an id, so it is unclear which of them an annotation belongs to.
    """
    listed: list[tuple[str, str]] = []
    parts: dict[str, list[_Part]] = {}
    names: dict[str, list[str]] = {}
    for member in stream.members():
        if member not in ("images", "annotations", "categories") or stream.peek() != "[":
            stream.value()
            continue
        for _ in stream.elements():
            value = stream.value()
            item = value if isinstance(value, dict) else {}
            if member == "images":
                name = item.get("file_name")
                listed.append((_identity(item.get("id")), name if isinstance(name, str) else ""))
            elif member == "annotations":
                parts.setdefault(_identity(item.get("image_id")), []).extend(_parts(item))
            else:
                known = names.setdefault(_identity(item.get("id")), [])
                name = item.get("name")
                if isinstance(name, str) and name not in known:
                    known.append(name)
    stream.end()
    _refuse_shared_ids(stream, listed, parts)
    for identity, filename in listed:
        yield _entry(identity, filename, parts.pop(identity, []), names)
    for identity in list(parts):
        yield _entry(f"image_id {identity}", "", parts.pop(identity), names)


def _refuse_shared_ids(stream: JsonStream, listed: list[tuple[str, str]], parts: dict[str, list[_Part]]) -> None:
    owner: dict[str, str] = {}
    for identity, filename in listed:
        if owner.setdefault(identity, filename) != filename and identity in parts:
            stream.fail(
                f"two images have the id {identity} ({owner[identity]!r} and {filename!r}), so their annotations "
                "cannot be told apart; give each image its own id"
            )


def _identity(value: Any) -> str:
    # VIA up to 2.0.9 writes an image's id as a number, and the same id as a string in its annotations.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else repr(value)


def _parts(annotation: dict[str, Any]) -> Iterator[_Part]:
    category = _identity(annotation.get("category_id"))
    segmentation = annotation.get("segmentation")
    if isinstance(segmentation, dict):
        yield _Part(category, "rle", _numbers(annotation.get("bbox")))
    elif isinstance(segmentation, list) and segmentation:
        # VIA writes either one flat list of numbers or, as COCO does, a list of such lists.
        polygons = [part for part in segmentation if isinstance(part, list)] or [segmentation]
        for polygon in polygons:
            yield _Part(category, "polygon", _numbers(polygon))
    elif isinstance(annotation.get("bbox"), list):
        yield _Part(category, "rect", _numbers(annotation["bbox"]))
    else:
        yield _Part(category, "", _numbers(None))


def _numbers(values: Any) -> array:
    return array("d", to_numbers(values) if isinstance(values, list) else ())


def _entry(key: str, filename: str, parts: list[_Part], names: dict[str, list[str]]) -> ImageEntry:
    regions = tuple(_region(number, part, names) for number, part in enumerate(parts))
    return ImageEntry(key, filename, -1, regions)


def _region(number: int, part: _Part, names: dict[str, list[str]]) -> Region:
    known = names.get(part.category, [])
    # An id with several names (VIA up to 2.0.9) is ambiguous, like several checked boxes.
    label: AttributeValue = known[0] if len(known) == 1 else tuple(known)
    attributes = {LABEL: label} if known else {}
    values = tuple(part.numbers)
    if part.shape == "polygon":
        return Region(number, "polygon", {"all_points_x": values[::2], "all_points_y": values[1::2]}, attributes)
    geometry = dict(zip(_BOX, values, strict=True)) if len(values) == len(_BOX) else {}
    return Region(number, part.shape, geometry, attributes)
