"""Convert single values of an annotation file leniently into those of `model`; nothing here raises."""

import math
import posixpath
import unicodedata
from collections.abc import Mapping
from typing import Any

from maskwright.via.model import AttributeValue, ImageEntry, Number, Region
from maskwright.via.source import members_of

Options = Mapping[str, Mapping[str, str]]

_SCALARS = frozenset({"x", "y", "width", "height", "cx", "cy", "r", "rx", "ry", "theta"})
_LISTS = frozenset({"all_points_x", "all_points_y"})
_LARGEST = 2**53
_UNCHECKED = (False, None, 0, "", "false")


def to_number(value: Any) -> Number:
    """Return an int or float unchanged, one beyond float's exact integers as +-inf, and anything else as NaN."""
    if type(value) is float:
        return value
    if type(value) is int:
        return value if -_LARGEST < value < _LARGEST else math.inf if value > 0 else -math.inf
    return math.nan


def to_numbers(values: list[Any]) -> tuple[Number, ...]:
    """Return `to_number` of each."""
    kinds = set(map(type, values))
    if kinds == {float} or (kinds == {int} and min(values) > -_LARGEST and max(values) < _LARGEST):
        return tuple(values)  # the usual case, ten times as fast
    return tuple(map(to_number, values))


def to_region(number: int, value: Any, options: Options) -> Region:
    """Return a region of VIA 1 or 2; a null or malformed one has shape "" and whatever geometry could be kept."""
    if not isinstance(value, dict):
        return Region(number, "", {})
    shape, geometry = "", {}
    drawn = value.get("shape_attributes")
    if isinstance(drawn, dict):
        name = drawn.get("name")
        shape = name if isinstance(name, str) else ""
        for key, item in drawn.items():
            if key in _LISTS:
                geometry[key] = to_numbers(item) if isinstance(item, list) else to_number(item)
            elif key in _SCALARS:
                geometry[key] = to_number(item)
    return Region(number, shape, geometry, to_attributes(value.get("region_attributes"), options))


def to_attributes(value: Any, options: Options) -> dict[str, AttributeValue]:
    """Return label attributes, with option ids replaced by the labels that the file defines for them."""
    if not isinstance(value, dict):
        return {}
    return {key: _attribute(item, options.get(key, {})) for key, item in value.items()}


def to_image(key: str, value: Any, options: Options) -> ImageEntry:
    """Return an image of VIA 1 or 2; a malformed one has an empty file name."""
    if not isinstance(value, dict):
        return ImageEntry(key, "", -1, ())
    filename = value.get("filename")
    regions = value.get("regions")
    if isinstance(regions, dict):
        listed = [item for _, item in members_of(regions)]
    elif isinstance(regions, list):
        listed = regions
    else:
        listed = [] if regions is None else [None]
    return ImageEntry(
        key=key,
        filename=filename if isinstance(filename, str) else "",
        size=to_size(value.get("size")),
        regions=tuple(to_region(number, item, options) for number, item in enumerate(listed)),
        attributes=to_attributes(value.get("file_attributes"), {}),
    )


def to_size(value: Any) -> int:
    """Return a file size in bytes; -1 if it is unknown."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 16 else -1
    number = to_number(value)
    return int(number) if math.isfinite(number) else -1


def normal_name(filename: str) -> str:
    """Return the normal form of a file name, so that two mentions of one image compare equal."""
    name = unicodedata.normalize("NFC", filename.strip().replace("\\", "/"))
    return posixpath.normpath(name) if name else ""


def option_labels(attributes: Any) -> dict[str, dict[str, str]]:
    """Return attribute -> option id -> label of a VIA 2 project's region attributes.

    An attribute is left out where two of its options share a label, since only their ids tell them apart.
    """
    labels: dict[str, dict[str, str]] = {}
    if not isinstance(attributes, dict):
        return labels
    for name, definition in attributes.items():
        if not isinstance(definition, dict) or definition.get("type") not in ("radio", "dropdown", "checkbox"):
            continue
        options = definition.get("options")
        if isinstance(options, dict):
            add_labels(labels, name, options)
    return labels


def add_labels(labels: dict[str, dict[str, str]], name: str, options: dict[str, Any]) -> None:
    """Add one attribute's options (id -> label) to `labels`, unless two of them share a label."""
    named = {key: text for key, text in options.items() if isinstance(text, str) and text.strip()}
    if len(set(named.values()) | (options.keys() - named.keys())) == len(options):
        labels[name] = named


def _attribute(value: Any, labels: Mapping[str, str]) -> AttributeValue:
    if isinstance(value, dict):
        return tuple(labels.get(key, key) for key, item in value.items() if item not in _UNCHECKED)
    if isinstance(value, list):
        return tuple(labels.get(text, text) for text in map(_text, value) if text)
    text = _text(value)
    return labels.get(text, text)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _LARGEST:
        value = int(value)
    return str(value)
