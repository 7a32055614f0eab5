"""crossvalidate and learning-curve from the annotations to the tables, with trainings that take no time."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import read_yaml
from maskwright.studies import trials
from maskwright.studies.crossvalidate import crossvalidate
from maskwright.studies.learning_curve import learning_curve
from maskwright.sweeps import recording
from maskwright.via.convert import convert_annotations
from support.held_out_trials import holds_out
from support.via_files import annotations, image, photo, rect

SHIPPED = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Twelve photographs with cats, of six days, and no MLflow; returns params.yaml with changed annotations."""
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        photo(tmp_path / f"photos/{number}.jpg", shade=number)
    annotations(
        tmp_path / "photos/v.json", *(image(f"{n}.jpg", rect(name="cat"), day=f"d{n // 2}") for n in range(12))
    )
    about = replace(EXPERIMENTS["segmentation"], holds_out=holds_out, held_out_code=())
    monkeypatch.setattr(trials, "experiment", lambda name: about)
    recorded = []

    class Live:
        def __init__(self, root, sweep):
            self.log = recorded.append
            self.stop = lambda killed: recorded.append("stopped")
            self.finish = lambda files: recorded.append((sweep.command, [file.name for file in files]))

    monkeypatch.setattr(recording, "LiveSweep", Live)
    shipped = read_yaml(SHIPPED)

    def params(**changes):
        chosen = {"root": "photos", "train": "v.json", "validation": None, "test": None, **changes}
        return parse_params({**shipped, "annotations": {**shipped["annotations"], **chosen}})

    params.recorded = recorded
    return params


def ran():
    path = Path("checkpoints/ran")
    return path.read_text().splitlines() if path.exists() else []


def test_crossvalidate(project, capsys):
    params = project(folds=3, group="day")
    Path("checkpoints").mkdir()
    Path("checkpoints/broken").touch()
    with pytest.raises(MaskwrightError, match="fold 1, seed 0: no result"):
        crossvalidate("segmentation", params, root=Path.cwd(), results=Path("results"))
    assert project.recorded[-1] == "stopped"
    Path("checkpoints/broken").unlink()
    crossvalidate("segmentation", params, root=Path.cwd(), results=Path("results"))
    # Of the three folds, only the one that failed ran again; each trains on 4 of 12 photographs.
    assert sorted(line.split()[:2] for line in ran()) == [["0", "4"], ["1", "4"], ["1", "4"], ["2", "4"]]
    scores = json.loads(Path("results/crossvalidate/segmentation/scores.json").read_text())
    assert (scores["folds"], scores["photographs"], scores["groups"]) == (3, 12, 6)
    assert scores["tested_over_trained"] == 1
    # Each photograph is 1 - 4^-0.5 = 0.5 right, in each fold and together.
    assert scores["scores"]["right"]["folds"] == {"mean": 0.5, "low": 0.5, "high": 0.5}
    assert scores["scores"]["right"]["pooled"] == {"mean": 0.5, "low": 0.5, "high": 0.5}
    rows = list(csv.reader(Path("results/crossvalidate/segmentation/scores.csv").read_text().splitlines()))
    assert rows[:2] == [
        ["score", "folds", "folds_low", "folds_high", "pooled", "pooled_low", "pooled_high"],
        ["right", *["0.5"] * 6],
    ]
    assert len(Path("results/crossvalidate/segmentation/trials.csv").read_text().splitlines()) == 4
    command, files = project.recorded[-1]
    assert command == "maskwright crossvalidate segmentation"
    assert files == ["trials.csv", "scores.csv", "scores.json"]
    told = capsys.readouterr().out
    assert "mean of 3 folds" in told
    assert "0.500 to 0.500" in told


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "params.yaml: annotations.folds: null; say in how many folds"),
        ({"folds": 13}, "annotations.folds: 12 images cannot be divided into 13 folds; lower it"),
    ],
)
def test_folds_that_cannot_be(project, changes, message):
    with pytest.raises(MaskwrightError) as error:
        crossvalidate("segmentation", project(**changes), root=Path.cwd(), results=Path("results"))
    assert str(error.value).startswith(message)
    assert not ran()


def test_learning_curve(project, capsys):
    annotations(Path("photos/w.json"), *(image(f"{n}.jpg", rect(name="cat")) for n in range(4)))
    params = project(validation="w.json", test="w.json")
    Path("checkpoints").mkdir()
    convert_annotations(params.annotations, Path("data/masks"))
    learning_curve("segmentation", params, seeds=2, root=Path.cwd(), results=Path("results"))
    # An eighth of 12 is 1.5: one or two are as near, and the smaller is taken.
    assert sorted(line.split()[:3] for line in ran()) == [
        ["0-0.125", "1", "0"], ["0-0.25", "3", "0"], ["0-0.5", "6", "0"], ["0-1", "12", "0"],
        ["1-0.125", "1", "1"], ["1-0.25", "3", "1"], ["1-0.5", "6", "1"], ["1-1", "12", "1"],
    ]  # fmt: skip
    curve = json.loads(Path("results/learning_curve/segmentation/curve.json").read_text())
    assert curve["photographs"] == [[1, 3, 6, 12]] * 2
    # The error is n^-0.5, and 1.05 times that with seed 1: a law, so it foretells the last size. From 12 to 24 it
    # falls by 12^-0.5 (1 - 2^-0.5) = 0.08455, times 1.025 on average.
    assert [law["exponent"] for law in curve["laws"]] == pytest.approx([0.5, 0.5])
    gain = curve["gain_of_twice_as_many"]
    assert gain["mean"] == pytest.approx(0.08455 * 1.025, abs=1e-4)
    assert gain["can_be_told"]
    assert Path("results/learning_curve/segmentation/curve.png").stat().st_size > 5000
    told = capsys.readouterr().out
    assert "right, mean of 2 seeds: -0.025 with 1, " in told
    assert "foretells 0.704 with all; measured: 0.704" in told  # 1 - 1.025 · 12^-0.5
    assert "By the power law, twice as many photographs (24 in place of 12) would change right from 0.704" in told


def test_only_what_learns_from_photographs():
    with pytest.raises(MaskwrightError, match="xor: it does not learn from annotated photographs; choose from segm"):
        trials.held_out_experiment("xor")
