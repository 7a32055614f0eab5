"""Presets: settings that belong together, such as those of an experiment's author, written into params.yaml."""

import json
from collections.abc import Mapping
from functools import reduce
from importlib import import_module
from operator import getitem
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file
from maskwright.shared.yaml_file import parse_yaml, read_yaml

SOURCE = "source"
"""The name of the preset with the authors' own settings."""


def presets_of(name: str) -> dict[str, Mapping[str, Any]]:
    """Return the presets of an experiment by name: settings by dotted key.

    They are its module's `SOURCE`, where its source states some, and the others in `RECIPES`.
    """
    module = import_module(f"maskwright.experiments.{name}.params")
    source = getattr(module, "SOURCE", None)
    return {**({} if source is None else {SOURCE: source}), **getattr(module, "RECIPES", {})}


def apply_preset(name: str, preset: str, path: Path = Path("params.yaml")) -> list[str]:
    """Write a preset into the section of its experiment in a params file. Comments stay.

    Args:
        name: the experiment.
        preset: the preset's name.
        path: the file.

    Returns:
        A line for each key whose value has changed: `corner.seeds: 20 -> 1`.

    Raises:
        MaskwrightError: there is no such preset, or the file cannot be read or is wrong; nothing is written.
    """
    presets = presets_of(name)
    if preset not in presets:
        raise MaskwrightError(f"{preset}: no such preset of {name}; there is {', '.join(presets) or 'none'}")
    values = read_yaml(path)
    text = path.read_text(encoding="utf-8")
    document = YAML(typ="rt").compose(text)
    told, edits = [], []
    for key, value in presets[preset].items():
        node = _value_of(document, [name, *key.split(".")], path)
        before, after = text[node.start_mark.index : node.end_mark.index], _written(value)
        if reduce(getitem, [name, *key.split(".")], values) != parse_yaml(after, path):
            told.append(f"{name}.{key}: {' '.join(before.split())} -> {after}")
            edits.append((node.start_mark.index, node.end_mark.index, after))
    for start, end, after in sorted(edits, reverse=True):
        text = _replaced(text, start, end, after)
    parse_params(parse_yaml(text, path), path)
    with replaced_file(path) as file:
        file.write(text)
    return told


def _value_of(document: Any, keys: list[str], path: Path) -> Any:
    """Return the node of a key's value in a composed document."""
    node = document
    for depth, key in enumerate(keys, start=1):
        place = ".".join(keys[:depth])
        pairs = node.value if isinstance(node, MappingNode) else []
        found = [(name, value) for name, value in pairs if name.value == key]
        if not found:
            raise MaskwrightError(f"{path}: {place}: missing")
        name, node = found[0]
        # An alias is composed as the very node that it repeats, which another key may need as it is.
        if node.anchor is not None or node.start_mark.index < name.end_mark.index:
            raise MaskwrightError(f"{path}: {place}: has an anchor or an alias; write its value out")
    return node


def _replaced(text: str, start: int, end: int, value: str) -> str:
    """Replace a part of a line; a comment behind it keeps its column where there is room."""
    rest = text[end:]
    blanks = len(rest) - len(rest.lstrip(" "))
    if rest[blanks : blanks + 1] == "#":
        rest = " " * max(1, blanks + (end - start) - len(value)) + rest[blanks:]
    return text[:start] + value + rest


def _written(value: Any) -> str:
    """Write a value in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return value if isinstance(value, str) else json.dumps(value)
