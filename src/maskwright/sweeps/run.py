"""Run a sweep: the trials run in parallel, each outcome is saved at once, and the table is written at the end."""

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from maskwright.catalogue import experiment
from maskwright.params import Params
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Experiment
from maskwright.shared.identity import content_hash, trial_code_hash, trial_key
from maskwright.shared.parallel import available_cores
from maskwright.shared.sweep_settings import Certificates
from maskwright.sweeps.cluster import open_cluster, unordered
from maskwright.sweeps.plan import Plan, Trial
from maskwright.sweeps.table import columns, write_examples, write_outcomes
from maskwright.sweeps.worker import Outcome, Task, describe, run_trial

LogTrial = Callable[[Trial, Outcome], None]

_LINE_EVERY = 15.0
"""Seconds between two lines of progress if there is no terminal."""


def scheduler_address(params: Params) -> str | None:
    """Return the address of the Dask scheduler to use, None for this computer's cores."""
    return os.environ.get("DASK_SCHEDULER_ADDRESS") or params.sweeps.scheduler


def swept_experiment(plan: Plan) -> Experiment:
    """Return the experiment of a plan.

    Raises:
        MaskwrightError: it cannot be swept.
    """
    about = experiment(plan.sweep.experiment)
    if about.tries is None:
        raise MaskwrightError(f"params.yaml: sweeps.{plan.name}.experiment: {about.name} cannot be swept")
    return about


def trial_keys(plan: Plan, about: Experiment, data: Path) -> dict[str, str]:
    """Return for each trial's name a hash of all that determines it: settings, data, code and libraries.

    Raises:
        MaskwrightError: the data are missing.
    """
    folders = {trial.name: plan.folders.get(trial.name, data) for trial in plan.trials}
    hashed: dict[Path, str] = {}
    for folder in dict.fromkeys(folders.values()):
        if not folder.exists():
            raise MaskwrightError(f"{folder}: no such folder; run `dvc repro {folder.name}` first")
        hashed[folder] = content_hash(folder)
    return {trial.name: trial_key(about, plan.settings(trial), hashed[folders[trial.name]]) for trial in plan.trials}


def run_sweep(
    plan: Plan,
    keys: Mapping[str, str],
    *,
    about: Experiment,
    data: Path,
    out: Path,
    kept: Path,
    scheduler: str | None,
    log: LogTrial,
    workers: int | None = None,
    certificates: Certificates | None = None,
) -> str:
    """Run the missing trials of a sweep, and write the tables of all trials and of the test examples.

    A trial that raises an exception, gives a number that is not finite, or loses its worker repeatedly becomes a row
    with the reason. Each result is saved as it arrives, so a sweep that was killed continues with the missing trials.
    Failed trials are then tried again, since memory may have been short; diverged trials are not.

    Args:
        plan: the trials.
        keys: their keys, as `trial_keys` returns them.
        about: the experiment, whose module `trial` runs one trial.
        data: folder of the data set of trials that have none of their own.
        out: folder for trials.csv, which has a row for each trial in the order of the plan, and for examples.csv, see
            `table.write_examples`.
        kept: file that survives a kill, to which a line is added for each trial.
        scheduler: address of a Dask scheduler; None for processes of this computer.
        log: called with each trial and its outcome, earlier ones included.
        workers: number of processes here; the available cores if None.
        certificates: see `open_cluster`.

    Returns:
        A summary of the outcomes in one line.

    Raises:
        MaskwrightError: the response is none of the measures, no trial finished, or the scheduler is lost.
    """
    outcomes = finished_before(plan, keys, kept)
    for trial in plan.trials:
        if trial.name in outcomes:
            _check_response(plan, outcomes[trial.name])
            log(trial, outcomes[trial.name])
    # In the order of the hashes, so that the trials missing after an interruption are not one corner of the plan, and
    # the time that trials have taken so far predicts the time left.
    missing = sorted(
        (trial for trial in plan.trials if trial.name not in outcomes), key=lambda trial: keys[trial.name]
    )
    if missing:
        code = trial_code_hash(about)
        tasks = (
            (trial, Task(about, code, plan.settings(trial), plan.folders.get(trial.name, data).resolve()))
            for trial in missing
        )
        with _Progress(plan, done=len(outcomes)) as progress, _Kept(kept) as keep:
            count = min(workers or available_cores(), len(missing))
            with open_cluster(
                scheduler, workers=count, preload=run_trial.__module__, certificates=certificates
            ) as client:
                if not client.nthreads():
                    progress.tell("no worker has joined the scheduler; waiting for one")
                for (trial, _), result in unordered(client, _run, tasks):
                    outcome = result if isinstance(result, Outcome) else Outcome("failed", _lost(result))
                    outcome = _without_clashes(plan, outcome)
                    keep(keys[trial.name], outcome)
                    outcomes[trial.name] = outcome
                    log(trial, outcome)
                    progress.advance(outcome)
                    _check_response(plan, outcome)
    write_outcomes(plan, outcomes, out / "trials.csv")
    write_examples(plan, outcomes, out / "examples.csv")
    return _summary(plan, list(outcomes.values()), new=len(missing), out=out)


def _run(trial_and_task: tuple[Trial, Task]) -> Outcome:
    return run_trial(trial_and_task[1])


def _lost(error: Exception) -> str:
    from distributed import KilledWorker

    # Dask's own text names processes, which differ each time.
    died = "its worker died each time, for lack of memory perhaps"
    return died if isinstance(error, KilledWorker) else describe(error)


def _without_clashes(plan: Plan, outcome: Outcome) -> Outcome:
    taken = set(columns(plan)).intersection(outcome.measures)
    return Outcome("failed", f"a measure is called {min(taken)}, like another column") if taken else outcome


def _check_response(plan: Plan, outcome: Outcome) -> None:
    unknown = [response for response in plan.sweep.responses if response not in outcome.measures]
    if outcome.measures and unknown:
        raise MaskwrightError(
            f"params.yaml: sweeps.{plan.name}.response: a trial does not measure {unknown[0]!r} but "
            f"{', '.join(outcome.measures)}; what has run so far is kept"
        )


def _summary(plan: Plan, outcomes: list[Outcome], *, new: int, out: Path) -> str:
    counts = Counter(outcome.status for outcome in outcomes)
    told = ", ".join(f"{counts[status]} {status}" for status in ("finished", "diverged", "failed") if counts[status])
    reasons = Counter(outcome.reason for outcome in outcomes if outcome.reason).most_common(3)
    why = "; ".join(f"{reason} ({count} of them)" if count > 1 else reason for reason, count in reasons)
    if not counts["finished"]:
        raise MaskwrightError(f"{plan.name}: none of {len(outcomes)} trials finished: {why}")
    earlier = f" ({len(outcomes) - new} from before)" if new < len(outcomes) else ""
    return f"{plan.name}: {told}{earlier}; see {out / 'trials.csv'}" + (f"\n{why}" if why else "")


def kept_file(root: Path, name: str) -> Path:
    """Return the file with the outcomes of a sweep's trials; it survives a kill."""
    return root / "checkpoints" / "sweep" / f"{name}.jsonl"


def finished_before(plan: Plan, keys: Mapping[str, str], kept: Path) -> dict[str, Outcome]:
    """Return the outcomes of the trials that need not run again, by name."""
    known = _read_kept(kept)
    return {trial.name: known[keys[trial.name]] for trial in plan.trials if keys[trial.name] in known}


def _read_kept(path: Path) -> dict[str, Outcome]:
    """Return the outcomes of trials that need not run again, by key. A truncated line is ignored."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_bytes().splitlines():
        try:
            values = json.loads(line)
            key = values.pop("key")
            found[key] = Outcome(**values)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return {key: outcome for key, outcome in found.items() if outcome.status != "failed"}


class _Kept:
    """Appends outcomes to a file, one whole line at a time, so several sweeps may write to it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        if path.stat().st_size:
            self._file.write(b"\n")  # ends a truncated line

    def __enter__(self) -> Callable[[str, Outcome], None]:
        return lambda key, outcome: self._write(json.dumps({"key": key, **asdict(outcome)}))

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write(self, line: str) -> None:
        self._file.write(f"{line}\n".encode())


class _Progress:
    """A bar with the time left or, without a terminal, a plain line now and then."""

    def __init__(self, plan: Plan, *, done: int) -> None:
        self._name, self._total, self._before = plan.name, len(plan.trials), done
        self._done, self._unfinished = done, 0
        self._console = terminal.console(stderr=True)
        self._bar = Progress(
            TextColumn(self._name),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[more]}"),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._began = self._told = time.monotonic()

    def __enter__(self) -> "_Progress":
        self._bar.start()
        self._task = self._bar.add_task("", total=self._total, completed=self._done, more="")
        if not self._console.is_terminal:
            earlier = f", {self._done} of them from before" if self._done else ""
            self._print(f"{self._name}: {self._total} trials{earlier}")
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._done < self._total:
            self._print(f"{self._name}: {self._done} of {self._total} trials are kept; run it again to continue")

    def advance(self, outcome: Outcome) -> None:
        """Count a trial."""
        self._done += 1
        self._unfinished += outcome.status != "finished"
        now = time.monotonic()
        left = (now - self._began) / (self._done - self._before) * (self._total - self._done)
        more = f"about {_duration(left)} left"
        if self._unfinished:
            more += f", {self._unfinished} without a result"
        self._bar.update(self._task, completed=self._done, more=more)
        if not self._console.is_terminal and (now - self._told > _LINE_EVERY or self._done == self._total):
            self._told = now
            self._print(f"{self._name}: {self._done} of {self._total} trials, {more}")

    def tell(self, text: str) -> None:
        """Print a line."""
        self._print(f"{self._name}: {text}")

    def _print(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
