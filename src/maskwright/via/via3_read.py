"""VIA 3 projects: `file` and `view` name the images, `metadata` holds the regions separately.

What belongs to a video or a sound, and what has only a place in time, becomes a region of the shape `segment`, which
is not used.
"""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from maskwright.via.model import AttributeValue, ImageEntry, Region
from maskwright.via.source import AnnotationError, JsonStream
from maskwright.via.values import add_labels, normal_name, to_numbers

_IMAGE = 2  # the `type` of a file
_CHECKBOX = 2  # the `type` of an attribute whose value lists the checked options' ids, separated by commas
_SHAPES: dict[int, tuple[str, tuple[str, ...]]] = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("line", ()),
    6: ("polyline", ()),
    7: ("polygon", ()),
    8: ("extreme rectangle", ()),
    9: ("extreme circle", ()),
}
_OUTLINES = ("polyline", "polygon", "extreme rectangle", "extreme circle")


class _Mark(NamedTuple):
    xy: array  # doubles: the shape's id, then its numbers
    attributes: dict[str, str]
    in_time: bool  # it has a place in time, and none in space


class _Attribute(NamedTuple):
    name: str
    labels: dict[str, str]
    checkbox: bool


def inspect(path: Path, files: Any) -> tuple[int, frozenset[str]]:
    """Return how many images a project lists, and the names it lists more than once.

    Raises:
        AnnotationError: it lists videos or sounds, and no image.
    """
    seen: set[str] = set()
    again: set[str] = set()
    listed = [item for item in files.values() if isinstance(item, dict)] if isinstance(files, dict) else []
    shown = [item for item in listed if _is_image(item)]
    if listed and not shown:
        raise AnnotationError(f"{path}: a VIA 3 project of audio or video; only images can be used")
    for item in listed:
        name = normal_name(_text(item.get("fname")))
        (again if name in seen else seen).add(name)
    return len(shown), frozenset(again - {""})


def _is_image(item: dict[str, Any]) -> bool:
    return item.get("type", _IMAGE) == _IMAGE


def images(stream: JsonStream) -> Iterator[ImageEntry]:
    """Yield the images in the file's order, then one entry without a file name for each view it does not define."""
    files: Any = {}
    views: Any = {}
    attributes: dict[str, _Attribute] = {}
    marks: dict[str, list[_Mark]] = {}
    for member in stream.members():
        if member == "metadata" and stream.peek() == "{":
            for _ in stream.members():
                view, mark = _mark(stream.value())
                if mark is not None:
                    marks.setdefault(view, []).append(mark)
            continue
        value = stream.value()
        if member == "file":
            files = value
        elif member == "view":
            views = value
        elif member == "attribute":
            attributes = _attributes(value)
    stream.end()
    # A view shows one file; its id is what `metadata` refers to.
    of_file: dict[str, list[_Mark]] = {}
    for view, found in marks.items():
        of_file.setdefault(_file_of(view, views), []).extend(found)
    for key, item in files.items() if isinstance(files, dict) else ():
        name = _text(item.get("fname")) if isinstance(item, dict) else ""
        regions = _regions(of_file.pop(key, []), attributes)
        if isinstance(item, dict) and not _is_image(item):
            regions = tuple(Region(region.number, "segment", {}, region.attributes) for region in regions)
        yield ImageEntry(key, name, -1, regions)
    for key, found in of_file.items():
        yield ImageEntry(key, "", -1, _regions(found, attributes))


def _file_of(view: str, views: Any) -> str:
    defined = views.get(view) if isinstance(views, dict) else None
    shown = defined.get("fid_list") if isinstance(defined, dict) else None
    return str(shown[0]) if isinstance(shown, list) and len(shown) == 1 else f"view {view}"


def _mark(value: Any) -> tuple[str, _Mark | None]:
    """Return the view's id and the region; None where the metadata describes the whole image."""
    item = value if isinstance(value, dict) else {}
    xy = item.get("xy")
    if (xy == [] or (xy is None and "vid" in item)) and not item.get("z"):
        return "", None
    numbers = array("d", to_numbers(xy) if isinstance(xy, list) else ())
    labels = item.get("av")
    kept = {key: _text(text) for key, text in labels.items()} if isinstance(labels, dict) else {}
    return _text(item.get("vid")), _Mark(numbers, kept, in_time=not xy and bool(item.get("z")))


def _attributes(value: Any) -> dict[str, _Attribute]:
    found: dict[str, _Attribute] = {}
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict):
            labels: dict[str, dict[str, str]] = {}
            options = item.get("options")
            add_labels(labels, "", options if isinstance(options, dict) else {})
            name = _text(item.get("aname")) or key
            found[key] = _Attribute(name, labels.get("", {}), item.get("type") == _CHECKBOX)
    return found


def _regions(marks: list[_Mark], attributes: dict[str, _Attribute]) -> tuple[Region, ...]:
    return tuple(_region(number, mark, attributes) for number, mark in enumerate(marks))


def _region(number: int, mark: _Mark, attributes: dict[str, _Attribute]) -> Region:
    labels: dict[str, AttributeValue] = {}
    for key, text in mark.attributes.items():
        attribute = attributes.get(key, _Attribute(key, {}, False))
        if attribute.checkbox:
            labels[attribute.name] = tuple(attribute.labels.get(part, part) for part in text.split(",") if part)
        else:
            labels[attribute.name] = attribute.labels.get(text, text)
    if mark.in_time:
        return Region(number, "segment", {}, labels)
    kind, values = (mark.xy[0], tuple(mark.xy[1:])) if mark.xy else (0.0, ())
    shape, names = _SHAPES.get(int(kind), ("", ())) if kind == kind and abs(kind) < 100 else ("", ())
    if shape in _OUTLINES:
        return Region(number, shape, {"all_points_x": values[::2], "all_points_y": values[1::2]}, labels)
    geometry = dict(zip(names, values, strict=True)) if len(names) == len(values) else {}
    return Region(number, shape, geometry, labels)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
