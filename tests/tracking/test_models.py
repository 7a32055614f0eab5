"""Which model of an experiment is registered as the best."""

import pytest
from mlflow.entities import Dataset, DatasetInput, InputTag

from maskwright.shared.errors import MaskwrightError
from maskwright.tracking.models import register_best
from maskwright.tracking.pages import first_page
from maskwright.tracking.store import open_store
from maskwright.tracking.views import show_columns


def add_model(root, name, score, *, data="the same", status="FINISHED", broken=False):
    store = open_store(root, "toy", "A toy.")
    client = store.client
    run = client.create_run(store.experiment, run_name=name, tags={"mlflow.note.content": f"About {name}."})
    run_id = run.info.run_id
    if score is not None:
        client.log_metric(run_id, "validation/miou", score)
    part = Dataset("photos", data, "local", "{}")
    client.log_inputs(run_id, datasets=[DatasetInput(part, [InputTag("mlflow.data.context", "validation")])])
    model = client.create_logged_model(store.experiment, name="toy", source_run_id=run_id)
    if not broken:
        (root / "MLmodel").write_text("flavors: {}\n")
        client.log_model_artifact(model.model_id, str(root / "MLmodel"))
    client.finalize_logged_model(model.model_id, "READY")
    client.set_terminated(run_id, status)
    return model.model_id


def register(root):
    return register_best(root, "toy", "A toy.", "val_miou")


@pytest.mark.slow
def test_the_best_is_the_one_with_the_highest_validation_score_on_the_same_images(tmp_path, monkeypatch):
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MaskwrightError, match=r"^toy: no model with a validation score is recorded; run `dvc repro"):
        register(tmp_path)
    add_model(tmp_path, "on other images", 0.99, data="others")
    add_model(tmp_path, "killed", 0.98, status="KILLED")
    add_model(tmp_path, "without files", 0.97, broken=True)
    add_model(tmp_path, "without a score", None)
    first = add_model(tmp_path, "first", 0.75)
    add_model(tmp_path, "as good", 0.75)
    add_model(tmp_path, "newest", 0.5)
    client = open_store(tmp_path, "toy").client

    found = register(tmp_path)
    assert (found.run, found.metric, found.score, found.version) == ("first", "validation/miou", 0.75, "1")
    assert (found.models, found.elsewhere, found.new) == (3, 1, True)
    version = client.get_model_version_by_alias("toy", "best")
    assert (version.source, version.description) == (f"models:/{first}", "About first.")
    assert '"version": 1' in client.get_logged_model(first).tags["mlflow.modelVersions"]
    assert "highest `validation/miou`" in client.get_registered_model("toy").description
    assert not register(tmp_path).new

    better = add_model(tmp_path, "better", 0.8)
    assert (register(tmp_path).version, register(tmp_path).new) == ("2", False)
    assert client.get_model_version_by_alias("toy", "best").source == f"models:/{better}"

    # The page to open first is that of the newest run, once it has columns for its scores.
    database, address = tmp_path / "mlflow.db", "http://127.0.0.1:5"
    listing = f"{address}/#/experiments?workflowType=machine_learning"
    assert first_page(address, database) == listing
    store = open_store(tmp_path, "toy")
    show_columns(store, ["test/miou"])
    view = "viewStateShareKey=scores&workflowType=machine_learning"
    assert first_page(address, database) == f"{address}/#/experiments/{store.experiment}/runs?{view}"
    assert first_page(address, tmp_path / "none.db") == listing
    assert not (tmp_path / "none.db").exists()
