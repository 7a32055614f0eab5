"""What varies among some runs: for people who do not know, or do not remember, what was varied."""

import csv
import io
import shlex
from collections import Counter
from dataclasses import dataclass

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from maskwright.effects.factors import cell_text, level_text, parse_levels
from maskwright.effects.trials import failures, response_values, seed_column

_PARAMETER = "params."
_MOST_LEVELS = 8
"""Levels of one parameter that are listed one by one."""
_MOST_METRICS = 30


@dataclass(frozen=True)
class Varied:
    """A parameter with at least two levels.

    Attributes:
        name: of the parameter.
        levels: how many runs have each level: numbers in rising order, then texts, the most frequent first.
        without: how many runs have none.
        is_seed: whether it is taken for the seed.
    """

    name: str
    levels: dict[str, int]
    without: int
    is_seed: bool


def what_varies(runs: pd.DataFrame, response: str | None) -> tuple[list[Varied], int]:
    """Return the parameters that vary, those with the fewest levels first, and how many runs were looked at.

    Args:
        runs: as `tracking.reading.experiment_runs` returns them.
        response: its column; only runs that finished and have this number count. None for all that finished, but
            those that only group others.
    """
    if response is None:
        around = set(runs["parent"].dropna())
        usable = [
            status == "FINISHED" and run not in around
            for status, run in zip(runs["status"], runs["run"], strict=True)
        ]
    else:
        usable = [why is None for why in failures(runs, response, response_values(runs, response))]
    parameters = [name for name in runs.columns if name.startswith(_PARAMETER)]
    cells = runs.loc[usable, parameters].rename(lambda name: name.removeprefix(_PARAMETER), axis=1)
    seed = seed_column(cells)
    found = []
    for name in cells.columns:
        texts = [text for value in cells[name] if (text := cell_text(value)) is not None]
        levels = Counter(parse_levels(texts)[0]) if texts else Counter()
        if len(levels) > 1:
            numbers = sorted(level for level in levels if isinstance(level, float))
            words = sorted((level for level in levels if not isinstance(level, float)), key=lambda w: (-levels[w], w))
            counts = {level_text(level): levels[level] for level in [*numbers, *words]}
            found.append(Varied(name, counts, len(cells) - len(texts), name == seed))
    return sorted(found, key=lambda one: (one.is_seed, len(one.levels))), len(cells)


def print_varied(varied: list[Varied], runs: int, metrics: list[str], command: str, console: Console) -> None:
    """Print what varies, what was measured, and the command that analyses it.

    Args:
        varied, runs: as `what_varies` returns them.
        metrics: the names of what was measured; [] where the response was named.
        command: what stands before `--factors`.
        console: where to.
    """
    console.print(Text(f"{len(varied)} parameters vary over {runs} finished runs", style="bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("parameter", "levels", "runs with each level"):
        table.add_column(title, justify="right" if title == "levels" else "left", overflow="fold")
    for one in varied:
        shown = [f"{level}: {count}" for level, count in one.levels.items()]
        if len(shown) > _MOST_LEVELS:
            ends = list(one.levels)
            shown = [f"{ends[0]} ... {ends[-1]}"]
        shown += [f"without: {one.without}"] if one.without else []
        name = f"{one.name} (the seed)" if one.is_seed else one.name
        table.add_row(*map(Text, (name, str(len(one.levels)), ", ".join(shown))))
    if varied:
        console.print(table)
    if metrics:
        more = f" and {len(metrics) - _MOST_METRICS} more" if len(metrics) > _MOST_METRICS else ""
        console.print(Text(f"Measured: {', '.join(metrics[:_MOST_METRICS])}{more}"))
    factors = [one.name for one in varied if not one.is_seed and len(one.levels) < runs]
    if factors:
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(factors)
        console.print(Text(f"For their effects: {command} --factors {shlex.quote(line.getvalue())}"))
