"""The tables of a sweep: trials.csv and examples.csv. Imports no TensorFlow.

trials.csv has a row for each trial, in the order of the plan. examples.csv has a row for each test example.
"""

import csv
import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file
from maskwright.sweeps.plan import Plan
from maskwright.sweeps.worker import Outcome


def columns(plan: Plan, measures: Iterable[str] = ()) -> list[str]:
    """Return the names of the table's columns; without `measures`, the names that no measure may have."""
    return ["trial", *plan.sweep.factors, "seed", *measures, "status", "reason"]


def write_outcomes(plan: Plan, outcomes: Mapping[str, Outcome], path: Path) -> None:
    """Write a row for each trial: name, levels, seed, measures, status, reason.

    Times are left out, since they differ in a repetition.

    Args:
        plan: the trials.
        outcomes: the outcomes of all trials, by name.
        path: the file; replaced as a whole.
    """
    measures = list(dict.fromkeys(name for trial in plan.trials for name in outcomes[trial.name].measures))
    with replaced_file(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns(plan, measures))
        for trial in plan.trials:
            outcome = outcomes[trial.name]
            levels = [_cell(trial.levels[key]) for key in plan.sweep.factors]
            # 10 digits: further digits are rounding errors, which may differ between processors.
            numbers = [f"{outcome.measures[name]:.10g}" if name in outcome.measures else "" for name in measures]
            table.writerow([trial.name, *levels, trial.seed, *numbers, outcome.status, outcome.reason])


def write_examples(plan: Plan, outcomes: Mapping[str, Outcome], path: Path) -> None:
    """Write a row for each test example, in the order of the test split, with the means over the seeds.

    A column is called `KEY=LEVEL KEY=LEVEL/MEASURE`: the factors in the order of the sweep, the levels as in
    trials.csv. The columns are in the order of the plan. A trial without a result leaves its seed out of the mean,
    and a combination without any result has no column. The cells below a measure of fewer examples are empty. If no
    trial has examples, no file is written, and an old one is deleted.

    Args:
        plan: the trials.
        outcomes: the outcomes of all trials, by name.
        path: the file; replaced as a whole.
    """
    seeds: dict[str, list[list[float]]] = {}
    for trial in plan.trials:
        levels = " ".join(f"{key}={_cell(trial.levels[key])}" for key in plan.sweep.factors)
        for name, values in outcomes[trial.name].examples.items():
            seeds.setdefault(f"{levels}/{name}", []).append(values)
    if not seeds:
        path.unlink(missing_ok=True)
        return
    means = [np.mean(values, axis=0).tolist() for values in seeds.values()]
    with replaced_file(path) as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(seeds)
        for row in zip_longest(*means):
            table.writerow(["" if value is None else f"{value:.6g}" for value in row])


def read_outcomes(plan: Plan, path: Path) -> dict[str, Outcome]:
    """Read what `write_outcomes` wrote. The outcomes have no examples.

    The file has no times, so its own time is used as the start of each trial.

    Raises:
        MaskwrightError: the file is missing, or its trials are not those of the plan.
    """
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright sweep {plan.name}` first")
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["trial"]: row for row in csv.DictReader(file)}
    if rows.keys() != {trial.name for trial in plan.trials}:
        raise MaskwrightError(
            f"{path}: its trials are not those of params.yaml; run `dvc repro` or `dvc checkout` first"
        )
    others = columns(plan)
    written = path.stat().st_mtime
    return {
        name: Outcome(
            status=row["status"],  # pyright: ignore[reportArgumentType]
            reason=row["reason"],
            measures={key: float(value) for key, value in row.items() if key not in others and value},
            started=written,
        )
        for name, row in rows.items()
    }


def _cell(level: Any) -> str:
    return level if isinstance(level, str) else json.dumps(level)
