"""Names in MLflow: of metrics and parameters, of runs by what differs, and of measures in the order to be read."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

CURVES = "curves"
"""The section of numbers that each epoch has. MLflow shows sections by the alphabet, so it comes before `TEST`."""
TEST = "test"
"""The section of the main numbers of the test split; those by class and of intervals are in sections behind it."""
VALIDATION = "validation"
"""The section of the score that chose the best epoch, at that epoch."""

_LONGEST_NAME = 240
"""MLflow's limit is 250; the rest is for a number."""
_LONGEST_LABEL = 100
"""Characters of a run's name that the table of runs can show."""
_UNSAYING = frozenset({"none", "null", "off", "on", "true", "false", "default", "auto", ""})
"""Words that many settings have, which say nothing without the setting's name."""
_ENDS = ("low", "high", "test_low", "test_high")


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for each leaf of nested dictionaries."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def mlflow_names(keys: Iterable[str]) -> list[str]:
    """Return a name that MLflow accepts for each key of metrics or parameters.

    A key may hold the name of a class, and so be anything. What MLflow forbids becomes `_`: most characters, and the
    parts of a path that lead elsewhere (`/a`, `a//b`, `a/../b`, `.`). A long name is cut, and a taken one gets a
    number.
    """
    names: list[str] = []
    taken: Counter[str] = Counter()
    for key in keys:
        # Twice, for the cut may end within a part.
        name = base = _plain_path(_plain_path(re.sub(r"[^\w.\- /:]", "_", key))[:_LONGEST_NAME])
        while name in taken:
            taken[base] += 1
            name = f"{base}_{taken[base]}"
        taken[name] = 1
        names.append(name)
    return names


def measures(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of an evaluation under the names that they have in MLflow.

    MLflow draws a chart for each number, in sections. The main ones are in `TEST`, such as `test/miou` and
    `test/accuracy.mean`. All others are in sections behind it, named by the first part of their key:
    `test_per_class/dog.iou`, `test_nms/soft.ap`; the ends of intervals are in `test_intervals`.

    >>> measures({"miou": 0.5, "accuracy": {"mean": 0.75, "low": 0.5}, "per_class": {"dog": {"iou": 1}}})
    {'test/miou': 0.5, 'test/accuracy.mean': 0.75, 'test_intervals/accuracy.low': 0.5, 'test_per_class/dog.iou': 1.0}
    """
    named = {}
    for key, value in flatten(values):
        if isinstance(value, int | float):
            first, *others = key.split(".")
            if not others or (len(others) == 1 and others[0] not in _ENDS):
                section, rest = TEST, key
            elif len(others) == 1:
                section, rest = f"{TEST}_intervals", key
            else:
                section, rest = f"{TEST}_{first}", ".".join(others)
            named[f"{section}/{rest}"] = float(value)
    return named


def training_label(changed: Mapping[str, Any], *, section: str, variant: str = "", data: str = "") -> str:
    """Return the name of a training's run: what differs from the defaults.

    Args:
        changed: settings that differ, by dotted key, such as {"xor.hidden": 16}.
        section: the section of params.yaml whose name is left away.
        variant: of the experiment, "" where there are none; it comes first.
        data: the name of data of one's own, "" for those of the project; it comes last.

    >>> training_label({"xor.hidden": 16, "xor.seed": 1}, section="xor", variant="random")
    'random hidden=16 s1'
    """
    prefix = f"{section}."
    own = [key.removeprefix(prefix) for key in changed if key.startswith(prefix)]
    values = {key.removeprefix(prefix): value for key, value in changed.items()}
    counts = Counter(value for value in values.values() if isinstance(value, str))
    alone = {word for word, count in counts.items() if count == 1}
    # Those of other sections keep their whole names.
    parts = _parts(values, {key: key for key in values} | _short_keys(own), alone)
    parts = [*([variant] if variant else []), *parts, *([data] if data else [])]
    return _joined(parts) or "defaults"


def trial_label(levels: Mapping[str, Any], seed: int, factors: Mapping[str, Sequence[Any]]) -> str:
    """Return the name of a trial's run: its levels and its seed.

    Args:
        levels: the level of each factor.
        seed: of the trial.
        factors: all levels of each factor: a word that belongs to one factor alone needs no name of a factor.

    >>> trial_label({"batch_norm": True, "loss.name": "dice"}, 1, {"batch_norm": [True], "loss.name": ["dice"]})
    'batch_norm=1 dice s1'
    """
    counts = Counter(level for listed in factors.values() for level in set(map(str, listed)))
    alone = {word for word, count in counts.items() if count == 1}
    return _joined([*_parts(levels, _short_keys(levels), alone), f"s{seed}"])


def setting_text(value: Any) -> str:
    """Return a setting as a parameter of MLflow has it."""
    return value if isinstance(value, str) else json.dumps(value)


def _parts(values: Mapping[str, Any], names: Mapping[str, str], alone: Collection[str]) -> list[str]:
    parts, seeds = [], []
    for key, value in values.items():
        if key == "seed":
            seeds.append(f"s{value}")
        elif isinstance(value, str) and value in alone and value.casefold() not in _UNSAYING:
            parts.append(value)
        else:
            parts.append(f"{names[key]}={_value(value)}")
    return parts + seeds


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ",".join(map(_value, value)) or "[]"
    return setting_text(value)


def _short_keys(keys: Iterable[str]) -> dict[str, str]:
    """Return for each dotted key its shortest end that no other key has."""
    listed = list(keys)
    ends = Counter(end for key in listed for end in _ends(key))
    return {key: next((end for end in _ends(key) if ends[end] == 1), key) for key in listed}


def _ends(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[start:]) for start in range(len(parts) - 1, -1, -1)]


def _joined(parts: Sequence[str]) -> str:
    """Return the parts in one line, and how many there is no room for."""
    plain = [" ".join(part.split()) for part in parts]
    for count in range(len(plain), 0, -1):
        left_out = len(plain) - count
        text = " ".join(plain[:count]) + (f" +{left_out} more" if left_out else "")
        if len(text) <= _LONGEST_LABEL:
            return text
    return f"{plain[0][: _LONGEST_LABEL - 1]}…" if plain else ""


def _plain_path(name: str) -> str:
    path = "/".join("_" if part in ("", ".", "..") else part for part in name.split("/"))
    return f"_{path[1:]}" if path.startswith("..") else path
