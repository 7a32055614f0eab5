"""Record sweeps in MLflow: one that runs, one that DVC or Git restored, and the effects found in it."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from maskwright.catalogue import experiment, sentence
from maskwright.params import Params
from maskwright.shared.experiment import Experiment
from maskwright.sweeps.plan import Plan, Trial, plan_sweep
from maskwright.sweeps.run import (
    finished_before,
    kept_file,
    run_sweep,
    scheduler_address,
    swept_experiment,
    trial_keys,
)
from maskwright.sweeps.table import read_outcomes
from maskwright.sweeps.worker import Outcome
from maskwright.tracking.naming import trial_label
from maskwright.tracking.sweeps import LiveSweep, TrackedSweep, TrackedTrial, record_effects, record_sweep

Conclude = Callable[[Mapping[str, Outcome]], Sequence[Path]]


def sweep(name: str, params: Params, *, root: Path, results: Path) -> str:
    """Run a sweep of params.yaml and record it in MLflow; see `run_sweep` for what it does and returns.

    Args:
        name: the sweep's name.
        params: all parameters.
        root: folder of the project, for the outcomes that survive a kill and for MLflow's store.
        results: folder for sweep/NAME/trials.csv and examples.csv.

    Raises:
        MaskwrightError: as `plan_sweep`, `swept_experiment`, `trial_keys` and `run_sweep`.
    """
    plan = plan_sweep(name, params)
    return run_recorded(plan, swept_experiment(plan), params, root=root, out=results / "sweep" / name)


def run_recorded(
    plan: Plan,
    about: Experiment,
    params: Params,
    *,
    root: Path,
    out: Path,
    command: str = "",
    conclude: Conclude | None = None,
) -> str:
    """Run a plan and record it in MLflow; see `run_sweep` for what it does, returns and raises.

    Args:
        plan: the trials.
        about: the experiment, whose module `tries` runs one.
        params: all parameters.
        root: as for `sweep`.
        out: folder for the tables.
        command: the command that runs it, if it is not `maskwright sweep NAME`.
        conclude: called with the outcomes at the end, by the trials' names, without those that failed; returns
            files that are recorded too.
    """
    keys = trial_keys(plan, about, about.data)
    live = LiveSweep(root, replace(_tracked_sweep(plan, params, keys), command=command))
    try:
        told = run_sweep(
            plan,
            keys,
            about=about,
            data=about.data,
            out=out,
            kept=kept_file(root, plan.name),
            scheduler=scheduler_address(params),
            certificates=params.sweeps.security,
            log=lambda trial, outcome: live.log(_tracked_trial(plan, trial, keys[trial.name], outcome)),
        )
        more = conclude(finished_before(plan, keys, kept_file(root, plan.name))) if conclude else []
    except BaseException as error:
        live.stop(killed=isinstance(error, KeyboardInterrupt))
        raise
    live.finish([*_tables(out), *more])
    return told


def sync_sweep(name: str, params: Params, *, root: Path, results: Path) -> bool:
    """Record in MLflow the sweep whose table DVC restored; existing runs are left alone.

    Args:
        name, params, root, results: as for `sweep`. The data and the code must be those that made the table.

    Returns:
        Whether anything had to be added.

    Raises:
        MaskwrightError: there is no table, or its trials are not those of `params`; and as `sweep`.
        Exception: whatever MLflow raises.
    """
    plan = plan_sweep(name, params)
    about = swept_experiment(plan)
    keys = trial_keys(plan, about, about.data)
    folder = results / "sweep" / name
    outcomes = {**read_outcomes(plan, folder / "trials.csv"), **finished_before(plan, keys, kept_file(root, name))}
    trials = [_tracked_trial(plan, trial, keys[trial.name], outcomes[trial.name]) for trial in plan.trials]
    return record_sweep(root, _tracked_sweep(plan, params, keys), trials, _tables(folder))


def record_sweep_effects(name: str, params: Params, *, root: Path, results: Path) -> bool:
    """Add the analyses of effects to the sweep's run in MLflow, where there is one.

    Args:
        name, params, root, results: as for `sweep`; the analyses are those in effects/NAME, one for each response.

    Returns:
        Whether there is such a run and it lacked one of the analyses.

    Raises:
        MaskwrightError: as `plan_sweep`, `swept_experiment` and `trial_keys`.
        Exception: whatever MLflow raises.
    """
    plan = plan_sweep(name, params)
    about = swept_experiment(plan)
    keys = trial_keys(plan, about, about.data)
    tracked, folder = _tracked_sweep(plan, params, keys), results / "effects" / name
    added = False
    for response in plan.sweep.responses:
        tables = folder / "tables" / response
        metrics = json.loads((tables / "metrics.json").read_text(encoding="utf-8"))
        added |= record_effects(root, tracked, response, metrics["model_reason"], tables, folder / "plots" / response)
    return added


def _tables(folder: Path) -> list[Path]:
    """Return the tables of a sweep; not every sweep has one of its test examples."""
    return [path for path in (folder / "trials.csv", folder / "examples.csv") if path.is_file()]


def _tracked_sweep(plan: Plan, params: Params, keys: Mapping[str, str]) -> TrackedSweep:
    """Return what MLflow records about a sweep."""
    about = experiment(plan.sweep.experiment)
    sections = {name: params.section(name) for name in (*about.sections, about.name)}
    sections = {f"sweeps.{plan.name}": plan.sweep, **sections}
    return TrackedSweep(
        name=plan.name,
        about=sentence(about.name),
        key=hashlib.sha256(" ".join(keys.values()).encode()).hexdigest()[:32],
        factors=plan.sweep.factors,
        responses=plan.sweep.responses,
        params={name: values.model_dump(mode="json") for name, values in sections.items()},
    )


def _tracked_trial(plan: Plan, trial: Trial, key: str, outcome: Outcome) -> TrackedTrial:
    """Return what MLflow records about a trial."""
    return TrackedTrial(
        name=trial_label(trial.levels, trial.seed, plan.sweep.factors),
        key=key,
        params={**trial.levels, "seed": trial.seed},
        metrics=outcome.measures,
        reason=outcome.reason,
        started=outcome.started,
        seconds=outcome.seconds,
    )
