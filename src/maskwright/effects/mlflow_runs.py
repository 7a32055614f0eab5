"""Runs of an MLflow experiment, which may be other people's, as a table of trials."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from maskwright.effects.command import Choices, analyse_and_write
from maskwright.effects.factors import Scale, cell_text
from maskwright.effects.listing import print_varied, what_varies
from maskwright.effects.trials import Trials, select_trials
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.tracking.reading import experiment_runs


def analyse_runs(
    experiment: str, response: str, factors: Sequence[str], seed: str | None, how: Choices, root: Path, out: Path
) -> None:
    """Analyse the runs of an MLflow experiment, into `out`. Arguments and errors as for `experiment_trials`."""
    trials = experiment_trials(
        experiment, root, response, factors, seed=seed, scales=how.scales, references=how.references
    )
    analyse_and_write(trials, how, out)


def list_varied(experiment: str, response: str | None, root: Path) -> None:
    """Print what varies among the runs of an MLflow experiment.

    Args:
        experiment: its name.
        response: a metric, as "metrics.miou" or "miou", that the runs are to have; None for any.
        root: as for `experiment_trials`.

    Raises:
        MaskwrightError: as `tracking.reading.experiment_runs`; or no run has the metric.
    """
    runs = experiment_runs(root, experiment)
    metric = None if response is None else _column(runs, response, "metrics")
    varied, count = what_varies(runs, metric)
    metrics = [] if metric else [name for name in runs.columns if name.startswith("metrics.")]
    command = shlex.join(
        ["maskwright", "effects", "--mlflow-experiment", experiment, "--response", response or "METRIC"]
    )
    print_varied(varied, count, metrics, command, terminal.console())


def experiment_trials(
    experiment: str,
    root: Path,
    response: str,
    factors: Sequence[str],
    *,
    seed: str | None = None,
    scales: Mapping[str, Scale] | None = None,
    references: Mapping[str, str] | None = None,
) -> Trials:
    """Return the runs of an MLflow experiment as trials.

    Args:
        experiment: its name.
        root: folder that holds mlflow.db, see `tracking.reading.experiment_runs`.
        response: a metric, as "metrics.miou" or "miou".
        factors: parameters, as "params.learning_rate" or "learning_rate".
        seed, scales, references: as for `trials.select_trials`.

    Raises:
        MaskwrightError: as `tracking.reading.experiment_runs`, `runs_as_trials` and `trials.select_trials`.
    """
    table, remarks = runs_as_trials(experiment_runs(root, experiment), response, factors)
    return select_trials(
        table,
        response,
        factors,
        seed=seed,
        scales=scales,
        references=references,
        source=f"MLflow experiment {experiment}",
        remarks=remarks,
    )


def runs_as_trials(runs: pd.DataFrame, response: str, factors: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Turn runs into trials as `trials.select_trials` takes them.

    A run that has children is left out if one of them has the response and all factors: it is then the search or the
    sweep around them, which often repeats its best child. Otherwise it stays, for example if its children are its
    folds.

    Args:
        runs: as `tracking.reading.experiment_runs` returns them.
        response: a metric, as "metrics.miou" or "miou".
        factors: parameters, as "params.learning_rate" or "learning_rate".

    Returns:
        The table, with parameters under their bare names and the response under the name that was given, and remarks.

    Raises:
        MaskwrightError: no run has the metric or one of the parameters.
    """
    metric = _column(runs, response, "metrics")
    columns = {_column(runs, name, "params"): name for name in factors}
    needed = zip(*(runs[name] for name in (metric, *columns)), strict=True)
    complete = [all(cell_text(value) is not None for value in values) for values in needed]
    around = {cell_text(parent) for parent, has_all in zip(runs["parent"], complete, strict=True) if has_all}
    is_around = np.array([run in around for run in runs["run"]])
    table = runs.loc[~is_around, :].rename({**columns, metric: response}, axis=1)
    others = [name for name in table.columns if name.startswith("params.") and name not in factors]
    bare = {name: name.removeprefix("params.") for name in others}
    table = table.rename({old: new for old, new in bare.items() if new not in table.columns}, axis=1)
    remarks = [f"{int(is_around.sum())} runs left out that only group other runs"] if is_around.any() else []
    return table.sort_values("started", kind="stable", ignore_index=True), remarks


def _column(runs: pd.DataFrame, name: str, kind: str) -> str:
    for candidate in (name, f"{kind}.{name}"):
        if candidate in runs.columns and candidate.startswith(f"{kind}."):
            return candidate
    there = sorted(column for column in runs.columns if column.startswith(f"{kind}."))
    what = {"metrics": "metric", "params": "parameter"}[kind]
    listed = f"; there is {', '.join(there[:30])}" if there else f"; there is no {what} at all"
    raise MaskwrightError(f"no run has the {what} {name!r}{listed}")
