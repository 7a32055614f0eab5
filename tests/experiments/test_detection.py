import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import pytest
import tiny_detection
from tiny_detection import CLASSES, SIZE, tiny_params

from maskwright.errors import MaskwrightError
from maskwright.experiments import detection
from maskwright.nn import ssd
from maskwright.params import Detection


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny_detection.write_data(root)
    return root


@pytest.fixture(scope="module")
def out(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    command = [sys.executable, tiny_detection.__file__, str(data), str(folder)]
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    return folder


def settings(**changes: Any) -> Detection:
    return tiny_params(Path(), **changes).detection


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
class TestTrain:
    def test_writes_the_model_and_its_history(self, out: Path):
        history = rows(out / "whole/training.csv")
        assert [row["epoch"] for row in history] == [1, 2, 3]
        names = ["epoch", "loss", "val_loss", "val_ap50", "val_ap", "learning_rate"]
        assert all(list(row) == names and all(map(math.isfinite, row.values())) for row in history)
        assert history[-1]["loss"] < history[0]["loss"]
        about = json.loads((out / "whole/model/about.json").read_text())
        best = max(history, key=lambda row: row["val_ap50"])
        assert (
            about.items()
            >= {
                "experiment": "detection",
                "network": "small",
                "classes": CLASSES,
                "size": list(SIZE),
                "anchors": 4 * (4 * 6 + 2 * 3),
                "offsets": "normalised",
                "best_epoch": best["epoch"],
                "validation_ap50": best["val_ap50"],
            }.items()
        )

    def test_a_training_that_was_stopped_ends_as_an_uninterrupted_one(self, out: Path):
        left = json.loads((out / "left.json").read_text())
        assert left == ["best.npz", "epochs.jsonl", "progress.json", "state-1.npz"]
        assert contents(out / "resumed/model") == contents(out / "whole/model")
        assert (out / "resumed/training.csv").read_bytes() == (out / "whole/training.csv").read_bytes()
        # No epoch is told twice.
        assert (out / "resumed/epochs.jsonl").read_bytes() == (out / "whole/epochs.jsonl").read_bytes()
        assert [path for path in (out / "resumed/checkpoints").rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_a_trial_is_the_same_training_with_its_last_weights(out: Path):
    measured = json.loads((out / "trial.json").read_text())
    metrics = json.loads((out / "results/metrics.json").read_text())
    assert measured["loss"] == pytest.approx(rows(out / "whole/training.csv")[-1]["loss"], rel=1e-5)
    assert measured.keys() == {"loss", *metrics["nms"]["hard"]}


@pytest.mark.slow
class TestEvaluate:
    def test_numbers_and_pictures(self, out: Path):
        results = out / "results"
        metrics = json.loads((results / "metrics.json").read_text())
        assert metrics == json.loads((results / "returned.json").read_text())
        assert (metrics["images"], metrics["boxes"]) == (5, 4)
        shares = ("ap", "ap50", "ap75", "ar", "precision", "recall", "f1", "iou")
        sources = ("sources_miou", "sources_precision", "sources_recall")
        assert all(0 <= metrics[name] <= 1 for name in (*shares, *sources))
        assert metrics["nms"].keys() == {"hard", "soft"}
        assert metrics["nms"]["hard"] == {name: metrics[name] for name in metrics["nms"]["hard"]}
        assert metrics["per_class"].keys() == {"cup", "can"}
        pictures = {path.name for path in (results / "plots").iterdir()}
        assert pictures >= {"precision_recall.png", "class_ap50.png", "training_curves.png", "nms.csv", "best_1.png"}
        with (results / "plots/nms.csv").open() as file:
            assert next(csv.reader(file)) == ["measure", "hard", "soft"]

    def test_nothing_found_is_zero(self, out: Path):
        metrics = json.loads((out / "nothing found/metrics.json").read_text())
        assert metrics["predictions"] == 0
        values = {name: value for name, value in metrics.items() if isinstance(value, float | int)}
        assert values == {
            **dict.fromkeys(("ap", "ap50", "ap75", "ar", "precision", "recall", "f1", "iou"), 0),
            **dict.fromkeys(("sources_miou", "sources_precision", "sources_recall"), 0),
            "images": 5,
            "boxes": 4,
            "predictions": 0,
        }

    def test_nothing_there_leaves_out_what_has_no_value(self, out: Path):
        metrics = json.loads((out / "nothing there/metrics.json").read_text())
        assert metrics == {
            "per_class": {"cup": {}, "can": {}},
            "nms": {"hard": {}, "soft": {}},
            "images": 5,
            "boxes": 0,
            "predictions": 0,
        }
        assert (out / "nothing there/plots/precision_recall.png").is_file()

    def test_other_classes_than_those_of_the_model_are_refused(self, out: Path, data: Path, tmp_path: Path):
        (tmp_path / "classes.json").write_text('["background", "cup"]')
        with pytest.raises(MaskwrightError, match=r"was trained for the classes background, cup, can, not those of"):
            detection.evaluate(tiny_params(data), data=tmp_path, model=out / "whole/model", results=tmp_path)


class TestDataset:
    def test_no_box_in_a_split(self, data: Path, tmp_path: Path):
        for split in ("train", "validation"):
            coco = json.loads((data / f"masks/{split}.coco.json").read_text())
            rest = [] if split == "validation" else coco["annotations"]
            (tmp_path / f"{split}.coco.json").write_text(json.dumps({**coco, "annotations": rest}))
        with pytest.raises(MaskwrightError, match=r"validation\.coco\.json: no image has a box; check annotations\."):
            detection.dataset(tiny_params(data), tmp_path)

    def test_sizes(self, data: Path):
        training, validation = detection.dataset(tiny_params(data), data / "masks")
        assert training.images.shape == (10, *SIZE, 3)
        assert validation.images.shape == (4, *SIZE, 3)
        assert training.classes.tolist() == [2, 1, 2, 1, 2, 1, 2, 1, 2, -1]


class TestBuild:
    @pytest.mark.parametrize(("precision", "compute"), [("float32", "float32"), ("bfloat16", "bfloat16")])
    def test_precision(self, precision: str, compute: str):
        model = detection.build(settings(precision=precision), 3)
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        heads = [layer for layer in convolutions if layer.name.startswith(("classes_", "offsets_"))]
        assert {layer.compute_dtype for layer in convolutions if layer not in heads} == {compute}
        assert {layer.compute_dtype for layer in heads} == {"float32"}
        assert keras.config.dtype_policy().name == "float32"

    def test_presets_and_backbones(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(ssd, "resnet56v2_ssd", lambda *arguments, **more: (*arguments, more))
        monkeypatch.setattr(ssd, "application_ssd", lambda *arguments, **more: (*arguments, more))
        found = detection.build(settings(preset="resnet56v2-ssd", attention="cbam"), 4)
        assert found == (SIZE, 4, {"attention": "cbam"})
        found = detection.build(settings(backbone="VGG16", weights="imagenet"), 4)
        assert found == ("VGG16", "imagenet", SIZE, 4, {"attention": "none"})

    def test_weights_belong_to_a_backbone(self):
        with pytest.raises(MaskwrightError, match=r"detection.weights: belongs to detection.backbone"):
            detection.build(settings(weights="imagenet"), 4)


def test_the_key_follows_settings_boxes_and_photographs(data: Path, tmp_path: Path):
    key = detection.run_key(tiny_params(data), data / "masks")
    assert detection.run_key(tiny_params(data), data / "masks") == key
    assert detection.run_key(tiny_params(data, seed=1), data / "masks") != key
    for path in (data / "masks").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    assert detection.run_key(tiny_params(data), tmp_path) == key
    changed = tmp_path / "train.coco.json"
    changed.write_text(changed.read_text().replace('"bbox": [', '"bbox": [1'))
    assert detection.run_key(tiny_params(data), tmp_path) != key


def test_anchor_sizes_the_wrong_way_round():
    with pytest.raises(MaskwrightError, match=r"detection: anchor_sizes: give the smallest"):
        settings(anchor_sizes=[0.9, 0.2])
