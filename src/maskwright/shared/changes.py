"""In which settings two mappings differ."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

ABSENT: Final = object()
"""The value of a setting that one of them has not got."""


class Change(NamedTuple):
    """A setting by its dotted key, as `segmentation.loss.name`, with its value and the default."""

    key: str
    value: Any
    default: Any


def changes(values: Mapping[str, Any], defaults: Mapping[str, Any], prefix: str = "") -> Iterator[Change]:
    """Yield the settings whose values are not the defaults, in the order of the values.

    A mapping in place of something else is a single setting: `dvc exp run -S` takes it only as a whole.

    >>> [change.key for change in changes({"a": {"b": 2, "c": 3}, "d": {"e": 1}}, {"a": {"b": 1, "c": 3}, "d": None})]
    ['a.b', 'd']
    """
    for key in [*values, *(key for key in defaults if key not in values)]:
        value, default = values.get(key, ABSENT), defaults.get(key, ABSENT)
        if isinstance(value, Mapping) and isinstance(default, Mapping):
            yield from changes(value, default, f"{prefix}{key}.")
        elif not _same(value, default):
            yield Change(f"{prefix}{key}", value, default)


def _same(one: Any, other: Any) -> bool:
    """Compare values as YAML has them: 1 and 1.0 are one number, but true is not 1."""
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
