"""Reading from MLflow what others, or other projects, put there. Nothing is written, and no store is made."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from maskwright.shared.errors import MaskwrightError
from maskwright.tracking.locations import DATABASE
from maskwright.tracking.store import import_mlflow, named_store

_PAGE = 1000


def experiment_runs(root: Path, experiment: str) -> pd.DataFrame:
    """Return a row for each run of an MLflow experiment that is not deleted.

    Args:
        root: folder that holds mlflow.db, which is read unless MLFLOW_TRACKING_URI names another store.
        experiment: its name.

    Returns:
        Columns `run` and `parent` (ids; the second None where there is none), `status` (FINISHED, FAILED, ...),
        `started` (milliseconds since 1970), `search` (the hyperparameter search that made the run, by its tags:
        Optuna, Hyperopt, FLAML; else None), `params.NAME` (texts) and `metrics.NAME` (the last value; a text such as
        "nan" where it is not finite). None where a run has no such parameter or metric.

    Raises:
        MaskwrightError: there is no store, it cannot be reached, it has no such experiment, or that has no run.
    """
    address, ours = named_store(root)
    database = root.resolve() / DATABASE
    if ours and not database.is_file():
        raise MaskwrightError(
            f"{database}: no such file; set MLFLOW_TRACKING_URI to the store that has {experiment!r}"
        )
    mlflow = import_mlflow()
    from mlflow.exceptions import MlflowException

    client = mlflow.MlflowClient(address)
    try:
        known = client.get_experiment_by_name(experiment)
        if known is None:
            names = sorted(e.name for e in client.search_experiments(max_results=50))
            raise MaskwrightError(f"MLflow: no experiment {experiment!r}; there is {', '.join(names)}")
        runs: list[Any] = []
        token: str | None = ""
        while token is not None:
            page = client.search_runs([known.experiment_id], max_results=_PAGE, page_token=token or None)
            runs += page
            token = page.token or None
    except MlflowException as error:
        raise MaskwrightError(f"MLflow: {' '.join(str(error).split())[:300]}") from None
    if not runs:
        raise MaskwrightError(f"MLflow: the experiment {experiment!r} has no run")
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
                **{
                    f"metrics.{name}": value if math.isfinite(value) else str(value)
                    for name, value in run.data.metrics.items()
                },
            }
        )
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in columns})


def _search(tags: Mapping[str, str]) -> str | None:
    if any(name.startswith("optuna.") for name in tags) or {"param_directions", "numbers"} <= tags.keys():
        return "Optuna"
    if {"number", "direction"} <= tags.keys() and any(name.endswith("_distribution") for name in tags):
        return "Optuna"
    if "fmin_uuid" in tags or tags.get("runSource") == "hyperoptAutoTracking":
        return "Hyperopt"
    return "FLAML" if any(name.startswith("flaml.") for name in tags) else None
