"""The settings that differ from the defaults, as the page writes them."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from maskwright.shared.changes import ABSENT, changes


class Setting(NamedTuple):
    """A key of params.yaml, as `segmentation.loss.name`, with its value and the default, as texts."""

    key: str
    value: str
    default: str


def changed_settings(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[Setting]:
    """Return the settings whose values are not the defaults; see `shared.changes`.

    Args:
        values: the content of a params file.
        defaults: the content of the one that maskwright comes with.
    """
    return [Setting(key, _text(value), _text(default)) for key, value, default in changes(values, defaults)]


def _text(value: Any) -> str:
    if value is ABSENT:
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
