"""MLflow: one row for each trained model. Nothing else in the project knows MLflow.

A row is found by what was produced, never by a remembered id, so DVC's graph holds no run ids:

- `maskwright.key` is the hash of everything that determines a training. A training that was killed and is started
  again continues the row with its key, and a training that is repeated writes into the row it has already.
- `maskwright.model` is the hash of the model's files, the very one that dvc.lock holds for the folder, so that the
  row of any commit's model can be found. Evaluation goes into the row with its model's hash.

What is recorded comes from files (models/, results/), and only what is missing is added: all of it may be repeated.
"""

import csv
import json
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwright.shared import terminal
from maskwright.shared.identity import content_hash
from maskwright.shared.processor import this_processor
from maskwright.tracking.artifacts import file_names, forget_broken_models, recorded_files, usable_models
from maskwright.tracking.provenance import git_tags, user
from maskwright.tracking.store import Store, open_store

if TYPE_CHECKING:
    from mlflow.entities import Run

KEY = "maskwright.key"
MODEL = "maskwright.model"
STAGE = "maskwright.stage"
EVALUATION = "maskwright.evaluation"
PROCESSOR = "maskwright.processor"

_FILES = "network"
_BATCH = 1000
"""MLflow's limit for the metrics of one call."""
_LONGEST_NAME = 240
"""MLflow's limit is 250; the rest is for a number."""


@dataclass(frozen=True)
class Training:
    """A training as MLflow sees it: its name, what determines it, and where its files are.

    Attributes:
        name: the experiment's name, for example "segmentation"; also the name of its MLflow experiment.
        variant: which variant of the experiment it is; "" where there are none.
        key: hash of everything that determines the outcome.
        params: the sections of params.yaml it uses.
        data_name: the name of its data set.
        data: the folder of its data set.
        splits: for what the parts of the data set are used ("training", "validation", "testing"), and the stem of
            their files and folders in `data`.
        model: the folder that holds, or will hold, the trained model.
        history: CSV with a row for each epoch, whose number is in the column `epoch`; with a column `variant`, only
            the rows of this one count.
        processor: the one that trained, in words; "" for this one.
        serving_model: loads from `model` the keras.Model to serve, with one input and one output; None where only the
            folder's files are to be recorded, which takes no time.
    """

    name: str
    variant: str
    key: str
    params: dict[str, Any]
    data_name: str
    data: Path
    splits: Mapping[str, str]
    model: Path
    history: Path
    processor: str
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
        store = open_store(root, self._training.name)
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
            _log_metrics(self._store, self._run, {epoch: {f"training/{k}": v for k, v in values.items()}})

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
    store = open_store(root, training.name)
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


def flatten(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) for each leaf of nested dictionaries."""
    for key, value in values.items():
        if isinstance(value, dict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def mlflow_names(keys: Iterable[str]) -> list[str]:
    """Return a name that MLflow accepts for each key of metrics or parameters.

    A key may hold the name of a class, and so be anything. What MLflow forbids becomes `_`: most characters, and the
    parts of a path that lead elsewhere (`/a`, `a//b`, `a/../b`, `.`). A long name is cut, and a taken one gets a
    number.
    """
    names: list[str] = []
    taken: Counter[str] = Counter()
    for key in keys:
        # Twice, for the cut may end within a part.
        name = base = _plain_path(_plain_path(re.sub(r"[^\w.\- /:]", "_", key))[:_LONGEST_NAME])
        while name in taken:
            taken[base] += 1
            name = f"{base}_{taken[base]}"
        taken[name] = 1
        names.append(name)
    return names


def _plain_path(name: str) -> str:
    path = "/".join("_" if part in ("", ".", "..") else part for part in name.split("/"))
    return f"_{path[1:]}" if path.startswith("..") else path


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
    parts = (training.name, training.variant, experiment or training.key[:8])
    name = "-".join(part for part in parts if part)
    run = store.client.create_run(store.experiment, tags=tags, run_name=name)
    values = list(flatten(training.params))
    names = mlflow_names(key for key, _ in values)
    params = [Param(name, _text(value)) for name, (_, value) in zip(names, values, strict=True)]
    store.client.log_batch(run.info.run_id, params=params)
    return run


def _complete_training(store: Store, run_id: str, training: Training) -> bool:
    run = store.client.get_run(run_id)
    added = False
    datasets = _datasets(training, testing=False)
    if datasets and (run.inputs is None or not run.inputs.dataset_inputs):
        store.client.log_inputs(run_id, datasets=datasets)
        added = True
    logged = _logged_epochs(store, run_id)
    missing = {epoch: row for epoch, row in _history(training) if epoch not in logged}
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
    if training.serving_model and not usable_models(store.client, store.experiment, run_id):
        forget_broken_models(store.client, store.experiment, run_id)
        _log_model(run_id, training.serving_model(training.model))
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
    models = usable_models(store.client, store.experiment, run_id)
    model = models[-1] if models else None
    # A model that was recorded anew has no numbers yet.
    known = run.data.tags.get(EVALUATION) == evaluated and (model is None or bool(model.metrics))
    files = file_names(metrics) | file_names(details) | file_names(plots, "plots")
    if known and files <= recorded_files(store.client, run_id):
        return False
    if not known:
        first, others = (json.loads(path.read_text(encoding="utf-8")) for path in (metrics, details))
        values = flatten(others[training.variant] if training.variant else {**first, **others})
        numbers = {f"test/{key}": float(value) for key, value in values if isinstance(value, int | float)}
        # Here, not with the training's: one model may be evaluated on a test split that grows.
        if datasets := _datasets(training, testing=True):
            store.client.log_inputs(run_id, datasets=datasets)
        _log_metrics(store, run_id, {0: numbers}, model.model_id if model else None)
    for path in (metrics, details):
        store.client.log_artifact(run_id, str(path))
    if plots.exists():
        store.client.log_artifacts(run_id, str(plots), "plots")
    store.client.set_tag(run_id, EVALUATION, evaluated)
    return True


def _log_metrics(
    store: Store, run_id: str, values: Mapping[int, Mapping[str, float]], model: str | None = None
) -> None:
    """Record named numbers for each of some steps, in as few calls as MLflow allows."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [
        Metric(name, value, now, step, model_id=model, run_id=run_id)
        for step, row in values.items()
        for name, value in zip(mlflow_names(row), row.values(), strict=True)
    ]
    for start in range(0, len(metrics), _BATCH):
        store.client.log_batch(run_id, metrics=metrics[start : start + _BATCH])


def _log_model(run_id: str, model: Any) -> None:
    import mlflow
    import mlflow.keras as flavour
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec
    from mlflow.utils import requirements_utils

    def schema(tensor: Any) -> Schema:
        return Schema([TensorSpec(np.dtype(tensor.dtype), [-1 if side is None else side for side in tensor.shape])])

    # What is required below is what is installed. To check that, MLflow would read the file lists of all packages.
    requirements_utils._MODULES_TO_PACKAGES = {}
    # A graph rather than layers, so that it loads where maskwright is not installed; keras prints while exporting.
    with mlflow.start_run(run_id=run_id), redirect_stdout(StringIO()):
        flavour.log_model(
            model,
            name="model",
            save_exported_model=True,
            signature=ModelSignature(schema(model.inputs[0]), schema(model.outputs[0])),
            # Given, because finding them out loads the model in another process.
            pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "tensorflow", "keras")],
            # No epoch: its numbers would be copied to the model, whose own are those of its evaluation.
            step=-1,
        )


def _datasets(training: Training, *, testing: bool) -> list[Any]:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for use, stem in training.splits.items():
        # A folder with an index, or a single file.
        path = next((path for path in sorted(training.data.glob(f"{stem}*")) if path.stem == stem), None)
        if (use == "testing") != testing or path is None:
            continue
        digest = sha256(content_hash(path).encode())
        table = path / "index.csv" if path.is_dir() else path
        profile = json.dumps({"examples": len(_rows(table))} if table.suffix == ".csv" and table.is_file() else {})
        source = json.dumps({"uri": (table if table.is_file() else path).as_posix()})
        dataset = Dataset(training.data_name, digest.hexdigest()[:16], "local", source, profile=profile)
        inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", use)]))
    return inputs


def _history(training: Training) -> Iterator[tuple[int, dict[str, float]]]:
    """Yield each epoch with its numbers, named for MLflow; an empty field is a number that the variant lacks."""
    for row in _rows(training.history):
        epoch = int(row.pop("epoch"))
        if row.pop("variant", training.variant) == training.variant:
            yield epoch, {f"training/{name}": float(value) for name, value in row.items() if value}


def _logged_epochs(store: Store, run_id: str) -> set[int]:
    return {metric.step for metric in store.client.get_metric_history(run_id, "training/loss")}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
