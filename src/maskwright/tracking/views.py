"""The table of an experiment's runs as MLflow's page shows it: a saved view, with columns for the main scores.

A saved view is a tag of the experiment, and its key is part of the page's address (MLflow 3.15 and later; earlier
versions know the same tag as a shared view).
"""

import json
import time
from collections.abc import Iterable, Mapping

from maskwright.tracking.store import Store

VIEW = "scores"
"""The key of the view in the page's address."""
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
"""The tag that holds it."""
_LONGEST = 5000
"""MLflow's limit for a tag of an experiment."""


def page(address: str, experiment: str) -> str:
    """Return the address of the page with an experiment's runs, which shows the saved view."""
    # Without its second part, the page is that of an experiment with language models.
    return f"{address}/#/experiments/{experiment}/runs?viewStateShareKey={VIEW}&workflowType=machine_learning"


def show_columns(store: Store, metrics: Iterable[str], params: Iterable[str] = ()) -> None:
    """Save the view of an experiment's runs with these columns, unless it is saved already.

    Args:
        store: the experiment.
        metrics, params: their names in MLflow, in the order to be shown.

    Raises:
        Exception: whatever MLflow raises.
    """
    columns = [f"metrics.`{name}`" for name in metrics] + [f"params.`{name}`" for name in params]
    state = json.dumps({"selectedColumns": columns})
    now = int(time.time() * 1000)
    view = json.dumps({"name": "Scores", "createdAt": now, "updatedAt": now, "state": state})
    if _state(store.tags) != state and len(view) <= _LONGEST:
        store.client.set_experiment_tag(store.experiment, VIEW_TAG, view)


def _state(tags: Mapping[str, str]) -> str:
    try:
        return json.loads(tags.get(VIEW_TAG, "{}")).get("state", "")
    except (ValueError, AttributeError):
        return ""
