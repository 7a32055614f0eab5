"""Where MLflow's pictures and models lie, in a project that was copied, moved or renamed.

MLflow stores absolute locations, and turns relative ones into absolute ones when it stores them. So a copied project
would write into the folder of the original, and a moved one would not find its own files. Therefore, before the
database is used, the locations in it are made to point to the folder `mlartifacts` beside it.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from maskwright.shared.errors import MaskwrightError

DATABASE = Path("mlflow.db")
ARTIFACTS = Path("mlartifacts")

_PLACES = {
    "experiments": ("artifact_location",),
    "runs": ("artifact_uri",),
    "logged_models": ("artifact_location",),
    "model_versions": ("source", "storage_location"),
}
"""The columns of MLflow's tables that hold locations."""
_PATIENCE = 10.0
"""Seconds to wait while another process writes to the database."""


class StoreUnavailable(MaskwrightError):
    """MLflow's store cannot be opened, so it makes no sense to try it again for the next experiment."""


def location(root: Path, experiment: str) -> str:
    """Return where the files of an MLflow experiment lie, as a URI."""
    return f"{_base(root)}{quote(experiment)}"


def relocate(root: Path) -> list[str]:
    """Make the locations in `mlflow.db` point to the `mlartifacts` beside it. Only our own experiments are touched.

    Args:
        root: folder of the project. Where it has no `mlflow.db`, nothing happens.

    Returns:
        The folders that the locations pointed to until now; none if all was right.

    Raises:
        StoreUnavailable: the file cannot be read or changed.
    """
    database = root.resolve() / DATABASE
    if not database.is_file():
        return []
    new = _base(root)
    try:
        with closing(sqlite3.connect(database, timeout=_PATIENCE)) as connection:
            columns = _columns(connection)
            if ("experiments", "artifact_location") not in columns:
                return []
            known = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
            old = {base for name, place in known if (base := _base_of(name, place or "")) not in ("", new)}
            with connection:
                for base in sorted(old):
                    for table, column in columns:
                        change = f"UPDATE {table} SET {column} = ? || substr({column}, ?)"
                        connection.execute(
                            f"{change} WHERE substr({column}, 1, ?) = ?", (new, len(base) + 1, len(base), base)
                        )
    except sqlite3.Error as error:
        raise StoreUnavailable(
            f"{database}: {error}; if it is damaged, move it away, and `maskwright sync` makes it anew"
        ) from None
    return sorted(old)


def _base(root: Path) -> str:
    return f"{(root.resolve() / ARTIFACTS).as_uri()}/"


def _base_of(experiment: str, place: str) -> str:
    """Return the part of a location that the project's place decides; "" where the location is not one of ours."""
    tail = f"/{ARTIFACTS}/{quote(experiment)}"
    return place.removesuffix(quote(experiment)) if place.startswith("file:") and place.endswith(tail) else ""


def _columns(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Return those of `_PLACES` that this database has."""
    return [
        (table, column)
        for table, columns in _PLACES.items()
        for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        if column in columns
    ]
