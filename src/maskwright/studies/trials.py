"""Trainings that differ in their data, as trials for the machinery of sweeps."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from maskwright.catalogue import EXPERIMENTS, experiment
from maskwright.params import Params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Experiment, HoldsOut
from maskwright.shared.sweep_settings import Sweep
from maskwright.sweeps.plan import Plan, Trial
from maskwright.sweeps.worker import Outcome


class DataTrial(NamedTuple):
    """One training: the level that tells it from the others, its seed, and the folder of its data."""

    level: float
    seed: int
    folder: Path


def held_out_experiment(name: str) -> Experiment:
    """Return an experiment whose trials are those of its module `held_out`.

    Raises:
        MaskwrightError: there is no such experiment, or it has no such module.
    """
    about = experiment(name)
    if about.holds_out is None:
        possible = ", ".join(each.name for each in EXPERIMENTS.values() if each.holds_out is not None)
        raise MaskwrightError(f"{name}: it does not learn from annotated photographs; choose from {possible}")
    return replace(about, tries=about.holds_out, trial_code=about.held_out_code)


def held_out_module(about: Experiment) -> HoldsOut[Any]:
    """Import the experiment's module `held_out`."""
    assert about.holds_out is not None  # `held_out_experiment` has seen to that
    return about.holds_out()


def data_plan(
    name: str,
    about: Experiment,
    params: Params,
    trials: Sequence[DataTrial],
    *,
    factor: str,
    fixed: Mapping[str, Any],
    response: str,
) -> Plan:
    """Return a plan of trainings that differ in their data and seeds.

    Args:
        name: of the plan, and of its MLflow experiment.
        about: from `held_out_experiment`.
        params: all parameters.
        trials: in order.
        factor: what the level is called in the table.
        fixed: keys of the experiment's section with other values than in params.yaml, for all trials.
        response: the measure that stands first.
    """
    levels: list[Any] = list(dict.fromkeys(trial.level for trial in trials))
    seeds = list(dict.fromkeys(trial.seed for trial in trials))
    sweep = Sweep(experiment=about.name, factors={factor: levels}, fixed=dict(fixed), seeds=seeds, response=response)
    named = {_name(name, trial): trial for trial in trials}
    return Plan(
        name,
        sweep,
        params.section(about.name),
        tuple(Trial(key, {factor: trial.level}, trial.seed) for key, trial in named.items()),
        {key: trial.folder for key, trial in named.items()},
    )


def all_finished(plan: Plan, outcomes: Mapping[str, Outcome]) -> list[Outcome]:
    """Return the outcomes in the order of the plan.

    Raises:
        MaskwrightError: a trial has none.
    """
    found = [outcomes.get(trial.name, Outcome("failed")) for trial in plan.trials]
    for trial, outcome in zip(plan.trials, found, strict=True):
        if outcome.status != "finished":
            told = ", ".join(f"{key} {level}" for key, level in trial.levels.items())
            why = outcome.reason or "see trials.csv"
            raise MaskwrightError(f"{plan.name}: {told}, seed {trial.seed}: no result ({why}); run it again")
    return found


def _name(plan: str, trial: DataTrial) -> str:
    text = json.dumps([plan, trial.level, trial.seed, trial.folder.as_posix()])
    return hashlib.sha256(text.encode()).hexdigest()[:10]
