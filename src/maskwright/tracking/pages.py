"""The page that MLflow's pages are to open on."""

import sqlite3
from contextlib import closing
from pathlib import Path

from maskwright.tracking.locations import StoreUnavailable
from maskwright.tracking.views import VIEW_TAG, page

_NEWEST = """
SELECT experiments.experiment_id,
       (SELECT count(*) FROM experiment_tags AS tag
        WHERE tag.experiment_id = experiments.experiment_id AND tag.key = ?)
FROM experiments JOIN runs ON runs.experiment_id = experiments.experiment_id
WHERE experiments.lifecycle_stage = 'active' AND runs.lifecycle_stage = 'active'
ORDER BY 2 DESC, runs.start_time DESC LIMIT 1
"""


def first_page(address: str, database: Path) -> str:
    """Return the address of the table of the experiment that has the newest run, with columns for its scores.

    Args:
        address: of MLflow's pages.
        database: `mlflow.db`. It is read by SQLite itself, since MLflow takes seconds to start, and does so anyway.

    Raises:
        StoreUnavailable: the database cannot be read.
    """
    # MLflow's start page is about language models; this address is not.
    listing = f"{address}/#/experiments?workflowType=machine_learning"
    if not database.is_file():
        return listing
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            known = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"experiments", "experiment_tags", "runs"} <= known:
                return listing
            row = connection.execute(_NEWEST, (VIEW_TAG,)).fetchone()
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{database}: {error}") from None
    if row is None:
        return listing
    experiment, views = row
    return page(address, str(experiment)) if views else listing
