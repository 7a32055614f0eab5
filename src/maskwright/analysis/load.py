"""Where trials come from: a sweep of params.yaml, or the runs of an MLflow experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from maskwright.analysis.factors import Scale
from maskwright.analysis.plan import sweep_section
from maskwright.analysis.runs import runs_as_trials
from maskwright.analysis.trials import Trials, read_trials, select_trials
from maskwright.params import Params
from maskwright.tracking_read import experiment_runs


def sweep_trials(
    name: str,
    params: Params,
    results: Path,
    *,
    response: str | None = None,
    scales: Mapping[str, Scale] | None = None,
    references: Mapping[str, str] | None = None,
) -> Trials:
    """Return the trials of a sweep of params.yaml.

    Args:
        name: the sweep's name.
        params: all parameters; the sweep's section tells the factors and the response.
        results: the folder that holds sweep/NAME/trials.csv.
        response: another measure of the trials than that.
        scales, references: as for `trials.select_trials`.

    Raises:
        MaskwrightError: there is no such sweep, or it was not run; and as `trials.select_trials`.
    """
    sweep = sweep_section(name, params)
    path = results / "sweep" / name / "trials.csv"
    return select_trials(
        read_trials(path),
        response or sweep.response,
        list(sweep.factors),
        declared=sweep.factors,
        scales=scales,
        references=references,
        source=str(path),
    )


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
        root: folder that holds mlflow.db, see `tracking_read.experiment_runs`.
        response: a metric, as "metrics.miou" or "miou".
        factors: parameters, as "params.learning_rate" or "learning_rate".
        seed, scales, references: as for `trials.select_trials`.

    Raises:
        MaskwrightError: as `tracking_read.experiment_runs`, `runs.runs_as_trials` and `trials.select_trials`.
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
