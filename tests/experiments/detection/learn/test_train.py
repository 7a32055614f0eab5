import json
import math

import pytest

from maskwright.experiments.detection.learn.batches import read_boxes
from maskwright.experiments.detection.learn.train import load_labelled_images
from maskwright.learning.single.table import read_epochs
from maskwright.shared.errors import MaskwrightError
from support.tiny_detection import CLASSES, SIZE


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
