"""What a worker process does for a sweep: it runs one trial. It imports no TensorFlow until a trial needs it."""

import math
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from maskwright.shared.experiment import Experiment
from maskwright.shared.identity import trial_code_hash
from maskwright.shared.quiet import no_chatter
from maskwright.shared.settings import Section

_ENVIRONMENT = {
    # One thread for each trial: other trials keep the other cores busy.
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    # Several trials may share a GPU.
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
}
_LONGEST_REASON = 300
_ONE_AT_A_TIME = threading.Lock()
"""Keras' seeds and sessions belong to the process, so a worker with several threads runs its trials in turn."""


@dataclass(frozen=True)
class Task:
    """A trial as it is sent to a worker.

    Attributes:
        experiment: the experiment whose module `trial` runs it.
        code: hash of its code, see `identity.trial_code_hash`; the worker must have the same.
        settings: the experiment's section of params.yaml for this trial.
        data: folder of the data set, as an absolute path; on a cluster it must exist under the same path.
    """

    experiment: Experiment
    code: str
    settings: Section
    data: Path


@dataclass(frozen=True)
class Outcome:
    """The outcome of a trial.

    Attributes:
        status: "finished"; "diverged" if it gave a number that is not finite; "failed" if it gave none.
        reason: why it did not finish, in one line; else "".
        measures: the numbers that it measured, by name.
        started: when it started, in seconds since 1970.
        seconds: how long it took.
    """

    status: Literal["finished", "diverged", "failed"]
    reason: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    started: float = 0.0
    seconds: float = 0.0


def run_trial(task: Task) -> Outcome:
    """Run one trial; an exception in it is an outcome too."""
    for variable, value in _ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    with _ONE_AT_A_TIME:
        started, begun = time.time(), time.perf_counter()
        try:
            if trial_code_hash(task.experiment) != task.code:
                raise RuntimeError("this worker has other code or libraries; update it and start it again")
            assert task.experiment.tries is not None  # the sweep was planned with it
            with no_chatter():
                module = task.experiment.tries()
            status, reason, measures = _judged(module.trial(task.settings, task.data))
        except (Exception, SystemExit) as error:
            status, reason, measures = "failed", describe(error), {}
        seconds = time.perf_counter() - begun
        _forget_models()
    return Outcome(status, reason, measures, started, seconds)


def describe(error: BaseException) -> str:
    """Describe an exception in one line of at most 300 characters."""
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def dask_setup(worker: Any) -> None:
    """Leave Ctrl-C to the process that runs the sweep, which ends its workers; Dask calls this in each worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def dask_teardown(worker: Any) -> None:
    """Exit at once, as nothing is left to save; with TensorFlow loaded a normal exit takes seconds."""
    os._exit(0)


def _judged(measures: Any) -> tuple[Literal["finished", "diverged", "failed"], str, dict[str, float]]:
    if not isinstance(measures, dict) or not measures:
        return "failed", f"the trial returned no named numbers but {type(measures).__name__}", {}
    for name, value in measures.items():
        if not isinstance(value, Real):
            return "failed", f"{name} is not a number but {type(value).__name__}", {}
    numbers = {str(name): float(value) for name, value in measures.items()}
    broken = [f"{name} is {value}" for name, value in numbers.items() if not math.isfinite(value)]
    return ("diverged" if broken else "finished"), ", ".join(broken), numbers


def _forget_models() -> None:
    """Free what Keras keeps of a model, so that a worker's memory does not grow from trial to trial."""
    if "keras" in sys.modules:
        import_module("keras").utils.clear_session(free_memory=True)
