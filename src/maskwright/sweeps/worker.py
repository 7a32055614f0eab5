"""What a worker process does for a sweep: it runs one trial. It imports no TensorFlow until a trial needs it."""

import logging
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any, Literal

from maskwright.shared.experiment import Experiment, Tried
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
        examples: for some of the measures, the value of each test example; empty unless the trial finished.
        found: that of `Tried`; empty unless the trial finished.
        started: when it started, in seconds since 1970.
        seconds: how long it took.
    """

    status: Literal["finished", "diverged", "failed"]
    reason: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    examples: dict[str, list[float]] = field(default_factory=dict)
    found: list[Any] = field(default_factory=list)
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
            with _no_word_of_retracing():
                outcome = _judged(module.trial(task.settings, task.data))
        except (Exception, SystemExit) as error:
            outcome = Outcome("failed", describe(error))
        seconds = time.perf_counter() - begun
        _forget_models()
    return replace(outcome, started=started, seconds=seconds)


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


@contextmanager
def _no_word_of_retracing() -> Iterator[None]:
    """Leave out TensorFlow's warning that a function was traced often: it counts those of all networks as one."""
    logger = logging.getLogger("tensorflow")

    def other(record: logging.LogRecord) -> bool:
        return "tf.function retracing" not in record.getMessage()

    logger.addFilter(other)
    try:
        yield
    finally:
        logger.removeFilter(other)


def _judged(tried: Any) -> Outcome:
    if not isinstance(tried, Tried) or not tried.measures:
        return Outcome("failed", f"the trial returned no `Tried` with named numbers but {type(tried).__name__}")
    for name, value in tried.measures.items():
        if not isinstance(value, Real):
            return Outcome("failed", f"{name} is not a number but {type(value).__name__}")
    numbers = {str(name): float(value) for name, value in tried.measures.items()}
    examples = {str(name): [float(value) for value in values] for name, values in tried.examples.items()}
    broken = [f"{name} is {value}" for name, value in numbers.items() if not math.isfinite(value)]
    broken += [
        f"{name} of an example is not finite"
        for name, values in examples.items()
        if name in numbers and math.isfinite(numbers[name]) and not all(map(math.isfinite, values))
    ]
    if broken:
        return Outcome("diverged", ", ".join(broken), numbers)
    return Outcome("finished", "", numbers, examples, list(tried.found))


def _forget_models() -> None:
    """Free what Keras keeps of a model, so that a worker's memory does not grow from trial to trial."""
    if "keras" in sys.modules:
        import_module("keras").utils.clear_session(free_memory=True)
