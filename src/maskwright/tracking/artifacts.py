"""Which files MLflow has of a run or a model: rows may outlive them, where somebody deleted `mlartifacts`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel


def recorded_files(client: "MlflowClient", run: str) -> set[str]:
    """Return the paths of all files that MLflow has of a run."""
    return _files_below(lambda path: client.list_artifacts(run, path), None)


def file_names(path: Path, below: str = "") -> set[str]:
    """Return how MLflow names a file, or all files of a folder, that are recorded in the artifact folder `below`."""
    prefix = f"{below}/" if below else ""
    if path.is_file():
        return {f"{prefix}{path.name}"}
    return {f"{prefix}{file.relative_to(path).as_posix()}" for file in path.rglob("*") if file.is_file()}


def usable_models(client: "MlflowClient", experiment: str, run: str) -> "list[LoggedModel]":
    """Return the models of a run that were logged to the end and have their files, in the order of their making."""
    return [model for model in _logged(client, experiment, run) if _is_whole(client, model)]


def forget_broken_models(client: "MlflowClient", experiment: str, run: str) -> None:
    """Delete the rows of the run's models that `usable_models` leaves out."""
    for model in _logged(client, experiment, run):
        if not _is_whole(client, model):
            client.delete_logged_model(model.model_id)


def _logged(client: "MlflowClient", experiment: str, run: str) -> "list[LoggedModel]":
    found = client.search_logged_models([experiment], filter_string=f"source_run_id = '{run}'")
    return sorted(found, key=lambda model: model.creation_timestamp)


def _is_whole(client: "MlflowClient", model: "LoggedModel") -> bool:
    from mlflow.entities import LoggedModelStatus

    if model.status != LoggedModelStatus.READY:
        return False
    return any(file.path == "MLmodel" for file in client.list_logged_model_artifacts(model.model_id))


def _files_below(listed: Callable[[str | None], list[Any]], path: str | None) -> set[str]:
    found: set[str] = set()
    for entry in listed(path):
        found |= _files_below(listed, entry.path) if entry.is_dir else {entry.path}
    return found
