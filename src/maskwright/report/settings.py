"""The settings that differ from the defaults."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_ABSENT = "–"


class Setting(NamedTuple):
    """A key of params.yaml, as `segmentation.loss.name`, with its value and the default, as texts."""

    key: str
    value: str
    default: str


def changed_settings(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Setting]:
    """Return the settings whose values are not the defaults, in the order of the values.

    Args:
        values: the content of a params file.
        defaults: the content of the one that maskwright comes with.
    """
    here, there = (dict(_leaves(each, "")) for each in (values, defaults))
    keys = [*here, *(key for key in there if key not in here)]
    return [
        Setting(key, _text(here, key), _text(there, key))
        for key in keys
        if key not in here or key not in there or not _same(here[key], there[key])
    ]


def _same(one: Any, other: Any) -> bool:
    """Compare values as YAML has them: 1 and 1.0 are one number, but true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, value


def _text(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return _ABSENT
    value = values[key]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
