"""Reading from MLflow what others, or other projects, put there. Nothing is written, and no store is made."""

import math
import os
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pandas as pd

from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.tracking.locations import DATABASE
from maskwright.tracking.store import VARIABLE, check_answer, import_mlflow, named_store, reason, shown, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

FILES = Path("mlruns")
"""The folder in which earlier versions of MLflow kept their runs."""
_ALLOWED = "MLFLOW_ALLOW_FILE_STORE"
_TRASH = ".trash"
_TABLES = {"alembic_version", "experiments", "runs", "params", "latest_metrics", "tags"}
_PAGE = 1000


def experiment_runs(root: Path, experiment: str) -> pd.DataFrame:
    """Return a row for each run of an MLflow experiment that is not deleted.

    Args:
        root: folder that holds mlflow.db, or else mlruns, which is read unless MLFLOW_TRACKING_URI names another
            store.
        experiment: its name.

    Returns:
        Columns `run` and `parent` (ids; the second None where there is none), `status` (FINISHED, FAILED, ...),
        `started` (milliseconds since 1970), `search` (the hyperparameter search that made the run, by its tags:
        Optuna, Hyperopt, FLAML; else None), `params.NAME` (texts) and `metrics.NAME` (the last value; a text such as
        "nan" where it is not finite). None where a run has no such parameter or metric.

    Raises:
        MaskwrightError: there is no store, it cannot be reached or read, it has no such experiment, or that has no
            run.
    """
    with _store(root) as (client, name):
        try:
            runs = _runs(client, experiment, name)
        except MaskwrightError:
            raise
        except Exception as error:
            raise MaskwrightError(f"{name}: {reason(error)}") from None
    if not runs:
        raise MaskwrightError(f"{name}: the experiment {experiment!r} has no run")
    if unreadable := _without_description(Path(name), runs[0].info.experiment_id):
        terminal.warn(f"{name}: {unreadable} runs of {experiment!r} have no meta.yaml, and are left out")
    searches = {run.info.run_id: _search(run.data.tags) for run in runs}
    rows = []
    for run in runs:
        parent = run.data.tags.get("mlflow.parentRunId")
        rows.append(
            {
                "run": run.info.run_id,
                "parent": parent,
                "status": run.info.status,
                "started": run.info.start_time,
                "search": searches[run.info.run_id] or searches.get(parent or ""),
                **{f"params.{name}": value for name, value in run.data.params.items()},
                **{f"metrics.{name}": _metric(value) for name, value in run.data.metrics.items()},
            }
        )
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in columns})


@contextmanager
def _store(root: Path) -> "Iterator[tuple[MlflowClient, str]]":
    """Open the store to read, and yield a client and what to call the store in messages."""
    address, ours = named_store(root)
    database, folder = sqlite_file(address), _folder(address)
    if ours and database is not None and not database.is_file():
        folder = root / FILES
        if not folder.is_dir():
            raise MaskwrightError(f"{root}: no {DATABASE} and no {FILES} here; set {VARIABLE} to the store to read")
        database = None
    with _as_mlflow_sees_it(address, database, folder) as seen:
        try:
            yield import_mlflow().MlflowClient(seen), str(database or folder or shown(address))
        except MaskwrightError:
            raise
        except Exception as error:
            raise MaskwrightError(f"{database or folder or shown(address)}: {reason(error)}") from None


@contextmanager
def _as_mlflow_sees_it(address: str, database: Path | None, folder: Path | None) -> Iterator[str]:
    """Yield an address that MLflow may open: it makes what is missing, and brings old databases up to date."""
    if database is not None:
        with tempfile.TemporaryDirectory() as place:
            yield f"sqlite:///{_copy(database, Path(place))}"
    elif folder is not None:
        if not any(folder.glob("*/meta.yaml")):
            what = "no experiment of MLflow in this folder" if folder.is_dir() else "no such folder"
            raise MaskwrightError(f"{folder}: {what}; set {VARIABLE} to the store to read")
        with _folder_allowed(folder):
            yield folder.resolve().as_uri()
    else:
        check_answer(address)
        yield address


def _copy(database: Path, place: Path) -> Path:
    """Copy an SQLite database: MLflow would create a missing one, and change one of another version."""
    if not database.is_file():
        raise MaskwrightError(f"{database}: no such file; set {VARIABLE} to the store to read")
    copy = place / "copy.db"
    try:
        source = sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            known = {name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not known >= _TABLES:
                raise MaskwrightError(f"{database}: not a database of MLflow; set {VARIABLE} to the store to read")
            source.backup(target)
    except sqlite3.Error as error:
        raise MaskwrightError(f"{database}: {error}; is it damaged, or not a database of MLflow?") from None
    return copy


@contextmanager
def _folder_allowed(folder: Path) -> Iterator[None]:
    """Let MLflow read a folder of runs, which it does only when told so, and leave the folder as it was."""
    before, trash = os.environ.get(_ALLOWED), folder / _TRASH
    has_trash = trash.exists()
    # MLflow makes it when it first sees a folder, and misses it when it sees the folder again.
    trash.mkdir(exist_ok=True)
    os.environ[_ALLOWED] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ALLOWED]
        else:
            os.environ[_ALLOWED] = before
        if not has_trash:
            trash.rmdir()


def _folder(address: str) -> Path | None:
    """Return the folder of a file store; None for any other store."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if parts.scheme or address.startswith("databricks") else Path(address)


def _runs(client: "MlflowClient", experiment: str, store: str) -> "list[Run]":
    known = client.get_experiment_by_name(experiment)
    if known is None:
        names = sorted(e.name for e in client.search_experiments(max_results=50))
        raise MaskwrightError(f"{store}: no experiment {experiment!r}; there is {', '.join(names)}")
    runs: list[Run] = []
    token: str | None = ""
    while token is not None:
        page = client.search_runs([known.experiment_id], max_results=_PAGE, page_token=token or None)
        runs += page
        token = page.token or None
    return runs


def _without_description(folder: Path, experiment: str) -> int:
    """Return how many runs of a file store MLflow passes over in silence; 0 for any other store."""
    runs = (path for path in (folder / experiment).glob("*") if re.fullmatch("[0-9a-f]{32}", path.name))
    return sum(not (path / "meta.yaml").is_file() for path in runs)


def _metric(value: float) -> float | str:
    """Return a metric, and as a text one that is not finite: databases keep infinity as the largest number."""
    if math.isfinite(value) and abs(value) < sys.float_info.max:
        return value
    return "nan" if math.isnan(value) else str(math.copysign(math.inf, value))


def _search(tags: Mapping[str, str]) -> str | None:
    if any(name.startswith("optuna.") for name in tags) or {"param_directions", "numbers"} <= tags.keys():
        return "Optuna"
    if {"number", "direction"} <= tags.keys() and any(name.endswith("_distribution") for name in tags):
        return "Optuna"
    if "fmin_uuid" in tags or tags.get("runSource") == "hyperoptAutoTracking":
        return "Hyperopt"
    return "FLAML" if any(name.startswith("flaml.") for name in tags) else None
