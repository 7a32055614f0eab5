"""MLflow: one row for each trained model, however training and evaluation got there."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.shared.identity import content_hash
from maskwright.tracking.inputs import Data
from maskwright.tracking.naming import flatten, mlflow_names
from maskwright.tracking.provenance import git_tags, produced, project_root
from maskwright.tracking.runs import KEY, MODEL, LiveTraining, Training, record
from maskwright.tracking.store import open_store

EPOCHS = [{"loss": 0.5, "miou": 0.25}, {"loss": 0.25, "miou": 0.75}, {"loss": 0.125, "miou": 0.5}]


def serving_model(folder):
    """Class 1 where the first channel is above 100."""
    import keras

    assert (folder / "weights").is_file()
    image = keras.Input((None, None, 3), dtype="uint8")
    bright = keras.ops.cast(image[..., 0] > 100, "uint8")
    return keras.Model(image, bright)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """An MLflow database, which takes seconds to make, for each test to copy."""
    folder = tmp_path_factory.mktemp("database")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_store(folder, "unused")
    return folder / "mlflow.db"


@pytest.fixture
def project(tmp_path, monkeypatch, empty_database):
    """A folder, with a space in its name, as training leaves it."""
    root = tmp_path / "a project"
    root.mkdir()
    shutil.copy(empty_database, root)
    for folder in (
        "data/masks/train/masks",
        "data/masks/validation",
        "data/masks/test/masks",
        "models/toy",
        "results/toy/plots",
    ):
        (root / folder).mkdir(parents=True)
    (root / "data/masks/train/index.csv").write_text("image,mask\na.jpg,masks/a.png\nb.jpg,masks/b.png\n")
    (root / "data/masks/validation/index.csv").write_text("image,mask\nd.jpg,masks/d.png\n")
    (root / "data/masks/test/index.csv").write_text("image,mask\nc.jpg,masks/c.png\n")
    for name in ("train/masks/a", "train/masks/b", "test/masks/c"):
        (root / f"data/masks/{name}.png").write_bytes(name.encode())
    (root / "models/toy/weights").write_bytes(b"first")
    rows = [f"{number},{row['loss']},{row['miou']}" for number, row in enumerate(EPOCHS, 1)]
    (root / "results/toy/training.csv").write_text("\n".join(["epoch,loss,miou", *rows]) + "\n")
    (root / "results/toy/metrics.json").write_text(json.dumps({"miou": 0.5}))
    (root / "results/toy/details.json").write_text(json.dumps({"iou": {"a&b": 0.25, "a|b": 1, "c": None}}))
    (root / "results/toy/plots/confusion.csv").write_text("actual,predicted\na,b\n")
    monkeypatch.chdir(root)
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "DVC_ROOT", "DVC_EXP_NAME"):
        monkeypatch.delenv(variable, raising=False)
    return root


def training(key="k" * 32):
    return Training(
        name="toy",
        about="A toy: is it bright?",
        variant="",
        label="dice",
        changed={"toy.loss.name": "dice"},
        key=key,
        params={"toy": {"epochs": 3, "loss": {"name": "dice", "weights": None}}},
        data=Data("photos", Path("data/masks"), {"training": "train", "validation": "validation", "testing": "test"}),
        model=Path("models/toy"),
        history=Path("results/toy/training.csv"),
        processor="",
        best_by="miou",
        serving_model=serving_model,
    )


def rows(root):
    store = open_store(root, "toy")
    return store.client.search_runs([store.experiment], order_by=["attributes.start_time ASC"])


def epochs(root, run, name="curves/miou"):
    return [
        (metric.step, metric.value)
        for metric in open_store(root, "toy").client.get_metric_history(run.info.run_id, name)
    ]


def train(root, live, first=1):
    for number, row in enumerate(EPOCHS[first - 1 :], first):
        live.log_epoch(number, row)


@pytest.mark.slow
def test_one_row_holds_params_curves_data_model_and_evaluation(project):
    live = LiveTraining(project, training())
    train(project, live)
    live.finish()
    (run,) = rows(project)
    assert sorted(data.tags[0].value for data in run.inputs.dataset_inputs) == ["training", "validation"]
    assert record(project, training(), Path("results/toy"))

    (run,) = rows(project)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"toy.epochs": "3", "toy.loss.name": "dice", "toy.loss.weights": "null"}
    assert run.data.tags[MODEL] == content_hash(Path("models/toy"))
    assert run.data.tags["maskwright.stage"] == "train@toy"
    assert run.info.run_name == "dice"
    assert "dvc exp run -S toy.loss.name=dice evaluate@toy" in run.data.tags["mlflow.note.content"]
    # The second epoch was the best.
    kept = {name: value for name, value in run.data.metrics.items() if name.startswith("validation/")}
    assert kept == {"validation/miou": 0.75, "validation/epoch": 2}
    assert epochs(project, run) == [(1, 0.25), (2, 0.75), (3, 0.5)]
    tests = {name: value for name, value in run.data.metrics.items() if name.startswith("test/")}
    assert tests == {"test/miou": 0.5, "test/iou.a_b": 0.25, "test/iou.a_b_2": 1.0}
    data = {entry.tags[0].value: entry.dataset for entry in run.inputs.dataset_inputs}
    assert {context: json.loads(dataset.profile) for context, dataset in data.items()} == {
        "training": {"examples": 2},
        "validation": {"examples": 1},
        "testing": {"examples": 1},
    }
    assert {dataset.name for dataset in data.values()} == {"photos"}
    client = open_store(project, "toy").client
    artifacts = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert artifacts == {"training.csv", "metrics.json", "details.json", "plots"}
    assert [item.path for item in client.list_artifacts(run.info.run_id, "plots")] == ["plots/confusion.csv"]
    # All of it lies in the project, and nothing in the folder a tracking server would use by default.
    assert sorted(path.name for path in project.iterdir()) == [
        "data",
        "mlartifacts",
        "mlflow.db",
        "mlflow.db.lock",
        "models",
        "results",
    ]

    # The evaluation belongs to the model too, which answers with class masks, of any size.
    (output,) = run.outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert {metric.key: metric.value for metric in model.metrics} == tests | kept
    assert model.name == "toy"
    assert model.tags["mlflow.note.content"] == run.data.tags["mlflow.note.content"]
    digests = {context: dataset.digest for context, dataset in data.items()}
    measured_on = {metric.key: (metric.dataset_name, metric.dataset_digest) for metric in model.metrics}
    assert measured_on["test/miou"] == ("photos", digests["testing"])
    assert measured_on["validation/miou"] == ("photos", digests["validation"])
    # The page of the experiment says what it is, and shows its main scores; there is no empty experiment beside it.
    about = client.get_experiment_by_name("toy").tags
    assert about["mlflow.note.content"].startswith("A toy: is it bright?")
    view = json.loads(json.loads(about["mlflow.sharedViewState.scores"])["state"])
    assert view == {"selectedColumns": ["metrics.`test/miou`", "metrics.`validation/miou`"]}
    assert "Default" not in [experiment.name for experiment in client.search_experiments()]
    import mlflow

    served = mlflow.pyfunc.load_model(model.model_uri)
    assert [str(spec) for spec in served.metadata.signature.inputs] == ["Tensor('uint8', (-1, -1, -1, 3))"]
    image = np.zeros((2, 5, 7, 3), np.uint8)
    image[1, 2, 3] = 200
    expected = np.zeros((2, 5, 7), np.uint8)
    expected[1, 2, 3] = 1
    np.testing.assert_array_equal(served.predict(image), expected)

    # Doing it again changes nothing.
    assert not record(project, training(), Path("results/toy"))
    (again,) = rows(project)
    assert again.info.end_time == run.info.end_time
    assert len(client.get_metric_history(run.info.run_id, "test/miou")) == 1


def test_a_variant_has_its_files_and_its_own_numbers_and_a_model_once_it_is_chosen(project):
    Path("results/toy/training.csv").write_text("variant,epoch,loss\nwith,1,0.5\nwithout,1,0.25\n")
    Path("results/toy/details.json").write_text(json.dumps({"with": {"miou": 0.75}, "without": {"miou": 0.5}}))
    variant = replace(training(), variant="without", best_by="", serving_model=None)
    assert record(project, variant, Path("results/toy"))
    assert not record(project, variant, Path("results/toy"))
    (run,) = rows(project)
    assert run.data.tags["maskwright.variant"] == "without"
    assert run.data.metrics == {"curves/loss": 0.25, "test/miou": 0.5}
    client = open_store(project, "toy").client
    assert [item.path for item in client.list_artifacts(run.info.run_id, "network")] == ["network/weights"]
    assert not run.outputs.model_outputs
    assert record(project, replace(variant, serving_model=serving_model), Path("results/toy"))
    (run,) = rows(project)
    assert len(run.outputs.model_outputs) == 1


def test_a_row_without_a_description_gets_one_and_a_name_and_one_of_other_people_stays(project):
    Path("results/toy/details.json").write_text(json.dumps({"without": {"miou": 0.5}}))
    variant = replace(training(), variant="without", best_by="", serving_model=None)
    assert record(project, variant, Path("results/toy"))
    (run,) = rows(project)
    client, run_id = open_store(project, "toy").client, run.info.run_id
    client.delete_tag(run_id, "mlflow.note.content")
    client.update_run(run_id, name="toy-0a1b2c3d")
    assert record(project, variant, Path("results/toy"))
    (run,) = rows(project)
    assert run.info.run_name == "dice"
    client.set_tag(run_id, "mlflow.note.content", "The one for the talk.")
    client.update_run(run_id, name="for the talk")
    assert not record(project, variant, Path("results/toy"))
    (run,) = rows(project)
    assert (run.info.run_name, run.data.tags["mlflow.note.content"]) == ("for the talk", "The one for the talk.")


def test_a_training_without_data_names_none(project):
    Path("results/toy/details.json").write_text(json.dumps({"drawn": {"miou": 0.5}}))
    Path("results/toy/training.csv").write_text("variant,epoch,loss\ndrawn,1,0.5\n")
    drawn = replace(training(), variant="drawn", data=Data("none", Path("data"), {}), serving_model=None)
    assert record(project, drawn, Path("results/toy"))
    assert not record(project, drawn, Path("results/toy"))
    (run,) = rows(project)
    assert run.inputs is None or not run.inputs.dataset_inputs
    assert run.data.metrics["test/miou"] == 0.5


@pytest.mark.slow
def test_a_killed_training_continues_its_row(project):
    killed = LiveTraining(project, training())
    killed.log_epoch(1, EPOCHS[0])
    killed.log_epoch(2, EPOCHS[1])
    (run,) = rows(project)
    assert run.info.status == "RUNNING"

    again = LiveTraining(project, training())
    # The checkpoint was a moment older than MLflow: the second epoch is run, and told, again.
    train(project, again, first=2)
    again.finish()
    (finished,) = rows(project)
    assert finished.info.run_id == run.info.run_id
    assert finished.info.status == "FINISHED"
    assert epochs(project, finished) == [(1, 0.25), (2, 0.75), (3, 0.5)]


@pytest.mark.slow
def test_what_could_not_be_recorded_is_made_up_for_in_the_same_row(project):
    broken = LiveTraining(project, training())
    broken.log_epoch(1, EPOCHS[0])
    assert record(project, training(), Path("results/toy"))
    (run,) = rows(project)
    assert run.info.status == "FINISHED"
    assert epochs(project, run) == [(1, 0.25), (2, 0.75), (3, 0.5)]
    assert run.data.metrics["test/miou"] == 0.5


@pytest.mark.slow
def test_the_same_model_has_one_row_and_another_one_its_own(project):
    for _ in range(2):
        live = LiveTraining(project, training())
        train(project, live)
        live.finish()
    (first,) = rows(project)

    # Another key and the same model: only a comment was changed, say.
    live = LiveTraining(project, training("other" * 6))
    assert len(rows(project)) == 2
    train(project, live)
    live.finish()
    (only,) = rows(project)
    assert only.info.run_id == first.info.run_id
    assert only.data.tags[KEY] == "k" * 32

    # The same key and another model: another computer, say. The first model keeps its row.
    Path("models/toy/weights").write_bytes(b"second")
    live = LiveTraining(project, training())
    train(project, live)
    live.finish()
    kept, new = rows(project)
    assert kept.info.run_id == first.info.run_id
    assert kept.data.tags[MODEL] == first.data.tags[MODEL]
    assert new.data.tags[MODEL] == content_hash(Path("models/toy"))
    assert epochs(project, new) == [(1, 0.25), (2, 0.75), (3, 0.5)]
    assert {run.info.status for run in (kept, new)} == {"FINISHED"}


@pytest.mark.slow
def test_without_the_database_an_evaluation_makes_the_whole_row(project):
    assert record(project, training(), Path("results/toy"))
    (run,) = rows(project)
    assert epochs(project, run) == [(1, 0.25), (2, 0.75), (3, 0.5)]
    assert run.data.metrics["test/miou"] == 0.5
    assert len(run.outputs.model_outputs) == 1

    # A changed evaluation of the same model goes into the same row.
    Path("results/toy/metrics.json").write_text('{"miou": 0.75}')
    assert record(project, training(), Path("results/toy"))
    (run,) = rows(project)
    assert run.data.metrics["test/miou"] == 0.75


def test_a_run_id_in_the_environment_does_not_hijack(project, monkeypatch):
    store = open_store(project, "somebody else")
    foreign = store.client.create_run(store.experiment).info.run_id
    monkeypatch.setenv("MLFLOW_RUN_ID", foreign)
    live = LiveTraining(project, training())
    live.log_epoch(1, EPOCHS[0])
    live.stop(killed=False)
    (run,) = rows(project)
    assert run.info.run_id != foreign
    assert run.info.status == "FAILED"
    assert store.client.get_run(foreign).data.metrics == {}


def test_another_store_can_be_named(project, monkeypatch, tmp_path, empty_database):
    shutil.copy(empty_database, tmp_path / "elsewhere.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/elsewhere.db")
    LiveTraining(project, training()).log_epoch(1, EPOCHS[0])
    assert len(rows(project)) == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert rows(project) == []


def test_an_unusable_store_is_one_warning_and_costs_no_training(project, capsys):
    (project / "mlflow.db").write_bytes(b"no database at all, but long enough to be taken for one" * 100)
    live = LiveTraining(project, training())
    train(project, live)
    live.finish()
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("maskwright: warning: MLflow: ")
    assert shown.err.count("\n") == 1
    assert "maskwright sync" in shown.err


def test_a_queued_experiment_uses_the_store_of_its_project(project, monkeypatch, tmp_path):
    copy = project / ".dvc" / "tmp" / "exps" / "tmp1"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert project_root() == copy
    monkeypatch.setenv("DVC_ROOT", str(project))
    assert project_root() == project
    # Left over in the environment from another project, it says nothing about this one.
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "elsewhere"))
    assert project_root() == copy


def test_dvc_lock_tells_whether_an_evaluation_belongs_to_the_model(project):
    model, results = Path("models/toy"), Path("results/toy")
    assert produced("toy", model, results) is None
    # md5("first") = 8b04d5e3775d298e78455efc5ca404d5, and the folder's is that of its listing.
    held, measured = content_hash(model), content_hash(results / "metrics.json")

    def write_lock(evaluated_model, trained_model=held):
        stages = {
            "masks": {"params": {"params.yaml": {"annotations": {"root": "drinks"}}}},
            "toy": {"params": {"params.yaml": {"annotations": {"root": "photos"}, "toy.side": 8}}},
            "train@toy": {
                "params": {"params.yaml": {"toy": {"epochs": 3}}},
                "outs": [{"path": "models/toy", "md5": trained_model}],
            },
            "evaluate@toy": {
                "deps": [{"path": "models/toy", "md5": evaluated_model}],
                "outs": [{"path": "results/toy/metrics.json", "md5": measured}],
            },
        }
        Path("dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}))

    write_lock(held)
    found = produced("toy", model, results)
    assert found is not None
    assert found.params == {"annotations": {"root": "photos"}, "toy": {"epochs": 3}}
    assert found.evaluated
    write_lock("another.dir")
    found = produced("toy", model, results)
    assert found is not None
    assert not found.evaluated
    write_lock(held, trained_model="another.dir")
    assert produced("toy", model, results) is None


def test_content_hash_is_that_of_dvc(tmp_path, monkeypatch):
    from dvc.repo import Repo

    for name in ("out/b.txt", "out/a/c.txt", "out/a-b.txt", "out/é.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    with Repo.init(no_scm=True) as repo:
        (stage,) = repo.add("out")
    assert content_hash(Path("out")) == stage.outs[0].hash_info.value
    # printf out/b.txt | md5sum
    assert content_hash(Path("out/b.txt")) == "c6a8cda9be8781e9d71f2733200f359d"


def test_flatten():
    assert dict(flatten({"a": 1, "b": {"c": [1, 2], "d": {"e": None}}})) == {"a": 1, "b.c": [1, 2], "b.d.e": None}


def test_mlflow_names_are_valid_and_different():
    assert mlflow_names(["iou.dog", "iou.a&b", "iou.a|b", "größe (%)"]) == [
        "iou.dog",
        "iou.a_b",
        "iou.a_b_2",
        "größe ___",
    ]


def test_a_dirty_tree_is_told_from_a_clean_one(project):
    def git(*arguments):
        identity = ("-c", "user.name=n", "-c", "user.email=e@x")
        subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)

    git("init")
    git("add", "data")
    git("commit", "-m", "one")
    # What the pipeline writes while it runs does not make the tree dirty.
    Path("dvc.lock").write_text("")
    tags = git_tags()
    assert len(tags["mlflow.source.git.commit"]) == 40
    assert tags["git.dirty"] == "true", "models/ is neither committed nor ignored here"
    Path(".gitignore").write_text("/models\n/mlflow.db\n")
    git("add", ".gitignore")
    git("commit", "-m", "two")
    assert git_tags()["git.dirty"] == "false"
    Path("data/masks/train/index.csv").write_text("changed")
    assert git_tags()["git.dirty"] == "true"


def test_names_that_mlflow_refuses():
    from mlflow.utils.validation import _validate_metric_name, _validate_param_name

    long = "k" * 300
    keys = [
        "iou.//",
        "iou/../../x",
        "/a",
        "a/",
        ".",
        "..",
        "",
        "a//b",
        "a/_/b",
        long,
        f"{long}l",
        "x\n\x1b[2J",
        "a/./b",
    ]
    keys += [f"{'k' * 239}/x", "/" * 300, f"{'k' * 238}/..x", "..0"]
    names = mlflow_names(keys)
    assert names[:9] == ["iou./_/_", "iou/_/_/x", "_/a", "a/_", "_", "__2", "__3", "a/_/b", "a/_/b_2"]
    assert names[9:11] == ["k" * 240, f"{'k' * 240}_2"]
    assert len(set(names)) == len(keys)
    for name in names:
        _validate_metric_name(name)
        _validate_param_name(name)


@given(st.lists(st.text(max_size=12) | st.lists(st.sampled_from(["/", "..", "a", ".", "&", ":"])).map("".join)))
def test_any_keys_become_names_that_differ(keys):
    from mlflow.utils.validation import _validate_metric_name

    names = mlflow_names(keys)
    assert len(set(names)) == len(keys)
    for name in names:
        _validate_metric_name(name)
