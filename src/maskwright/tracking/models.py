"""Models in MLflow: how one is logged, and which one of an experiment is registered as the best."""

from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwright.shared.errors import MaskwrightError
from maskwright.tracking.artifacts import usable_models
from maskwright.tracking.inputs import VALIDATING, score_name
from maskwright.tracking.locations import DATABASE
from maskwright.tracking.notes import NOTE
from maskwright.tracking.store import Store, named_store, open_store

if TYPE_CHECKING:
    from mlflow.entities import LoggedModel, Run

BEST = "best"
"""The alias of the best version of a registered model."""
_PAGE = 1000


@dataclass(frozen=True)
class Registered:
    """A registered model.

    Attributes:
        name: of the model, which is that of its experiment.
        version: its number.
        run: the name of the run it is from.
        metric, score: what decided, and its value.
        models: how many there were to choose from.
        elsewhere: how many were left out because they were scored on other validation data.
        new: whether this version was made now.
    """

    name: str
    version: str
    run: str
    metric: str
    score: float
    models: int
    elsewhere: int
    new: bool


def log_model(run_id: str, model: Any, name: str, note: str) -> None:
    """Record the keras.Model to serve, with one input and one output, under the name of its experiment.

    Raises:
        Exception: whatever MLflow raises.
    """
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
            name=name,
            tags={NOTE: note},
            save_exported_model=True,
            signature=ModelSignature(schema(model.inputs[0]), schema(model.outputs[0])),
            # Given, because finding them out loads the model in another process.
            pip_requirements=[f"{package}=={version(package)}" for package in ("mlflow", "tensorflow", "keras")],
            # No epoch: its numbers would be copied to the model, whose own are those of its evaluation.
            step=-1,
        )


def register_best(root: Path, name: str, about: str, best_by: str) -> Registered:
    """Register a version of an experiment's model, with the alias `best`.

    It is the recorded model with the highest score on the validation split at the epoch that was kept; on a tie the
    earlier one. Scores on other images cannot be compared, so only models with the validation data of the newest one
    are looked at. The test split has no say.

    Args:
        root: folder of the project.
        name: of the experiment, and of the registered model.
        about: what the experiment is, in a sentence.
        best_by: the column of the training's history that decides the best epoch.

    Raises:
        MaskwrightError: no model of the experiment is recorded.
        Exception: whatever MLflow raises.
    """
    nothing = MaskwrightError(
        f"{name}: no model with a validation score is recorded; run `dvc repro evaluate@{name}`, or `maskwright sync`"
    )
    if named_store(root)[1] and not (root / DATABASE).is_file():
        raise nothing  # rather than make a store with nothing in it
    store = open_store(root, name)
    metric = score_name(best_by)
    found = [(run, models[-1]) for run in _scored_runs(store, metric) if (models := _models(store, run))]
    if not found:
        raise nothing
    data = _validation_data(found[0][0])
    same = [(run, model) for run, model in found if _validation_data(run) == data]
    # Newest first until here, and `max` takes the first of equals.
    run, model = max(reversed(same), key=lambda pair: pair[0].data.metrics[metric])
    score = run.data.metrics[metric]
    rule = f"The alias `{BEST}` is the recorded model with the highest `{metric}`, scored on the validation split."
    known, number = _version(store, name, model, f"{about}\n\n{rule}", run.data.tags.get(NOTE, ""))
    store.client.set_registered_model_alias(name, BEST, number)
    label = run.info.run_name or run.info.run_id
    return Registered(name, number, label, metric, score, len(same), len(found) - len(same), not known)


def _scored_runs(store: Store, metric: str) -> "list[Run]":
    """Return the finished runs with this metric, newest first."""
    runs: list[Run] = []
    token: str | None = ""
    while token is not None:
        page = store.client.search_runs(
            [store.experiment],
            "attributes.status = 'FINISHED'",
            max_results=_PAGE,
            order_by=["attributes.start_time DESC"],
            page_token=token or None,
        )
        runs += [run for run in page if metric in run.data.metrics]
        token = page.token or None
    return runs


def _models(store: Store, run: "Run") -> "list[LoggedModel]":
    return usable_models(store.client, store.experiment, run.info.run_id)


def _validation_data(run: "Run") -> tuple[str, str] | None:
    inputs = run.inputs.dataset_inputs if run.inputs else []
    used = [item.dataset for item in inputs if VALIDATING in {tag.value for tag in item.tags}]
    return (used[0].name, used[0].digest) if used else None


def _version(store: Store, name: str, model: "LoggedModel", about: str, note: str) -> tuple[bool, str]:
    """Return whether the model is a version already, and the version's number, making it if it is none."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        store.client.create_registered_model(name, description=about)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for known in store.client.search_model_versions(f"name = '{name}'"):
        if known.source == model.model_uri:
            return True, str(known.version)
    # Not the client's function, which leaves the version out on the model's own page; this one chats on stderr.
    with redirect_stderr(StringIO()):
        made = mlflow.register_model(model.model_uri, name)
    store.client.update_model_version(name, str(made.version), description=note)
    return False, str(made.version)
