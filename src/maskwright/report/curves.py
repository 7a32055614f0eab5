"""The table of a training as curves, drawn as SVG by the page.

A table of one network has a column for the training data (`loss`) and one for the validation data (`val_loss`). A
table of many seeds has a row for each variant and epoch, and beside the median of the seeds (`loss`) where the middle
of them lies (`loss_low`, `loss_high`), which is not drawn.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from maskwright.report.wording import label, number

WIDTH, HEIGHT = 420, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 22, 12, 26
_MOST_POINTS = 150
_MOST_PANELS = 4
_DECADES = 8
"""Of a logarithmic axis, at most: what is smaller still stands at its foot."""
_LOGARITHMIC = 300.0
"""The ratio of the greatest value to the smallest from which on the axis is logarithmic."""

Row = Mapping[str, float]


class Line(NamedTuple):
    """A curve: its name, which of the eight colours it has, whether it is dashed, and an SVG path."""

    name: str
    colour: int
    dashed: bool
    path: str


class Tick(NamedTuple):
    """A mark on an axis: where, in the drawing's units, and its text."""

    place: float
    text: str


class Panel(NamedTuple):
    """One drawing of WIDTH x HEIGHT units."""

    title: str
    lines: list[Line]
    across: list[Tick]
    up: list[Tick]
    logarithmic: bool


def read_history(path: Path) -> dict[str, list[Row]]:
    """Return the rows of each variant, "" for one network. Cells that hold no number are left out."""
    variants: dict[str, list[Row]] = {}
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        for row in csv.DictReader(file):
            variant = row.pop("variant", "") or ""
            numbers = {key: value for key, text in row.items() if key and (value := _finite(text)) is not None}
            variants.setdefault(variant, []).append(numbers)
    return variants


def panels(variants: Mapping[str, Sequence[Row]]) -> list[Panel]:
    """Return a panel for each measure, the loss first; four at most."""
    columns = {key: None for rows in variants.values() for row in rows for key in row}
    measures = {
        key.removeprefix("val_"): None
        for key in columns
        if key not in ("epoch", "learning_rate") and not key.endswith(("_low", "_high", "_score"))
    }
    found = []
    for measure in measures:
        curves: dict[str, list[tuple[float, float]]] = {}
        for variant, rows in variants.items():
            for column, what in ((measure, "training"), (f"val_{measure}", "validation")):
                points = [(row["epoch"], row[column]) for row in rows if {"epoch", column} <= row.keys()]
                if points:
                    curves[f"{variant} {what if column in columns and not variant else ''}".strip()] = points
        if curves:
            found.append(_panel(label(measure), curves))
    return found[:_MOST_PANELS]


def _panel(title: str, curves: Mapping[str, Sequence[tuple[float, float]]]) -> Panel:
    epochs = [epoch for points in curves.values() for epoch, _ in points]
    values = [value for points in curves.values() for _, value in points]
    low, high = min(values), max(values)
    logarithmic = low > 0 and high > _LOGARITHMIC * low
    low = max(low, high / 10.0**_DECADES) if logarithmic else low

    def scaled(value: float) -> float:
        return math.log10(max(value, low)) if logarithmic else value

    bottom, top = _ends(scaled(low), scaled(high), share=low >= 0 and high <= 1 and not logarithmic)
    first, last = min(epochs), max(epochs)

    def x(epoch: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * ((epoch - first) / (last - first) if last > first else 0.5)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * (value - bottom) / (top - bottom)

    def path(points: Sequence[tuple[float, float]]) -> str:
        steps = [f"{x(epoch):.1f} {y(scaled(value)):.1f}" for epoch, value in _thinned(points)]
        # A round end makes a dot of a line without length.
        return f"M{'L'.join(steps)}" if len(steps) > 1 else f"M{steps[0]}h0"

    lines = [
        Line(name, position % 8, position >= 8, path(points))
        for position, (name, points) in enumerate(curves.items())
    ]
    across = [Tick(x(epoch), number(int(epoch))) for epoch in _ticks(first, last, 5) if epoch == int(epoch)]
    if logarithmic:
        powers = range(math.ceil(bottom), math.floor(top) + 1)
        up = [Tick(y(power), f"{10.0**power:g}") for power in powers[:: max(1, len(powers) // 5)]]
    else:
        up = [Tick(y(value), f"{value:.6g}") for value in _ticks(bottom, top, 5)]
    return Panel(title, lines, across, up, logarithmic)


def _ends(low: float, high: float, *, share: bool) -> tuple[float, float]:
    """Return the ends of an axis, with a little room; a share's axis ends at 1 where its values come near."""
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    bottom, top = low - room, high + room
    return (max(0.0, bottom), min(1.0, top) if high < 1 else 1.0) if share else (bottom, top)


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Return round numbers between two ends: multiples of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    start = math.ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(start, math.floor(high / step + 1e-9) + 1)]


def _thinned(points: Sequence[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    """Return at most _MOST_POINTS of the points, the first and the last among them."""
    if len(points) <= _MOST_POINTS:
        return points
    return [points[round(index * (len(points) - 1) / (_MOST_POINTS - 1))] for index in range(_MOST_POINTS)]


def _finite(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except (TypeError, ValueError):
        return None
    return value if math.isfinite(value) else None
