"""The numbers of one evaluation with their intervals, from metrics.json and details.json.

An evaluation of one network has `test_intervals` beside its numbers, and most have `per_class`. One of many seeds
has, for each variant, a mean for each measure with its intervals: over the trainings, and over the test examples.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

Interval = tuple[float, float] | None


class Score(NamedTuple):
    """A number, with its 95 % intervals over the trainings and over the test examples where it has them."""

    measure: str
    value: float | int
    seeds: Interval = None
    test: Interval = None
    variant: str = ""


class ByClass(NamedTuple):
    """A table with a row for each class: its name and its value for each measure, None where it has none."""

    measures: list[str]
    rows: list[tuple[str, list[float | None]]]


def headline(metrics: Mapping[str, Any], details: Mapping[str, Any]) -> list[Score]:
    """Return the numbers that stand first, in their order."""
    return [_with_intervals(name, value, details) for name, value in metrics.items() if _is_number(value)]


def all_scores(details: Mapping[str, Any]) -> list[Score]:
    """Return all other numbers, but for those by class; what is nested has a dotted name."""
    others = {key: value for key, value in details.items() if key not in ("per_class", "test_intervals")}
    return [*_scores(others, details)]


def by_class(details: Mapping[str, Any]) -> ByClass | None:
    """Return the numbers by class, if there are some."""
    rows = details.get("per_class")
    if not isinstance(rows, Mapping):
        return None
    rows = {name: values for name, values in rows.items() if isinstance(values, Mapping)}
    measures = [*{measure: None for values in rows.values() for measure in values}]
    found = [
        (name, [value if _is_number(value := values.get(measure)) else None for measure in measures])
        for name, values in rows.items()
    ]
    return ByClass(measures, found) if found and measures else None


def _with_intervals(name: str, value: float, details: Mapping[str, Any]) -> Score:
    test = details.get("test_intervals")
    if isinstance(test, Mapping) and name in test:
        return Score(name, value, None, _pair(test[name]))
    # Of many seeds: the first variant is the one whose numbers stand first.
    for variant, values in details.items():
        found = values.get(name) if isinstance(values, Mapping) else None
        if _is_mean(found) and found["mean"] == value:
            return _mean(name, found, variant)
    return Score(name, value)


def _scores(values: Mapping[str, Any], details: Mapping[str, Any], variant: str = "") -> Iterator[Score]:
    for name, value in values.items():
        if _is_number(value):
            yield _with_intervals(name, value, details) if not variant else Score(name, value, variant=variant)
        elif _is_mean(value):
            yield _mean(name, value, variant)
        elif isinstance(value, Mapping):
            yield from _scores(value, details, f"{variant}.{name}" if variant else name)


def _mean(name: str, found: Mapping[str, Any], variant: str) -> Score:
    seeds, test = (_pair([found.get(f"{what}low"), found.get(f"{what}high")]) for what in ("", "test_"))
    return Score(name, found["mean"], seeds, test, variant)


def _is_mean(value: Any) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, Mapping) and "low" in value and _is_number(value.get("mean"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _pair(values: Any) -> Interval:
    if isinstance(values, list) and len(values) == 2 and all(map(_is_number, values)):
        return float(values[0]), float(values[1])
    return None
