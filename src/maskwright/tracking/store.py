"""The connection to MLflow, and where the rows of an experiment of ours go."""

import fcntl
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from maskwright.shared.lean import lean_imports
from maskwright.tracking.locations import DATABASE, StoreUnavailable, location, relocate
from maskwright.tracking.notes import NOTE
from maskwright.tracking.silence import NoAnswer, forget, refuse_silent, remember

if TYPE_CHECKING:
    from mlflow import MlflowClient

VARIABLE = "MLFLOW_TRACKING_URI"
_DEFAULT = "Default"
_ALL_RUNS = 3  # ViewType.ALL
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_NO_ANSWER = "no answer"
_PATIENCE = 10.0
"""Seconds to wait for a database to answer."""
_PATIENCE_WITH_SERVERS = {
    # Two attempts of 6 seconds and a pause of at most one: MLflow's own settings wait for 7 minutes and more.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "6",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}


@dataclass(frozen=True)
class Store:
    """An open connection, and the MLflow experiment in it that belongs to one of ours, with its tags."""

    client: "MlflowClient"
    experiment: str
    tags: Mapping[str, str]


def import_mlflow() -> Any:
    """Return the module `mlflow`, which takes seconds to import, told to send nothing and to log only errors."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    for variable, value in _PATIENCE_WITH_SERVERS.items():
        os.environ.setdefault(variable, value)
    with lean_imports():
        import mlflow

    for noisy in ("mlflow", "alembic"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    return mlflow


def open_store(root: Path, name: str, note: str = "") -> Store:
    """Connect to MLFLOW_TRACKING_URI, or else to mlflow.db in `root`, and make the experiment `name` if needed.

    The first connection creates the database, which takes seconds.

    Args:
        root: folder of the project.
        name: of the experiment.
        note: its description, where it has none; people may write another one.

    Raises:
        StoreUnavailable: a store cannot be opened, or does not answer, or did not answer a moment ago.
        Exception: whatever else MLflow raises.
    """
    address, ours = named_store(root)
    if ours:
        return _connect(root, address, ours, name, note)
    refuse_silent(root, shown(address))
    try:
        store = _connect(root, address, ours, name, note)
    except NoAnswer:
        remember(root, shown(address))
        raise
    forget(root)
    return store


def _connect(root: Path, address: str, ours: bool, name: str, note: str) -> Store:
    mlflow = import_mlflow()
    if not ours:
        check_answer(address)
    file = root.resolve() / DATABASE if ours else sqlite_file(address)
    with _alone(file) if file else nullcontext():
        if ours and file is not None:
            if file.is_file():
                relocate(root)
            else:
                _create(file)
        _point_to(mlflow, address)
        with lean_imports():  # of SQLAlchemy
            client = mlflow.MlflowClient()
        try:
            known = client.get_experiment_by_name(name)
        except Exception as error:
            if _kind(address) not in ("http", "https"):
                raise
            raise _unavailable(address, error) from None
        if known is not None:
            tags = dict(known.tags)
            if note and NOTE not in tags:
                client.set_experiment_tag(known.experiment_id, NOTE, note)
            return Store(client, known.experiment_id, tags)
        # Without it, MLflow's pages open on the traces of language models, of which there are none.
        tags = {"mlflow.experimentKind": "custom_model_development", **({NOTE: note} if note else {})}
        place = location(root, name) if ours else None
        made = client.create_experiment(name, artifact_location=place, tags=tags)
        if ours:
            _remove_empty_default(client)
        return Store(client, made, tags)


def _remove_empty_default(client: "MlflowClient") -> None:
    """Delete the experiment that MLflow makes in an empty database, if it is still empty."""
    default = client.get_experiment_by_name(_DEFAULT)
    if default is None or default.lifecycle_stage != "active":
        return
    if not client.search_runs([default.experiment_id], run_view_type=_ALL_RUNS, max_results=1):
        client.delete_experiment(default.experiment_id)


def named_store(root: Path) -> tuple[str, bool]:
    """Return the address of the store to use, and whether it is the `mlflow.db` in `root`."""
    own = root.resolve() / DATABASE
    address = os.environ.get(VARIABLE)
    if not address:
        return sqlite_address(own), True
    file = sqlite_file(address)
    ours = file is not None and file.resolve() == own
    return (sqlite_address(own) if ours else address), ours


def sqlite_address(database: Path) -> str:
    """Return the address of an SQLite file.

    In an address, `?` and `%` have a meaning of their own, and MLflow reads them less well than SQLAlchemy does. A
    path with one of them is given relative to the current folder, in which or above which the project lies.
    """
    path = str(database)
    return f"sqlite:///{quote(os.path.relpath(path)) if {'?', '%'}.intersection(path) else path}"


def _kind(address: str) -> str:
    """Return what kind of store an address names: `http`, `sqlite`, `postgresql`, ... without the driver."""
    return urlsplit(address).scheme.partition("+")[0]


def sqlite_file(address: str) -> Path | None:
    """Return the file of an SQLite store; None for any other store."""
    if _kind(address) != "sqlite":
        return None
    with lean_imports():
        from sqlalchemy.engine import make_url

    database = make_url(address).database
    return Path(database) if database and database != ":memory:" else None


def check_answer(address: str) -> None:
    """Connect to a database once: MLflow would try it ten times, in silence, over 100 seconds.

    Raises:
        StoreUnavailable: it cannot be opened, or does not answer. Addresses of other stores are not looked at.
    """
    if _kind(address) not in _DATABASES:
        return
    from sqlalchemy import create_engine

    answers: SimpleQueue[Exception | None] = SimpleQueue()

    def connect() -> None:
        try:
            engine = create_engine(address)
            engine.connect().close()
            engine.dispose()
            answers.put(None)
        except Exception as error:
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        error = answers.get(timeout=_PATIENCE)
    except Empty:
        raise NoAnswer(f"{shown(address)}: no answer in {_PATIENCE:.0f} s; see {VARIABLE}") from None
    if error is not None:
        raise _unavailable(address, error)


def _unavailable(address: str, error: Exception) -> StoreUnavailable:
    why = reason(error)
    return (NoAnswer if why == _NO_ANSWER else StoreUnavailable)(f"{shown(address)}: {why}; see {VARIABLE}")


def reason(error: Exception) -> str:
    """Return what failed, in one line without passwords: the driver's own words, or whether a server answered."""
    text = shown(" ".join(str(getattr(error, "orig", None) or error).split()))
    for sign, told in (("timed out", _NO_ANSWER), ("connection refused", "connection refused")):
        if sign in text.lower():
            return told
    return text[:200]


def shown(address: str) -> str:
    """Return an address without name and password."""
    return re.sub(r"//[^/@]*@", "//", address)


def _create(database: Path) -> None:
    """Create MLflow's database, whole or not at all: MLflow cannot use one whose creation was killed."""
    partial = database.with_name(f"{database.name}.partial")
    partial.unlink(missing_ok=True)
    with lean_imports():
        import_mlflow().MlflowClient(sqlite_address(partial)).search_experiments(max_results=1)
    partial.rename(database)


def _point_to(mlflow: Any, address: str) -> None:
    """Tell MLflow the address. It would leave it in the environment, where it looks like the user's own choice."""
    before = os.environ.get(VARIABLE)
    mlflow.set_tracking_uri(address)
    if before is None:
        os.environ.pop(VARIABLE, None)
    else:
        os.environ[VARIABLE] = before


@contextmanager
def _alone(database: Path) -> Iterator[None]:
    """Wait until no other process is here: MLflow breaks off where two create the same database."""
    with database.with_name(f"{database.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
