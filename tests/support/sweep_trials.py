"""Trials without TensorFlow, and a sweep of them. `data`/ran gets a line for each trial that begins."""

import os
import time
from functools import cache
from pathlib import Path

import numpy as np

from maskwright.experiments.xor.params import Xor
from maskwright.params import parse_params
from maskwright.shared.experiment import OneNetwork, Tried
from maskwright.shared.yaml_file import read_yaml
from maskwright.sweeps.plan import plan_sweep
from maskwright.sweeps.run import run_sweep, trial_keys

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def trial(settings, data):
    with (data.parent / "ran").open("a") as file:
        file.write(f"{settings.learning_rate} {settings.hidden} {settings.seed} {os.getpid()}\n")
    time.sleep(settings.steps / 1e4)
    if settings.hidden == 13:
        raise ValueError("thirteen\nunits")
    if settings.hidden == 14:
        return Tried({"accuracy": float("nan"), "loss": 1.0}, {"accuracy": np.array([np.nan, 1.0])})
    if settings.hidden == 15 and settings.seed == 0:
        os._exit(1)
    if settings.hidden == 16:
        return Tried({"hidden": 1.0}, {})
    accuracy, seed = settings.learning_rate / settings.hidden, settings.seed
    examples = {"accuracy": accuracy * np.array([0.5, 1.5]), "loss": np.array([seed, seed, seed / 3])}
    return Tried({"accuracy": accuracy, "loss": seed, "third": 1 / 3}, examples)


def _tries():
    from support import sweep_trials

    return sweep_trials


TOY = OneNetwork(
    name="toy",
    settings=Xor,
    data=Path("data"),
    training_data=(),
    splits={},
    code=(),
    learns=_tries,
    best_by="",
    reports=_tries,
    serves=_tries,
    tries=_tries,
)


def ran(folder):
    path = folder / "ran"
    return [tuple(line.split()) for line in path.read_text().splitlines()] if path.exists() else []


@cache
def _shipped():
    return read_yaml(SHIPPED)


def parameters(section, **changes):
    values = _shipped()
    values = {**values, "xor": {**values["xor"], **changes}}
    values["sweeps"] = {"toy": {"experiment": "xor", "response": "accuracy", **section}}
    return parse_params(values)


def run(folder, section, *, log=lambda trial, outcome: None, scheduler=None):
    """Run a sweep in `folder`; returns its line."""
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data/table.csv").write_text("a\n")
    plan = plan_sweep("toy", parameters(section))
    return run_sweep(
        plan,
        trial_keys(plan, TOY, folder / "data"),
        about=TOY,
        data=folder / "data",
        out=folder / "out",
        kept=folder / "kept/toy.jsonl",
        scheduler=scheduler,
        log=log,
        workers=2,
    )


def forty(steps):
    """A sweep of 40 trials of `steps` tenths of a millisecond."""
    rates = [1.0, 2.0, 3.0, 4.0]
    return {"factors": {"learning_rate": rates, "hidden": [1, 2]}, "fixed": {"steps": steps}, "seeds": 5}
