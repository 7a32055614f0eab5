"""A training of segmentation with DVC: as an experiment, put back from the run cache, and killed."""

import json
import os
import shutil
import signal
import subprocess

import pytest

from maskwright.shared.identity import content_hash
from support.project import (
    answer,
    apply,
    commit,
    copy_of_the_project,
    environment,
    locked,
    rows,
    run,
    sync,
    wait_for,
)

pytestmark = pytest.mark.slow

STAGES = {"drinks", "masks", "train@segmentation", "evaluate@segmentation"}
RESULTS = "results/segmentation"


def segmentation_rows(folder):
    return rows(folder, "segmentation")["segmentation"]


def metrics(folder):
    return json.loads((folder / RESULTS / "metrics.json").read_text())


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A clone in which segmentation was trained and evaluated, and the results are committed."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("first clone") / "mask wright")
    run(folder, "dvc", "repro", "evaluate@segmentation")
    commit(folder, "results")
    return folder


def test_a_killed_training_goes_on_and_ends_as_if_nothing_had_happened(finished, tmp_path):
    """In a second clean clone, elsewhere: also the same dvc.lock."""
    folder = copy_of_the_project(tmp_path / "second clone")
    run(folder, "dvc", "repro", "masks")
    with subprocess.Popen(
        ["dvc", "repro", "train@segmentation"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as training:
        wait_for(lambda: any(folder.glob("checkpoints/**/progress.json")), 300, lambda: "a checkpoint", every=0.02)
        os.killpg(training.pid, signal.SIGKILL)
    (state,) = folder.glob("checkpoints/**/progress.json")
    assert len(json.loads(state.read_text())["history"]) < 3, "the training had ended before it was killed"
    assert not (folder / "models/segmentation").exists()
    (killed,) = segmentation_rows(folder)
    assert killed["status"] == "RUNNING"

    run(folder, "dvc", "repro", "evaluate@segmentation")
    assert not any((folder / "checkpoints").rglob("*.npz"))
    for path in ("models/segmentation", f"{RESULTS}/training.csv", f"{RESULTS}/metrics.json"):
        assert content_hash(folder / path) == content_hash(finished / path)
    assert set(locked(folder)) == STAGES
    assert locked(folder) == locked(finished)
    (row,) = segmentation_rows(folder)
    assert row["id"] == killed["id"]
    assert row["status"] == "FINISHED"
    assert row["epochs"] == [1, 2, 3]


def test_an_experiment_is_compared_and_put_back(finished):
    before, lock = metrics(finished), (finished / "dvc.lock").read_bytes()
    target = "evaluate@segmentation"
    run(finished, "dvc", "exp", "run", "-n", "shorter", "-S", "segmentation.epochs=1", target)
    assert "shorter" in run(finished, "dvc", "exp", "show", "--csv")
    difference = answer(finished, "dvc", "params", "diff", "--json")
    assert difference["params.yaml"]["segmentation.epochs"] == {"old": 3, "new": 1, "diff": -2}
    changed = answer(finished, "dvc", "metrics", "diff", "--json", "--all")
    assert "miou" in changed[f"{RESULTS}/metrics.json"]
    first, second = segmentation_rows(finished)
    assert second["tags"]["dvc.experiment"] == "shorter"
    assert second["epochs"] == [1]
    assert second["tags"]["git.dirty"] == "true"

    # Back to where it was: DVC restores the stages from its run cache, no command runs, and MLflow hears nothing.
    run(finished, "git", "checkout", "-q", "--", ".")
    for name in ("mlflow.db", "dvc.lock"):
        (finished / name).unlink()
    for name in ("mlartifacts", "models", "data/masks"):
        shutil.rmtree(finished / name)
    shown = run(finished, "dvc", "repro", target)
    for stage in STAGES:
        assert f"Stage '{stage}' is cached - skipping run" in shown
    assert metrics(finished) == before
    assert (finished / "dvc.lock").read_bytes() == lock
    assert segmentation_rows(finished) == []
    assert run(finished, "git", "status", "--porcelain") == ""
    assert "segmentation: recorded\n" in sync(finished)
    assert "segmentation: was recorded already\n" in sync(finished)
    (row,) = segmentation_rows(finished)
    assert row["tags"]["maskwright.model"] == first["tags"]["maskwright.model"]
    for part in ("epochs", "params", "metrics"):
        assert row[part] == first[part]

    # `exp apply` brings the experiment back; `sync` records that too.
    apply(finished, "shorter", experiment="segmentation")
    assert "segmentation: recorded\n" in sync(finished)
    assert [row["epochs"] for row in segmentation_rows(finished)] == [[1, 2, 3], [1]]
