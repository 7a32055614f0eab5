import json
import math

import numpy as np
import pytest

from maskwright.experiments.detection.learn import train as learning
from maskwright.experiments.detection.learn.batches import BoxedImages, ordered_batches, read_boxes
from maskwright.experiments.detection.learn.train import load_labelled_images, new_trainer
from maskwright.experiments.detection.report.inference import load_detector
from maskwright.learning.common.saved import save_model
from maskwright.learning.single.table import read_epochs
from maskwright.photos.sizing import with_size
from maskwright.shared.errors import MaskwrightError
from support.tiny_detection import CLASSES, SIZE, tiny_settings


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
class TestTrain:
    def test_writes_the_model_and_its_history(self, out):
        history = read_epochs(out / "whole/training.csv")
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

    def test_a_training_that_was_stopped_ends_as_an_uninterrupted_one(self, out):
        left = json.loads((out / "left.json").read_text())
        assert left == ["best.npz", "epochs.jsonl", "progress.json", "state-1.npz"]
        assert contents(out / "resumed/model") == contents(out / "whole/model")
        assert (out / "resumed/training.csv").read_bytes() == (out / "whole/training.csv").read_bytes()
        # No epoch is told twice.
        assert (out / "resumed/epochs.jsonl").read_bytes() == (out / "whole/epochs.jsonl").read_bytes()
        assert not (out / "resumed/checkpoint").exists()


def test_images_have_the_networks_size_and_their_boxes(data):
    folders = [data / "masks" / split for split in ("train", "validation")]
    training, validation = (load_labelled_images(read_boxes(folder), folder, SIZE) for folder in folders)
    assert training.images.shape == (10, *SIZE, 3)
    assert validation.images.shape == (4, *SIZE, 3)
    assert training.classes.tolist() == [2, 1, 2, 1, 2, 1, 2, 1, 2, -1]


def test_a_split_without_a_box_is_refused(data, tmp_path):
    folder = tmp_path / "masks/validation"
    folder.mkdir(parents=True)
    coco = json.loads((data / "masks/validation/boxes.coco.json").read_text())
    (folder / "boxes.coco.json").write_text(json.dumps({**coco, "annotations": []}))
    rows = (data / "masks/validation/index.csv").read_text().replace("../../photos", str(data / "photos"))
    (folder / "index.csv").write_text(rows)
    message = r"boxes\.coco\.json: no image has a box; check annotations\.validation"
    with pytest.raises(MaskwrightError, match=message):
        load_labelled_images(read_boxes(folder), folder, SIZE)


def test_a_pretrained_detector_trains_its_own_layers_and_a_part_of_its_backbone(monkeypatch, tmp_path):
    monkeypatch.setattr(learning, "make_deterministic", lambda seed: None)
    settings = tiny_settings(
        preset="pretrained",
        size=[32, 64],
        frozen=6,
        backbone_rate=0.25,
        learning_rate=0.01,
        schedule={"name": "steps"},
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3)).astype(np.uint8)
    data = BoxedImages(
        images, np.array([[4, 4, 30, 28], [20, 2, 60, 30]], np.float32), np.array([1, 2]), np.arange(3)
    )
    model, anchors, _ = new_trainer(settings, data, 3)
    model.run_eagerly = True
    before = [weight.numpy() for weight in model.weights]
    ((batch, targets),) = ordered_batches(data, anchors, 2, match_iou=0.4, offsets=settings.offsets)
    assert np.isfinite(model.train_on_batch(batch.astype(np.float32), targets))
    backbone = {id(weight) for weight in model.get_layer("lite0").weights}
    moved = {"frozen": [], "backbone": [], "head": []}
    for weight, old in zip(model.weights, before, strict=True):
        change = float(np.abs(weight.numpy() - old).max())
        if id(weight) in backbone and not weight.path.startswith(("stage7_", "head")):
            moved["frozen"].append(change)
        elif weight.name == "beta":  # these do not decay
            moved["backbone" if id(weight) in backbone else "head"].append(change)
    assert moved["frozen"]
    assert not any(moved["frozen"])
    # Adam's first step is the rate: 0.01, and a quarter of it.
    assert max(moved["backbone"]) == pytest.approx(0.0025, rel=0.01)
    assert max(moved["head"]) == pytest.approx(0.01, rel=0.01)
    about = {"network": model.name, "classes": CLASSES, "size": [32, 64], "nms": settings.nms.model_dump(mode="json")}
    save_model(
        model, {**about, "anchor_sizes": settings.anchor_sizes, "offsets": settings.offsets}, tmp_path / "model"
    )
    stored, facts = load_detector(tmp_path / "model")
    assert facts.size == (32, 64)
    assert np.array_equal(stored(batch), model(batch))


def test_a_size_is_chosen_and_told(data, capsys):
    # 32 x 48 and 64 x 96: 2 / 3. Boxes are a third as wide and half as high: 1/3 / sqrt(2/3) = 0.408 and 0.408; so
    # (96 / 0.408)^2 = 55,296 are wanted, which are 192 x 288.
    assert with_size(tiny_settings(size="auto"), "detection", data / "masks/train").sides == (192, 288)
    assert capsys.readouterr().err.startswith("detection.size: [192, 288] was chosen: ")
