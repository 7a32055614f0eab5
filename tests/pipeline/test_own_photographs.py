"""Photographs of one's own: in the repository, outside of it, and which stages each of them concerns."""

import json
import shutil
from pathlib import Path

import pytest

from support.photographs import write_photographs
from support.project import (
    apply,
    change_params,
    commit,
    copy_of_the_project,
    invent_outputs,
    locked,
    put_back,
    run,
    waiting,
    work_through_the_queue,
)

pytestmark = pytest.mark.slow

LEARNING = [f"{stage}@{name}" for stage in ("train", "evaluate") for name in ("segmentation", "detection")]


def settings(root, **others):
    """Return the arguments that choose the photographs."""
    values = {"root": root, "train": "via.json", "validation": "null", "test": "null", **others}
    return [word for key, value in values.items() for word in ("-S", f"annotations.{key}={value}")]


def test_a_queued_experiment_with_photographs_of_ones_own(tmp_path):
    folder = copy_of_the_project(tmp_path / "mask wright")
    assert run(folder, "git", "ls-files", "data").split() == ["data/README.md"]
    write_photographs(tmp_path / "my photos")
    run(folder, "cp", "-r", str(tmp_path / "my photos"), "data/photos")
    assert (folder / "data/photos/via.json").is_file()
    run(folder, "dvc", "add", "data/photos")
    commit(folder, "my photographs")
    kept = run(folder, "git", "ls-files", "data").split()
    assert kept == ["data/.gitignore", "data/README.md", "data/photos.dvc"]

    chosen = [*settings("data/photos"), "-S", "segmentation.epochs=1"]
    run(folder, "dvc", "exp", "run", "--queue", "-n", "mine", *chosen, "evaluate@segmentation")
    work_through_the_queue(folder, tasks=1)
    assert "mine" in run(folder, "dvc", "exp", "show", "--csv")
    assert run(folder, "git", "status", "--porcelain") == ""
    apply(folder, "mine", experiment="segmentation")
    assert "miou" in json.loads((folder / "results/segmentation/metrics.json").read_text())
    assert len(list((folder / "data/masks").glob("*/masks/*.png"))) == 8
    assert "drinks" not in locked(folder)

    # In the folder itself, with names that DVC writes bare.
    run(folder, "dvc", "exp", "run", *settings("data/photos", classes='["yes","no"]'), "masks")
    assert "classes: [yes, no]" in (folder / "params.yaml").read_text().replace("\n  - ", " ")
    assert json.loads((folder / "data/masks/train/classes.json").read_text()) == ["background", "yes", "no"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A clone with photographs outside, masks, and inventions where models and their evaluations would be."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("first clone") / "mask wright")
    run(folder, "dvc", "repro", "drinks")
    shutil.move(folder / "data/drinks", folder.parent / "photos")
    change_params(folder, {"annotations": {"root": "../photos"}})
    run(folder, "dvc", "repro", "masks")
    invent_outputs(folder, *LEARNING)
    commit(folder, "masks")
    return folder


def test_photographs_outside_the_repository(prepared):
    (found,) = [dep for dep in locked(prepared)["masks"]["deps"] if "photos" in Path(dep["path"]).parts[:2]]
    assert found["path"] == "../photos"
    assert "../../../../photos/train/0000.jpg" in (prepared / "data/masks/train/index.csv").read_text()
    shutil.copytree(prepared.parent / "photos", prepared.parent / "moved")
    run(prepared, "dvc", "exp", "run", "masks", "-S", "annotations.root=../moved")
    assert "../../../../moved/train/0000.jpg" in (prepared / "data/masks/train/index.csv").read_text()
    put_back(prepared, "masks")
    assert "up to date" in run(prepared, "dvc", "repro", "masks")


@pytest.mark.parametrize(
    ("split", "stages"), [("test", {"evaluate"}), ("validation", {"train"}), ("train", {"train"})]
)
def test_a_photograph_concerns_only_the_stages_of_its_split(prepared, split, stages):
    """A byte is added to a JPEG, behind its end: no pixel and no mask changes."""
    photograph = prepared.parent / "photos" / split / "0000.jpg"
    original = photograph.read_bytes()
    photograph.write_bytes(original + b"\0")
    run(prepared, "dvc", "repro", "masks")
    changed = waiting(prepared, *LEARNING)
    photograph.write_bytes(original)
    put_back(prepared, "masks")
    assert changed == {stage for stage in LEARNING if stage.split("@")[0] in stages}
