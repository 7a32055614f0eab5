"""MLflow: one row for each trained model. Nothing else in the project knows MLflow.

A row is found by what was produced, never by a remembered id, so DVC's graph holds no run ids:

- `maskwright.key` is the hash of everything that determines a training. A training that was killed and is started
  again continues the row with its key, and a training that is repeated writes into the row it has already.
- `maskwright.model` is the hash of the model's files, the very one that dvc.lock holds for the folder, so that the
  row of any commit's model can be found. Evaluation goes into the row with its model's hash.

What is recorded comes from files (models/, results/), and only what is missing is added: all of it may be repeated.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwright.shared import terminal
from maskwright.shared.identity import content_hash
from maskwright.shared.processor import this_processor
from maskwright.tracking.artifacts import file_names, forget_broken_models, recorded_files, usable_models
from maskwright.tracking.inputs import TESTING, TRAINING, VALIDATING, Data, best_epoch, curves, score_name, used_as
from maskwright.tracking.models import log_model
from maskwright.tracking.naming import (
    CURVES,
    TEST,
    flatten,
    measures,
    mlflow_names,
    setting_text,
)
from maskwright.tracking.notes import NOTE, experiment_note, training_note
from maskwright.tracking.provenance import git_tags, user
from maskwright.tracking.store import Store, open_store
from maskwright.tracking.views import show_columns

if TYPE_CHECKING:
    from mlflow.entities import Dataset, LoggedModel, Run

KEY = "maskwright.key"
MODEL = "maskwright.model"
STAGE = "maskwright.stage"
EVALUATION = "maskwright.evaluation"
PROCESSOR = "maskwright.processor"

_FILES = "network"
_BATCH = 1000
"""MLflow's limit for the metrics of one call."""


@dataclass(frozen=True)
class Training:
    """A training as MLflow sees it: its name, what determines it, and where its files are.

    Attributes:
        name: the experiment's name, for example "segmentation"; also the name of its MLflow experiment and its model.
        about: what the experiment is, in a sentence.
        variant: which variant of the experiment it is; "" where there are none.
        label: the name of the row: what differs from the default settings.
        changed: the settings that differ from the defaults, by dotted key.
        key: hash of everything that determines the outcome.
        params: the sections of params.yaml it uses.
        data: its data set.
        model: the folder that holds, or will hold, the trained model.
        history: CSV with a row for each epoch, whose number is in the column `epoch`; with a column `variant`, only
            the rows of this one count.
        processor: the one that trained, in words; "" for this one.
        best_by: the column of `history` whose highest value decided which epoch the model is from; "" where none did.
        serving_model: loads from `model` the keras.Model to serve, with one input and one output; None where only the
            folder's files are to be recorded, which takes no time.
    """

    name: str
    about: str
    variant: str
    label: str
    changed: Mapping[str, Any]
    key: str
    params: dict[str, Any]
    data: Data
    model: Path
    history: Path
    processor: str
    best_by: str
    serving_model: Callable[[Path], Any] | None


class LiveTraining:
    """The row of a training that is under way.

    MLflow must not cost anyone a training: the first failure is a warning in one line, and after it nothing more is
    recorded; `maskwright sync` does that later from the files.
    """

    def __init__(self, root: Path, training: Training) -> None:
        self._training = training
        self._store: Store | None = None
        self._run = ""
        self._steps: set[int] = set()
        self._attempt(lambda: self._start(root))

    def log_epoch(self, epoch: int, values: dict[str, float]) -> None:
        """Record one epoch's numbers; an epoch that the row has already is left alone."""
        self._attempt(lambda: self._log_epoch(epoch, values))

    def finish(self) -> None:
        """Record the trained model and everything else about it."""
        self._attempt(self._finish)

    def stop(self, *, killed: bool) -> None:
        """Say that the training ended early; starting it again continues the row."""
        self._attempt(lambda: self._terminate("KILLED" if killed else "FAILED"))

    def _attempt(self, action: Callable[[], None]) -> None:
        if self._store is None and self._run:
            return
        try:
            action()
        except Exception as error:
            self._store, self._run = None, "given up"
            warn(error)

    def _start(self, root: Path) -> None:
        store = _store(root, self._training)
        run = _find(store, KEY, self._training.key)
        if run is None:
            run = _create(store, self._training)
        else:
            store.client.update_run(run.info.run_id, status="RUNNING")
        self._store, self._run = store, run.info.run_id
        self._steps = _logged_epochs(store, self._run)

    def _log_epoch(self, epoch: int, values: dict[str, float]) -> None:
        assert self._store is not None
        if epoch not in self._steps:
            self._steps.add(epoch)
            _log_metrics(self._store, self._run, {epoch: {f"{CURVES}/{k}": v for k, v in values.items()}})

    def _finish(self) -> None:
        store, run = self._store, self._run
        assert store is not None
        produced = content_hash(self._training.model)
        before = store.client.get_run(run).data.tags.get(MODEL)
        other = _find(store, MODEL, produced)
        if before not in (None, produced):
            # The same key gave different weights (another machine, say): the older model keeps its row.
            store.client.set_terminated(run, "FINISHED")
            run = (other or _create(store, self._training)).info.run_id
        elif other is not None and other.info.run_id != run:
            # Another key gave the very same model (a comment changed, say): it has a row, and needs no second one.
            store.client.delete_run(run)
            run = other.info.run_id
        _complete_training(store, run, self._training)

    def _terminate(self, status: str) -> None:
        assert self._store is not None
        # A repeated training that broke off leaves a finished model's row as it was.
        finished = MODEL in self._store.client.get_run(self._run).data.tags
        self._store.client.set_terminated(self._run, "FINISHED" if finished else status)


def record(root: Path, training: Training, results: Path | None) -> bool:
    """Bring the row of a trained model up to date with its files, making the row if there is none.

    Args:
        root: folder of the MLflow store.
        training: what was trained; its model and history are there.
        results: folder that holds metrics.json, details.json and plots/, or None where there is no evaluation. The
            numbers of a variant are those in details.json.

    Returns:
        Whether anything had to be added.

    Raises:
        Exception: whatever MLflow raises; see `warn`.
    """
    store = _store(root, training)
    run = _find(store, MODEL, content_hash(training.model)) or _find(store, KEY, training.key)
    if run is not None and run.data.tags.get(MODEL) not in (None, content_hash(training.model)):
        run = None  # the same key gave another model, which keeps its row
    run_id = (run or _create(store, training)).info.run_id
    added = _complete_training(store, run_id, training)
    if results is not None:
        added |= _complete_evaluation(store, run_id, training, results)
    return added


def warn(error: Exception, consequence: str = "the work goes on, and `maskwright sync` records it later") -> None:
    """Say in one line on stderr that MLflow failed, and what becomes of it."""
    reason = (" ".join(str(error).split()) or type(error).__name__)[:300]
    terminal.warn(f"MLflow: {reason}; {consequence}")


def _store(root: Path, training: Training) -> Store:
    return open_store(root, training.name, experiment_note(training.name, training.about))


def _find(store: Store, tag: str, value: str) -> "Run | None":
    runs = store.client.search_runs(
        [store.experiment], f"tags.`{tag}` = '{value}'", max_results=1, order_by=["attributes.start_time DESC"]
    )
    return runs[0] if runs else None


def _create(store: Store, training: Training) -> "Run":
    from mlflow.entities import Param

    experiment = os.environ.get("DVC_EXP_NAME")
    tags = {
        KEY: training.key,
        STAGE: f"train@{training.name}",
        "mlflow.source.name": f"maskwright train {training.name}",
        "mlflow.source.type": "LOCAL",
        "mlflow.user": user(),
        **git_tags(),
        PROCESSOR: training.processor or str(this_processor()),
        **({"maskwright.variant": training.variant} if training.variant else {}),
        **({"dvc.experiment": experiment} if experiment else {}),
    }
    tags[NOTE] = _note(training, tags)
    run = store.client.create_run(store.experiment, tags=tags, run_name=training.label)
    values = list(flatten(training.params))
    names = mlflow_names(key for key, _ in values)
    params = [Param(name, setting_text(value)) for name, (_, value) in zip(names, values, strict=True)]
    store.client.log_batch(run.info.run_id, params=params)
    return run


def _note(training: Training, tags: Mapping[str, str]) -> str:
    return training_note(
        training.name, training.about, training.label, training.changed, tags, tags.get(PROCESSOR, "unknown")
    )


def _complete_training(store: Store, run_id: str, training: Training) -> bool:
    run = store.client.get_run(run_id)
    added = False
    note = run.data.tags.get(NOTE) or _note(training, run.data.tags)
    if NOTE not in run.data.tags:  # a row that was made before rows had names that say something
        store.client.set_tag(run_id, NOTE, note)
        store.client.update_run(run_id, name=training.label)
        added = True
    validating = training.data.part(VALIDATING)
    if run.inputs is None or not run.inputs.dataset_inputs:
        parts = {TRAINING: training.data.part(TRAINING), VALIDATING: validating}
        if inputs := [used_as(part, use) for use, part in parts.items() if part is not None]:
            store.client.log_inputs(run_id, datasets=inputs)
            added = True
    logged = _logged_epochs(store, run_id)
    missing = {epoch: row for epoch, row in curves(training.history, training.variant).items() if epoch not in logged}
    if missing:
        _log_metrics(store, run_id, missing)
        added = True
    recorded = recorded_files(store.client, run_id)
    if not file_names(training.history) <= recorded:
        store.client.log_artifact(run_id, str(training.history))
        added = True
    if training.serving_model is None and not file_names(training.model, _FILES) <= recorded:
        store.client.log_artifacts(run_id, str(training.model), _FILES)
        added = True
    logs_model = training.serving_model and not usable_models(store.client, store.experiment, run_id)
    if training.serving_model and logs_model:
        forget_broken_models(store.client, store.experiment, run_id)
        log_model(run_id, training.serving_model(training.model), training.name, note)
        added = True
    best = best_epoch(training.history, training.best_by)
    if best and (logs_model or score_name(training.best_by) not in run.data.metrics):
        _log_metrics(store, run_id, {0: best}, _newest_model(store, run_id), validating)
        added = True
    produced = content_hash(training.model)
    if run.data.tags.get(MODEL) != produced:
        # Last, so that a row with this tag is complete.
        store.client.set_tag(run_id, MODEL, produced)
        added = True
    if added or run.info.status != "FINISHED":
        store.client.set_terminated(run_id, "FINISHED")
    return added


def _complete_evaluation(store: Store, run_id: str, training: Training, results: Path) -> bool:
    run = store.client.get_run(run_id)
    metrics, details, plots = results / "metrics.json", results / "details.json", results / "plots"
    evaluated = "-".join(content_hash(path) for path in (metrics, details, plots) if path.exists())
    model = _newest_model(store, run_id)
    # A model that was recorded anew has no numbers yet.
    told = model is None or any(metric.key.startswith(TEST) for metric in model.metrics or [])
    known = run.data.tags.get(EVALUATION) == evaluated and told
    files = file_names(metrics) | file_names(details) | file_names(plots, "plots")
    if known and files <= recorded_files(store.client, run_id):
        return False
    if not known:
        first, others = (json.loads(path.read_text(encoding="utf-8")) for path in (metrics, details))
        # Here, not with the training's: one model may be evaluated on a test split that grows.
        testing = training.data.part(TESTING)
        if testing is not None:
            store.client.log_inputs(run_id, datasets=[used_as(testing, TESTING)])
        numbers = measures(others[training.variant] if training.variant else {**first, **others})
        _log_metrics(store, run_id, {0: numbers}, model, testing)
        ends = ("", ".mean") if training.variant else ("",)
        columns = [f"{TEST}/{key}{end}" for key in first for end in ends]
        show_columns(store, [*columns, *([score_name(training.best_by)] if training.best_by else [])])
    for path in (metrics, details):
        store.client.log_artifact(run_id, str(path))
    if plots.exists():
        store.client.log_artifacts(run_id, str(plots), "plots")
    store.client.set_tag(run_id, EVALUATION, evaluated)
    return True


def _newest_model(store: Store, run_id: str) -> "LoggedModel | None":
    models = usable_models(store.client, store.experiment, run_id)
    return models[-1] if models else None


def _log_metrics(
    store: Store,
    run_id: str,
    values: Mapping[int, Mapping[str, float]],
    model: "LoggedModel | None" = None,
    data: "Dataset | None" = None,
) -> None:
    """Record named numbers for each of some steps, in as few calls as MLflow allows.

    With a model they are its numbers too, and with data its page names the part of the data set they are from.
    """
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    about = {
        "model_id": model.model_id if model else None,
        "dataset_name": data.name if data and model else None,
        "dataset_digest": data.digest if data and model else None,
    }
    metrics = [
        Metric(name, value, now, step, run_id=run_id, **about)
        for step, row in values.items()
        for name, value in zip(mlflow_names(row), row.values(), strict=True)
    ]
    for start in range(0, len(metrics), _BATCH):
        store.client.log_batch(run_id, metrics=metrics[start : start + _BATCH])


def _logged_epochs(store: Store, run_id: str) -> set[int]:
    return {metric.step for metric in store.client.get_metric_history(run_id, f"{CURVES}/loss")}
