"""Trials: a table with one row for each training, split into trials that can be analysed and trials that cannot."""

import csv
import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskwright.effects.factors import (
    Factor,
    Scale,
    cell_text,
    check_known,
    declared_text,
    level_text,
    make_factor,
    parse_levels,
)
from maskwright.shared.errors import MaskwrightError

_DONE = {"finished", "ok", "done", "success", "succeeded", "complete", "completed"}
_TOO_LARGE = 1e100
"""The sums of squares of larger numbers are not finite, and a training that measures one has diverged."""
_SEEDS = ("seed", "random_seed", "random_state")


@dataclass(frozen=True)
class Trials:
    """The trials that can be analysed, and why the others cannot.

    Attributes:
        response: the name of what was measured.
        factors: the factors with two or more levels among the usable trials.
        constant: the only level of each other factor, by name.
        levels: a column for each of `factors`, a row for each usable trial.
        y: (N,) float64, the response.
        configuration: (N,) int64; trials with the same levels of all factors have the same number, from 0 in order.
        seeds: how many different seeds there are, or None if no column holds them.
        failed: how many trials failed, by reason.
        failed_levels: for each factor, the levels of failed trials, as "level: failed of all".
        remarks: what else was left out or changed, one line each.
        rows: (N,) int64, which row of the table each trial is, from 0.
        started: (N,) float64, the order of the trials in time if the table holds it; else None.
        search: the adaptive search that chose the trials, if their tags name one.
    """

    response: str
    factors: tuple[Factor, ...]
    constant: dict[str, str]
    levels: pd.DataFrame
    y: np.ndarray
    configuration: np.ndarray
    seeds: int | None
    failed: dict[str, int]
    failed_levels: dict[str, list[str]]
    remarks: tuple[str, ...]
    rows: np.ndarray
    started: np.ndarray | None = None
    search: str | None = None


def read_trials(path: Path) -> pd.DataFrame:
    """Read a CSV with a header into a table of texts, as it is written: "None" is a text, not a missing value.

    Raises:
        MaskwrightError: there is no such file, it is not such a CSV, or it has no row.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = csv.reader(file)
    except FileNotFoundError:
        raise MaskwrightError(f"{path}: no such file; run the sweep first") from None
    except (ValueError, csv.Error):
        raise MaskwrightError(f"{path}: not a CSV in UTF-8 with a header") from None
    wrong = next((number for number, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if wrong is not None:
        raise MaskwrightError(f"{path}: row {wrong} does not have the {len(header)} cells of the header")
    if not rows:
        raise MaskwrightError(f"{path}: a header and no trial; run the sweep first")
    return pd.DataFrame(rows, columns=pd.Index(header))


def select_trials(
    table: pd.DataFrame,
    response: str,
    factors: Sequence[str],
    *,
    declared: Mapping[str, Sequence[Any]] | None = None,
    seed: str | None = None,
    scales: Mapping[str, Scale] | None = None,
    references: Mapping[str, str] | None = None,
    source: str = "trials",
    remarks: Sequence[str] = (),
) -> Trials:
    """Sort a table of trials.

    A trial is usable if its `status`, where there is such a column, says that it finished, its response is a finite
    number, below 1e100 in size, and it has a level of every factor. If several trials have the same levels and the
    same seed, the last one counts.

    Args:
        table: a row for each trial. Columns: the factors, the response, and if there are any `status`, `reason` (why
            a trial failed), `started` (a number that grows with time) and `search` (what chose the trials).
        response: column of the response.
        factors: columns of the factors; those that do not vary are set aside.
        declared: the levels of factors, in the order of the sweep.
        seed: column of the seed; None takes `seed`, `random_seed` or `random_state`, or a dotted name with this
            ending, if exactly one column has it. A seed is never a factor.
        scales, references: as for `factors.make_factor`, by factor.
        source: where the table is from, for messages.
        remarks: what was left out before, for `Trials.remarks`.

    Raises:
        MaskwrightError: a column is missing, no trial is usable, or nothing varies among the usable ones.
    """
    declared, scales, references = declared or {}, scales or {}, references or {}
    if not factors:
        raise MaskwrightError(f"{source}: no factor is named; name what was varied")
    for name in (response, *factors, *([seed] if seed else [])):
        if name not in table.columns:
            raise MaskwrightError(f"{source}: no column {name!r}; {_nearest(name, table.columns)}")
    repeated = sorted({name for name in factors if list(factors).count(name) > 1 or name == response})
    if repeated:
        raise MaskwrightError(f"{source}: {', '.join(repeated)} is named twice; a factor is named once")
    check_known(scales, factors, "scale of")
    check_known(references, factors, "reference of")
    seed = seed or seed_column(table, factors)
    if seed in factors:
        raise MaskwrightError(f"{source}: {seed} is the seed, so it cannot be a factor; leave it out of the factors")

    y = response_values(table, response)
    reasons = failures(table, response, y)
    cells = {name: [_cell(value, declared.get(name)) for value in table[name]] for name in factors}
    rows, remarks = [number for number, reason in enumerate(reasons) if reason is None], list(remarks)
    for name in factors:
        without = sum(cells[name][number] is None for number in rows)
        remarks += [f"{without} trials without a level of {name} left out"] if without else []
    rows = [number for number in rows if all(cells[name][number] is not None for name in factors)]
    failed = dict(Counter(reason for reason in reasons if reason is not None).most_common())
    if not rows:
        told = [f"{count} {reason}" for reason, count in list(failed.items())[:5]]
        raise MaskwrightError(f"{source}: none of {len(table)} trials can be used: {'; '.join([*told, *remarks])}")
    kept: dict[str, list[Any]] = {}
    for name in factors:
        texts = [text for number in rows if (text := cells[name][number]) is not None]
        kept[name], remark = parse_levels(texts, declared.get(name))
        remarks += [f"{name}: {remark}"] if remark else []
    seeds = None if seed is None else [cell_text(value) for value in table[seed]]
    if seeds is not None:
        # A trial without a seed repeats no other.
        named = [(number, seeds[number]) if seeds[number] is None else seeds[number] for number in rows]
        last = {(named[i], *(kept[name][i] for name in factors)): i for i in range(len(rows))}
        chosen = sorted(last.values())
        if len(chosen) < len(rows):
            remarks.append(f"{len(rows) - len(chosen)} trials left out: a later one has the same levels and {seed}")
        kept = {name: [levels[i] for i in chosen] for name, levels in kept.items()}
        rows = [rows[i] for i in chosen]
    constant = {name: level_text(levels[0]) for name, levels in kept.items() if len(set(levels)) == 1}
    if len(constant) == len(factors):
        raise MaskwrightError(_nothing_varies(source, constant, len(rows)))
    made = [
        make_factor(name, kept[name], declared.get(name), scales.get(name), references.get(name))
        for name in factors
        if name not in constant
    ]
    columns = {f.name: list(map(level_text, kept[f.name])) if f.scale == "category" else kept[f.name] for f in made}
    return Trials(
        response=response,
        factors=tuple(made),
        constant=constant,
        levels=pd.DataFrame({name: pd.Series(levels, dtype=object) for name, levels in columns.items()}),
        y=y[rows],
        configuration=_numbered(list(zip(*columns.values(), strict=True))),
        seeds=None if seeds is None else len({seeds[number] for number in rows} - {None}),
        failed=failed,
        failed_levels=_failed_levels(cells, reasons),
        remarks=tuple(remarks),
        rows=np.array(rows),
        started=_started(table, rows),
        search=_search(table, rows),
    )


def failures(table: pd.DataFrame, response: str, y: np.ndarray) -> list[str | None]:
    """Return for each row why it failed, or None."""
    reasons: list[str | None] = []
    for row, value in zip(table.to_dict("records"), y, strict=True):
        status = cell_text(row.get("status")) or "finished"
        if status.casefold() not in _DONE:
            reasons.append(cell_text(row.get("reason")) or status.lower())
        elif np.isfinite(value) and abs(value) < _TOO_LARGE:
            reasons.append(None)
        elif np.isfinite(value):
            reasons.append(f"{response} is beyond {_TOO_LARGE:g}")
        elif cell_text(row[response]) is None:
            reasons.append(cell_text(row.get("reason")) or f"without {response}")
        else:
            reasons.append(f"{response} is {cell_text(row[response])}")
    return reasons


def response_values(table: pd.DataFrame, response: str) -> np.ndarray:
    """Return (N,) float64: the response of each row, NaN where it has none that is finite."""
    return np.array([_finite(value) for value in table[response]], float)


def _failed_levels(cells: Mapping[str, list[str | None]], reasons: Sequence[str | None]) -> dict[str, list[str]]:
    told = {}
    for name, texts in cells.items():
        all_of = Counter(text or "(none)" for text in texts)
        failed = Counter(text or "(none)" for text, reason in zip(texts, reasons, strict=True) if reason is not None)
        if failed and len(all_of) > 1:
            told[name] = [f"{level}: {failed[level]} of {all_of[level]}" for level in sorted(failed)]
    return told


def _nothing_varies(source: str, constant: Mapping[str, str], count: int) -> str:
    fixed = ", ".join(f"{name} = {level}" for name, level in constant.items())
    trials = "the one usable trial" if count == 1 else f"each of {count} usable trials"
    return f"{source}: no factor varies: {trials} has {fixed}; an effect needs two levels"


def _numbered(combinations: list[tuple[Any, ...]]) -> np.ndarray:
    numbers: dict[tuple[Any, ...], int] = {}
    return np.array([numbers.setdefault(combination, len(numbers)) for combination in combinations])


def _cell(value: Any, declared: Sequence[Any] | None) -> str | None:
    text = cell_text(value)
    # A sweep may have null among its levels, which a CSV can only show as an empty cell.
    return declared_text(None) if text is None and declared is not None and None in declared else text


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return float("nan")
    return number if np.isfinite(number) else float("nan")


def seed_column(table: pd.DataFrame, factors: Sequence[str] = ()) -> str | None:
    """Return the column that holds the seed, by its name; None where none does, or several may."""
    for wanted in _SEEDS:
        if wanted in table.columns and wanted not in factors:
            return wanted
    ends = tuple(f".{name}" for name in _SEEDS)
    found = [name for name in table.columns if str(name).endswith(ends) and name not in factors]
    return found[0] if len(found) == 1 else None


def _started(table: pd.DataFrame, rows: list[int]) -> np.ndarray | None:
    if "started" not in table.columns:
        return None
    started = np.array([_finite(value) for value in table["started"]])[rows]
    return started if np.isfinite(started).all() else None


def _search(table: pd.DataFrame, rows: list[int]) -> str | None:
    if "search" not in table.columns:
        return None
    texts = [cell_text(value) for value in table["search"]]
    named = Counter(text for number in rows if (text := texts[number]))
    return named.most_common(1)[0][0] if named else None


def _nearest(name: str, columns: Sequence[Any] | pd.Index) -> str:
    names = [str(column) for column in columns]
    short = name.rsplit(".", 1)[-1]
    near = [other for other in names if other.rsplit(".", 1)[-1] == short]
    near += [other for other in difflib.get_close_matches(name, names, 3) if other not in near]
    return f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(names[:30])}"
