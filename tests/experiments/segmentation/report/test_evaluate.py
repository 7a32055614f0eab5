import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics as sklearn_metrics

from maskwright.experiments.segmentation.report.evaluate import evaluate
from maskwright.experiments.segmentation.report.inference import compiled, segment
from maskwright.learning.common.saved import load_model, save_model
from maskwright.photos.images import IGNORE, read_image, read_mask
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Evaluation
from support.colour_model import colour_model
from support.tiny_segmentation import CLASSES, tiny_settings, write_split


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


SIZES = ((40, 60), (24, 32), (1, 1), (33, 7), (24, 33), (30, 20))


@dataclasses.dataclass
class Trained:
    """A trained model beside its masks, photographs and results."""

    root: Path

    @property
    def arguments(self) -> dict[str, Path]:
        return {"data": self.root / "masks", "model": self.root / "model", "results": self.root / "results"}

    def evaluate(self) -> Evaluation:
        return evaluate(tiny_settings(), **self.arguments)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    root = tmp_path_factory.mktemp("evaluate")
    (root / "photos").mkdir()
    rng = np.random.default_rng(1)
    images, masks = [], []
    for index, size in enumerate(SIZES):
        image = Image.fromarray(rng.integers(0, 256, (3, 4, 3)).astype(np.uint8))
        image = np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST))
        mask = image.argmax(axis=2).astype(np.uint8)
        wrong = rng.random(size) < index / 10
        mask[wrong] = rng.integers(0, 3, size)[wrong]
        mask[1:][rng.random(size)[1:] < 0.1] = IGNORE
        if index == 5:
            mask[:] = IGNORE
        images.append(image)
        masks.append(mask)
    write_split(root, "test", images, masks)
    save_model(colour_model(), {"classes": CLASSES, "size": [24, 32]}, root / "model")
    (root / "results").mkdir()
    (root / "results" / "training.csv").write_text(
        "epoch,loss,val_loss,miou,pixel_accuracy,learning_rate\n1,1.0,1.1,0.4,0.6,0.003\n2,0.5,0.7,0.6,0.8,0.0\n"
    )
    return Trained(root)


@pytest.fixture(scope="module")
def found(trained: Trained) -> Evaluation:
    return trained.evaluate()


class TestEvaluate:
    def pixels(self, trained: Trained) -> tuple[np.ndarray, np.ndarray]:
        """Return truth and prediction of all labelled pixels, each photograph at its own resolution."""
        forward = compiled(load_model(trained.root / "model")[0])
        truth, predicted = [], []
        for index in range(len(SIZES)):
            mask = read_mask(trained.root / "masks/test/masks" / f"test{index}.png")
            image = read_image(trained.root / "photos" / f"test{index}.png")
            prediction = next(segment(forward, [image], (24, 32)))
            truth.append(mask[mask != IGNORE])
            predicted.append(prediction[mask != IGNORE])
        return np.concatenate(truth), np.concatenate(predicted)

    def test_numbers_are_those_of_scikit_learn(self, trained: Trained, found: Evaluation):
        truth, predicted = self.pixels(trained)
        metrics = {**found.metrics, **found.details}
        assert metrics["pixels"] == len(truth)
        assert metrics["images"] == len(SIZES)
        assert 0.5 < metrics["miou"] < 0.95
        expected = {
            "miou": sklearn_metrics.jaccard_score(truth, predicted, average="macro"),
            "pixel_accuracy": sklearn_metrics.accuracy_score(truth, predicted),
            "precision": sklearn_metrics.precision_score(truth, predicted, average="macro"),
            "recall": sklearn_metrics.recall_score(truth, predicted, average="macro"),
            "f1": sklearn_metrics.f1_score(truth, predicted, average="macro"),
        }
        assert {name: metrics[name] for name in expected} == pytest.approx(expected)
        ious = sklearn_metrics.jaccard_score(truth, predicted, average=None)
        assert [metrics["per_class"][name]["iou"] for name in CLASSES] == pytest.approx(list(ious))

    def test_writes_what_it_returns(self, trained: Trained, found: Evaluation):
        assert json.loads((trained.root / "results" / "metrics.json").read_text()) == found.metrics
        assert json.loads((trained.root / "results" / "details.json").read_text()) == found.details
        assert list(found.metrics) == ["miou", "pixel_accuracy", "precision", "recall"]
        others = ["boundary_f1", "f1", "images", "miou_per_image", "per_class", "pixel_accuracy_per_image", "pixels"]
        assert sorted(found.details) == [*others, "test_intervals"]
        for name, (low, high) in found.details["test_intervals"].items():
            assert low < {**found.metrics, **found.details}[name] < high

    def test_tables(self, trained: Trained, found: Evaluation):
        truth, predicted = self.pixels(trained)
        with (trained.root / "results" / "plots" / "confusion_matrix.csv").open(newline="") as file:
            table = list(csv.DictReader(file))
        expected = sklearn_metrics.confusion_matrix(truth, predicted)
        assert [int(row["pixels"]) for row in table] == expected.ravel().tolist()
        assert [(row["actual"], row["predicted"]) for row in table[:4]] == [
            ("background", "background"),
            ("background", "cup"),
            ("background", "can"),
            ("cup", "background"),
        ]
        shares = [float(row["share"]) for row in table]
        assert shares == pytest.approx((expected / expected.sum(axis=1, keepdims=True)).ravel(), abs=1e-4)
        with (trained.root / "results" / "plots" / "class_iou.csv").open(newline="") as file:
            ious = {row["class"]: float(row["iou"]) for row in csv.DictReader(file)}
        assert ious == {name: found.details["per_class"][name]["iou"] for name in CLASSES}
        with (trained.root / "results" / "plots" / "examples.csv").open(newline="") as file:
            examples = list(csv.DictReader(file))
        assert [row["image"] for row in examples] == [f"test{index}.png" for index in range(len(SIZES))]
        for name in ("miou_per_image", "pixel_accuracy_per_image"):
            # The last image is not labelled.
            assert examples[-1][name] == ""
            values = [float(row[name]) for row in examples[:-1]]
            assert np.mean(values) == pytest.approx(found.details[name], rel=1e-5)

    def test_pictures(self, trained: Trained, found: Evaluation):
        # Five images have labelled pixels: the three best, and the other two as the worst.
        plots = trained.root / "results" / "plots"
        pictures = ["best_1", "best_2", "best_3", "class_iou", "confusion_matrix", "training_curves"]
        assert sorted(path.stem for path in plots.glob("*.png")) == sorted([*pictures, "worst_1", "worst_2"])
        for path in plots.glob("*.png"):
            assert min(read_image(path).shape[:2]) > 100

    def test_does_it_again_alike(self, trained: Trained, found: Evaluation):
        before = contents(trained.root / "results" / "plots")
        assert trained.evaluate() == found
        assert contents(trained.root / "results" / "plots") == before

    def test_refuses_a_model_of_other_classes(self, trained: Trained, tmp_path: Path):
        save_model(colour_model(), {"classes": ["background", "x", "y"], "size": [24, 32]}, tmp_path / "model")
        arguments = {**trained.arguments, "model": tmp_path / "model", "results": tmp_path / "results"}
        with pytest.raises(MaskwrightError, match="was trained for the classes background, x, y, not those of"):
            evaluate(tiny_settings(), **arguments)
        assert not (tmp_path / "results").exists()

    def test_refuses_a_missing_model(self, trained: Trained, tmp_path: Path):
        arguments = {**trained.arguments, "model": tmp_path / "segmentation"}
        with pytest.raises(MaskwrightError, match="no trained model; run `maskwright train segmentation` first"):
            evaluate(tiny_settings(), **arguments)
