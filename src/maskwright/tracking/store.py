"""The connection to MLflow, and where the rows of an experiment of ours go."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maskwright.shared.lean import lean_imports

if TYPE_CHECKING:
    from mlflow import MlflowClient

_UNREACHABLE_IN_SECONDS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}


@dataclass(frozen=True)
class Store:
    """An open connection, and the MLflow experiment in it that belongs to one of ours."""

    client: "MlflowClient"
    experiment: str


def import_mlflow() -> Any:
    """Return the module `mlflow`, which takes seconds to import, told to send nothing and to log only errors."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    with lean_imports():
        import mlflow

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return mlflow


def open_store(root: Path, name: str) -> Store:
    """Connect to MLFLOW_TRACKING_URI, or else to mlflow.db in `root`, and make the experiment `name` if needed.

    The first connection creates the database, which takes seconds.
    """
    for variable, value in _UNREACHABLE_IN_SECONDS.items():
        os.environ.setdefault(variable, value)
    mlflow = import_mlflow()
    root = root.resolve()
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    mlflow.set_tracking_uri(uri or f"sqlite:///{root}/mlflow.db")
    with nullcontext() if uri else _alone(root / "mlflow.db.lock"):
        with lean_imports():  # of SQLAlchemy
            client = mlflow.MlflowClient()
        known = client.get_experiment_by_name(name)
        if known is not None:
            return Store(client, known.experiment_id)
        location = None if uri else (root / "mlartifacts" / name).as_uri()
        # Without it, MLflow's pages open on the traces of language models, of which there are none.
        kind = {"mlflow.experimentKind": "custom_model_development"}
        return Store(client, client.create_experiment(name, artifact_location=location, tags=kind))


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Wait until no other process is here: MLflow breaks off where two create the same database."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
