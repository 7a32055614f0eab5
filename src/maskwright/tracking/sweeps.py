"""A sweep in MLflow: one run for the sweep, and below it one for each trial. The process that runs the sweep writes.

As for trainings, a run is found by the key of all that determines it, so what is repeated or continued has one row.
The runs are in an MLflow experiment of their own, `sweep-NAME`.
"""

import csv
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from statistics import fmean
from typing import TYPE_CHECKING, Any

from maskwright.shared.identity import content_hash
from maskwright.shared.processor import this_processor
from maskwright.tracking.artifacts import file_names, recorded_files
from maskwright.tracking.naming import flatten, mlflow_names, setting_text
from maskwright.tracking.notes import NOTE, sweep_note, with_effects
from maskwright.tracking.provenance import git_tags, user
from maskwright.tracking.runs import KEY, PROCESSOR, STAGE, warn
from maskwright.tracking.store import Store, open_store
from maskwright.tracking.views import show_columns

if TYPE_CHECKING:
    from mlflow.entities import Run

_OLD_NAME = "[0-9a-f]{10}"
_PARENT = "mlflow.parentRunId"
_REASON = "maskwright.reason"
_PAGE = 1000


@dataclass(frozen=True)
class TrackedSweep:
    """A sweep as MLflow sees it.

    Attributes:
        name: the sweep's name.
        about: what its experiment is, in a sentence.
        key: hash of its trials' keys.
        factors: the levels of each factor.
        responses: the measures for whose sake it is made.
        params: its section of params.yaml, and those of its experiment.
        command: the command that runs it; empty for `maskwright sweep NAME`.
    """

    name: str
    about: str
    key: str
    factors: Mapping[str, Sequence[Any]]
    responses: Sequence[str]
    params: dict[str, Any]
    command: str = ""


@dataclass(frozen=True)
class TrackedTrial:
    """A trial as MLflow sees it.

    Attributes:
        name: of its run.
        key: hash of all that determines it.
        params: factors and seed.
        metrics: what it measured.
        reason: why it did not finish, or "".
        started, seconds: when (in seconds since 1970), and how long it took.
    """

    name: str
    key: str
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    reason: str
    started: float
    seconds: float


class LiveSweep:
    """The runs of a sweep that is under way, written by a thread, so that no worker ever waits for MLflow.

    MLflow must not cost anyone a trial: the first failure is a warning in one line, and after it nothing more is
    recorded. Running the sweep again, which runs no trial twice, records it then.
    """

    def __init__(self, root: Path, sweep: TrackedSweep) -> None:
        self._root, self._sweep = root, sweep
        self._queue: SimpleQueue[TrackedTrial | tuple[str, Sequence[Path]]] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="mlflow", daemon=True)
        self._thread.start()

    def log(self, trial: TrackedTrial) -> None:
        """Record a trial; one that has its row already is left alone."""
        self._queue.put(trial)

    def finish(self, tables: Sequence[Path]) -> None:
        """Say that the sweep is complete, and add its tables."""
        self._end("FINISHED", tables)

    def stop(self, *, killed: bool) -> None:
        """Say that the sweep ended early; running it again continues the run."""
        self._end("KILLED" if killed else "FAILED", [])

    def _end(self, status: str, tables: Sequence[Path]) -> None:
        self._queue.put((status, tables))
        self._thread.join()

    def _write(self) -> None:
        try:
            writer = _Writer(_store(self._root, self._sweep), self._sweep)
            writer.reopen()
            while isinstance(item := self._queue.get(), TrackedTrial):
                writer.trial(item)
            writer.end(*item)
        except Exception as error:
            warn(error, f"the sweep goes on, and `{_command(self._sweep)}` once more records it later")


def record_sweep(root: Path, sweep: TrackedSweep, trials: Iterable[TrackedTrial], tables: Sequence[Path]) -> bool:
    """Bring the runs of a sweep up to date, making those that are missing.

    Returns:
        Whether anything had to be added.

    Raises:
        Exception: whatever MLflow raises.
    """
    writer = _Writer(_store(root, sweep), sweep)
    # Every trial is looked at, so no `any` of a generator.
    added = [writer.trial(trial) for trial in trials]
    # Ended once: a run's time is that from its start to its end.
    lost = not writer.has(tables)
    missing = any(added) or lost or writer.outdated
    if missing or not writer.finished():
        writer.end("FINISHED", tables)
    return missing


def record_effects(root: Path, sweep: TrackedSweep, response: str, reason: str, tables: Path, pictures: Path) -> bool:
    """Add an analysis of effects to a sweep's run: its files under `effects-RESPONSE`, the table to the description.

    Its numbers do not become metrics: MLflow would draw a bar for each estimate and each p.

    Args:
        root: folder of the MLflow store.
        sweep: which.
        response: the measure that was analysed.
        reason: which model the effects are from, in words.
        tables, pictures: the folders of its tables and of its pictures.

    Returns:
        Whether there is such a run that did not have this analysis yet.

    Raises:
        Exception: whatever MLflow raises.
    """
    store = _store(root, sweep)
    run, content = _find(store, sweep.key), content_hash(tables)
    label, tag = f"effects-{response}", _effects_tag(response)
    if run is None:
        return False
    tags = store.client.get_run(run).data.tags
    files = file_names(tables, label) | file_names(pictures, f"{label}/plots")
    if tags.get(tag) == content and files <= recorded_files(store.client, run):
        return False
    if tags.get(tag) != content:
        with (tables / "effects.csv").open(newline="", encoding="utf-8") as file:
            note = with_effects(tags.get(NOTE, ""), response, list(csv.DictReader(file)), reason)
        store.client.set_tag(run, NOTE, note)
    store.client.log_artifacts(run, str(tables), label)
    if pictures.is_dir():
        store.client.log_artifacts(run, str(pictures), f"{label}/plots")
    store.client.set_tag(run, tag, content)
    return True


def _effects_tag(response: str) -> str:
    return f"maskwright.effects-{response}"


def _store(root: Path, sweep: TrackedSweep) -> Store:
    note = f"{sweep.about}\n\nOne run for each `{_command(sweep)}`, and below it one for each trial."
    return open_store(root, f"sweep-{sweep.name}", note)


def _command(sweep: TrackedSweep) -> str:
    return sweep.command or f"maskwright sweep {sweep.name}"


def _show_columns(store: Store, sweep: TrackedSweep) -> None:
    """Show the responses and the factors: each trial's own, and the mean of the sweep, whose trials are folded up."""
    show_columns(store, [name for each in sweep.responses for name in (each, f"{each}/mean")], sweep.factors)


def _find(store: Store, key: str) -> str | None:
    found = store.client.search_runs([store.experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
    return found[0].info.run_id if found else None


def _log(store: Store, run: str, params: Mapping[str, Any], metrics: Mapping[str, float], when: int) -> None:
    from mlflow.entities import Metric, Param

    named = zip(mlflow_names(metrics), metrics.values(), strict=True)
    texts = {key: setting_text(value) for key, value in params.items()}
    store.client.log_batch(
        run,
        # `when` is a trial's own time, so that a number that is written twice is the same entry.
        metrics=[Metric(name, value, when, 0) for name, value in named],
        params=[Param(name, text) for name, text in zip(mlflow_names(texts), texts.values(), strict=True)],
    )


class _Writer:
    def __init__(self, store: Store, sweep: TrackedSweep) -> None:
        self._store, self._sweep, self._git = store, sweep, git_tags()
        found = _find(store, sweep.key)
        self._run = found or self._create(sweep.key, f"sweep {sweep.name}", {NOTE: self._note()})
        if not found:
            _log(store, self._run, dict(flatten(sweep.params)), {}, 0)
            _show_columns(store, sweep)
        trials = self._trials()
        self._rows = {run.data.tags.get(KEY, ""): (run.info.run_id, run.info.status) for run in trials}
        tags = store.client.get_run(self._run).data.tags
        self.outdated = NOTE not in tags
        """Whether the sweep was recorded before runs had descriptions, and names that say something."""
        if self.outdated:
            store.client.set_tag(self._run, NOTE, self._note())
            _show_columns(store, sweep)
            for tag in map(_effects_tag, sweep.responses):
                if tag in tags:  # the table of effects is to be added to the description
                    store.client.delete_tag(self._run, tag)
        self._nameless = {
            run.data.tags.get(KEY, "") for run in trials if re.fullmatch(_OLD_NAME, run.info.run_name or "")
        }

    def reopen(self) -> None:
        """Say that the sweep goes on."""
        self._store.client.update_run(self._run, status="RUNNING")

    def finished(self) -> bool:
        """Return whether the sweep's run says that it is complete."""
        return self._store.client.get_run(self._run).info.status == "FINISHED"

    def has(self, tables: Sequence[Path]) -> bool:
        """Return whether MLflow has these files of the sweep."""
        recorded = recorded_files(self._store.client, self._run)
        return all(file_names(table) <= recorded for table in tables)

    def trial(self, trial: TrackedTrial) -> bool:
        """Record a trial; return False where its run is complete already."""
        status = "FAILED" if trial.reason else "FINISHED"
        run, before = self._rows.get(trial.key, ("", ""))
        if trial.key in self._nameless:
            self._nameless.remove(trial.key)
            self._store.client.update_run(run, name=trial.name)
        if before == status:
            return False
        started = int(trial.started * 1000)
        if not run:
            run = self._create(trial.key, trial.name, {_PARENT: self._run}, started)
        _log(self._store, run, trial.params, trial.metrics, started)
        if trial.reason:
            self._store.client.set_tag(run, _REASON, trial.reason)
        elif before == "FAILED":
            self._store.client.delete_tag(run, _REASON)
        self._store.client.set_terminated(run, status, int((trial.started + trial.seconds) * 1000))
        self._rows[trial.key] = (run, status)
        return True

    def end(self, status: str, tables: Sequence[Path]) -> None:
        client = self._store.client
        states = [state for _, state in self._rows.values()]
        # In the order in which the run's page lists them.
        numbers = self._responses() if status == "FINISHED" else {}
        numbers |= {"finished": states.count("FINISHED"), "without_result": states.count("FAILED")}
        known = client.get_run(self._run).data.metrics
        changed = {name: value for name, value in numbers.items() if known.get(name) != value}
        _log(self._store, self._run, {}, changed, int(time.time() * 1000))
        for table in tables:
            client.log_artifact(self._run, str(table))
        client.set_terminated(self._run, status)

    def _create(self, key: str, name: str, tags: Mapping[str, str], started: int | None = None) -> str:
        experiment = os.environ.get("DVC_EXP_NAME")
        everything = {
            KEY: key,
            STAGE: f"sweep-{self._sweep.name}",
            PROCESSOR: str(this_processor()),
            "mlflow.source.name": _command(self._sweep),
            "mlflow.source.type": "LOCAL",
            "mlflow.user": user(),
            **({"dvc.experiment": experiment} if experiment else {}),
            **self._git,
            **tags,
        }
        return self._store.client.create_run(
            self._store.experiment, start_time=started, tags=everything, run_name=name
        ).info.run_id

    def _note(self) -> str:
        sweep = self._sweep
        return sweep_note(sweep.name, sweep.about, sweep.factors, sweep.responses, self._git, str(this_processor()))

    def _responses(self) -> dict[str, float]:
        """Return the mean and the range of each response over the trials."""
        trials = [run.data.metrics for run in self._trials()]
        told = {}
        for response in self._sweep.responses:
            (name,) = mlflow_names([response])
            values = [metrics[name] for metrics in trials if name in metrics]
            if values:
                told |= {f"{name}/mean": fmean(values), f"{name}/lowest": min(values), f"{name}/highest": max(values)}
        return told

    def _trials(self) -> "list[Run]":
        """Return the runs of the trials."""
        found: list[Run] = []
        below = f"tags.`{_PARENT}` = '{self._run}'"
        token: str | None = ""
        while token is not None:
            page = self._store.client.search_runs(
                [self._store.experiment],
                below,
                max_results=_PAGE,
                page_token=token or None,
            )
            found += page
            token = page.token or None
        return found
