"""The claims table: what the sources say, beside what was measured. Imports no TensorFlow.

A claim is a statement, a number that would show it, and the range in which that number must lie for it to hold. The
verdict follows from the number's 95 % interval: `holds` if all of it lies in the range, `does not hold` if none of it
does, `partly` if some does, and `not measured` if the variants it needs were not trained.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from maskwright.learning.replicates.tables import read_replicates
from maskwright.reporting.intervals import Interval
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file, write_json

HOLDS, FAILS, PARTLY, MISSING = "holds", "does not hold", "partly", "not measured"


@dataclass(frozen=True)
class Results:
    """The results of an experiment; each file is read when a claim first asks for it.

    Attributes:
        folder: holds a folder for each experiment.
        name: the experiment's, and its sweep's.
    """

    folder: Path
    name: str

    @cached_property
    def variants(self) -> dict[str, Any]:
        """The numbers of each variant: the content of `details.json`.

        Raises:
            MaskwrightError: the experiment has not been evaluated.
        """
        return json.loads(self._file("details.json").read_text(encoding="utf-8"))

    @cached_property
    def replicates(self) -> pd.DataFrame:
        """The table of `plots/replicates.csv`, a row for each variant and seed. Errors as for `variants`."""
        return read_replicates(self._file("plots/replicates.csv"))

    @cached_property
    def trials(self) -> pd.DataFrame:
        """The table of the experiment's sweep, a row for each combination and seed.

        Raises:
            MaskwrightError: the sweep has not been run.
        """
        path = self.folder / "sweep" / self.name / "trials.csv"
        if not path.is_file():
            raise MaskwrightError(f"{path}: no such file; run `maskwright sweep {self.name}` first")
        return pd.read_csv(path)

    def effects(self, response: str) -> dict[str, Any]:
        """Return the analysis of the sweep's effects on a response: the content of its `metrics.json`.

        Raises:
            MaskwrightError: they have not been analysed.
        """
        path = self.folder / "effects" / self.name / "tables" / response / "metrics.json"
        if not path.is_file():
            raise MaskwrightError(f"{path}: no such file; run `maskwright effects {self.name}` first")
        return json.loads(path.read_text(encoding="utf-8"))

    def seeds(self, variant: str, measure: str) -> np.ndarray:
        """Return a measure of a variant, (R,), in the order of the seeds; KeyError if it was not trained."""
        rows = self.replicates.loc[self.replicates["variant"] == variant]
        if rows.empty:
            raise KeyError(variant)
        return rows.sort_values(by="seed")[measure].to_numpy(float)

    def trial_seeds(self, measure: str, levels: Mapping[str, str]) -> np.ndarray:
        """Return a measure of the trials with these levels, averaged for each seed over the other factors: (R,).

        The order is that of the seeds. KeyError if there is no such trial.
        """
        rows = [row for row in self.trials.to_dict("records") if all(str(row[f]) == v for f, v in levels.items())]
        if not rows:
            raise KeyError(str(levels))
        seeds = sorted({row["seed"] for row in rows})
        return np.array([np.mean([row[measure] for row in rows if row["seed"] == seed]) for seed in seeds])

    def _file(self, name: str) -> Path:
        path = self.folder / self.name / name
        if not path.is_file():
            raise MaskwrightError(f"{path}: no such file; run `maskwright evaluate {self.name}` first")
        return path


@dataclass(frozen=True)
class Claim:
    """A statement of a source and how it is tested.

    Attributes:
        experiment: the experiment whose results decide.
        statement: what the source says, in our words.
        quantity: what is measured.
        measure: results -> the measured interval and the number of seeds behind it; 0 if it does not depend on any.
        low, high: the range in which the claim holds, ends included.
        digits: significant digits to print.
    """

    experiment: str
    statement: str
    quantity: str
    measure: Callable[[Results], tuple[Interval, int]]
    low: float = -np.inf
    high: float = np.inf
    digits: int = 3


def verdict(interval: Interval, low: float, high: float) -> str:
    """Return the verdict of the interval on a claim that holds from `low` to `high`."""
    if low <= interval.low and interval.high <= high:
        return HOLDS
    return FAILS if interval.high < low or interval.low > high else PARTLY


def judge(claims: Sequence[Claim], results: Path) -> list[dict[str, Any]]:
    """Return a row for each claim, as `claims.json` holds it.

    Args:
        claims: what to judge.
        results: the folder that holds a folder for each experiment.

    Raises:
        MaskwrightError: an experiment has not been evaluated.
    """
    read = {name: Results(results, name) for name in dict.fromkeys(claim.experiment for claim in claims)}
    rows = []
    for claim in claims:
        row: dict[str, Any] = {
            "experiment": claim.experiment,
            "claim": claim.statement,
            "quantity": claim.quantity,
            "holds_from": claim.low if np.isfinite(claim.low) else None,
            "holds_to": claim.high if np.isfinite(claim.high) else None,
        }
        try:
            interval, seeds = claim.measure(read[claim.experiment])
        except KeyError:
            rows.append({**row, "measured": None, "low": None, "high": None, "seeds": 0, "verdict": MISSING})
            continue
        mean, low, high = (float(f"{value:.{claim.digits}g}") for value in interval)
        decision = verdict(interval, claim.low, claim.high)
        rows.append({**row, "measured": mean, "low": low, "high": high, "seeds": seeds, "verdict": decision})
    return rows


def write_claims(rows: Sequence[dict[str, Any]], out: Path) -> None:
    """Write `out`/claims.json and `out`/claims.md."""
    write_json(out / "claims.json", list(rows))
    with replaced_file(out / "claims.md") as file:
        file.write("# What the sources say, and what was measured\n\n")
        file.write("Measured: mean and 95 % interval. A claim holds where the whole interval lies in its range.\n\n")
        file.write("| | claim | quantity | range | measured | seeds | verdict |\n|---|---|---|---|---|---|---|\n")
        for row in rows:
            cells = [row["experiment"], row["claim"], row["quantity"], _range(row), _measured(row)]
            file.write(f"| {' | '.join([*cells, str(row['seeds'] or '-'), row['verdict']])} |\n")


def print_claims(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print each claim's verdict, beside it the statement, and below that what was measured."""
    colours = {HOLDS: "green", FAILS: "red", PARTLY: "yellow", MISSING: "dim"}
    table = Table(box=None, show_header=False, padding=(0, 2, 1, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for before, row in zip([None, *rows], rows, strict=False):
        name = "" if before and before["experiment"] == row["experiment"] else row["experiment"]
        seeds = f", {row['seeds']} seeds" if row["seeds"] else ""
        evidence = f"{row['quantity']}: {_measured(row)}{seeds}; holds if {_range(row)}"
        decision = f"[{colours[row['verdict']]}]{row['verdict']}[/]"
        table.add_row(f"[bold]{name}[/]", decision, f"{row['claim']}\n[dim]{evidence}[/]")
    console.print(table)


def _range(row: dict[str, Any]) -> str:
    low, high = row["holds_from"], row["holds_to"]
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def _measured(row: dict[str, Any]) -> str:
    if row["measured"] is None:
        return "-"
    exact = not row["seeds"]
    return f"{row['measured']:g}" if exact else f"{row['measured']:g} ({row['low']:g} to {row['high']:g})"
