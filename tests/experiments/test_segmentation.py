import csv
import dataclasses
import json
import math
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_training
from PIL import Image
from sklearn import metrics as sklearn_metrics
from tiny_training import CLASSES, SIZE, tiny_params

from maskwright.data.photos import LabelledImages
from maskwright.errors import MaskwrightError
from maskwright.experiments import segmentation
from maskwright.images import IGNORE, read_image, read_mask
from maskwright.nn import fcn
from maskwright.nn.inference import compiled, segment
from maskwright.nn.losses import SegmentationLoss
from maskwright.nn.saved import load_model, read_about, save_model
from maskwright.params import Loss, Segmentation


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny_training.write_data(root)
    return root


@pytest.fixture(scope="module")
def runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Train in fresh processes, two at a time; returns each one's folder, and what the processes said."""
    out = tmp_path_factory.mktemp("runs")
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }

    def run(folder: str, mode: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, tiny_training.__file__, str(data), str(out / folder), mode]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False)

    def killed_and_resumed() -> tuple[subprocess.CompletedProcess[str], set[str], subprocess.CompletedProcess[str]]:
        killed = run("resumed/float32", "killed")
        left = {path.name for path in (out / "resumed").rglob("*") if path.is_file()}
        return killed, left, run("resumed", "float32")

    with ThreadPoolExecutor(2) as pool:
        first, resumed = pool.submit(run, "first", "both"), pool.submit(killed_and_resumed)
        second, several = pool.submit(run, "second", "bfloat16"), pool.submit(run, "several", "several")
    return {
        "out": out,
        "first": first.result(),
        "second": second.result(),
        "several": several.result(),
        "killed": resumed.result()[0],
        "left": resumed.result()[1],
        "resumed": resumed.result()[2],
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(path: Path) -> list[dict[str, float]]:
    with path.open(newline="") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.mark.slow
class TestTrain:
    def test_writes_the_model_and_its_history(self, runs: dict[str, Any]):
        assert runs["first"].returncode == 0, runs["first"].stderr
        out = runs["out"] / "first" / "float32"
        history = rows(out / "training.csv")
        assert [row["epoch"] for row in history] == [1, 2, 3]
        names = ["epoch", "loss", "val_loss", "val_miou", "val_pixel_accuracy", "learning_rate"]
        assert all(list(row) == names and all(map(math.isfinite, row.values())) for row in history)
        assert history[-1]["learning_rate"] == 0  # cosine: the end
        model, about = load_model(out / "model")
        best = max(history, key=lambda row: row["val_miou"])
        assert about == {
            "experiment": "segmentation",
            "network": "fast",
            "parameters": model.count_params(),
            "classes": CLASSES,
            "size": list(SIZE),
            "best_epoch": best["epoch"],
            "validation_miou": best["val_miou"],
        }
        assert [path for path in (out / "checkpoints").rglob("*") if path.is_file()] == []

    def test_the_model_is_the_best_epoch(self, runs: dict[str, Any], data: Path):
        out = runs["out"] / "first" / "float32"
        settings = tiny_params(data)
        model, about = load_model(out / "model")
        validate = segmentation._validator(
            model, segmentation.dataset(settings, data / "masks")[1], settings.segmentation
        )
        found = validate()
        expected = rows(out / "training.csv")[about["best_epoch"] - 1]
        assert found == {name: pytest.approx(expected[name], rel=1e-3) for name in found}

    def test_tells_each_epoch(self, runs: dict[str, Any]):
        out = runs["out"] / "first" / "float32"
        told = [json.loads(line) for line in (out / "epochs.jsonl").read_text().splitlines()]
        assert [{"epoch": epoch, **row} for epoch, row in told] == rows(out / "training.csv")

    def test_is_quiet(self, runs: dict[str, Any]):
        assert runs["first"].stdout == ""
        assert "Warning" not in runs["first"].stderr
        lines = [line for line in runs["first"].stderr.splitlines() if line.startswith("epoch ")]
        assert len(lines) == 6

    def test_two_trainings_are_equal_byte_for_byte(self, runs: dict[str, Any]):
        # Also where the one before had another training in its process.
        assert runs["second"].returncode == 0, runs["second"].stderr
        first, second = (runs["out"] / name / "bfloat16" for name in ("first", "second"))
        assert contents(first / "model") == contents(second / "model")
        assert sorted(contents(first / "model")) == ["about.json", "config.json", "model.weights.h5"]
        assert (first / "training.csv").read_bytes() == (second / "training.csv").read_bytes()

    def test_a_killed_training_ends_as_an_uninterrupted_one(self, runs: dict[str, Any]):
        assert runs["killed"].returncode == -signal.SIGKILL
        assert runs["left"] == {"epochs.jsonl", "best.npz", "progress.json", "state-1.npz"}
        assert runs["resumed"].returncode == 0, runs["resumed"].stderr
        whole, resumed = (runs["out"] / name / "float32" for name in ("first", "resumed"))
        assert contents(whole / "model") == contents(resumed / "model")
        assert (whole / "training.csv").read_bytes() == (resumed / "training.csv").read_bytes()
        # The first epoch was not done again.
        assert (whole / "epochs.jsonl").read_bytes() == (resumed / "epochs.jsonl").read_bytes()
        assert "epoch 1/3" not in runs["resumed"].stderr

    def test_several_accelerators_share_the_work(self, runs: dict[str, Any]):
        assert runs["several"].returncode == 0, runs["several"].stderr
        out = runs["out"] / "several"
        assert json.loads((out / "report.json").read_text())["replicas"] == 2
        history, alone = (rows(out / name / "training.csv") for name in ("several", "alone"))
        assert len(history) == len(alone) == 3
        # Each half of a batch is normalised by itself and has its own mean loss; otherwise it is the same training.
        assert history[0]["loss"] == pytest.approx(alone[0]["loss"], rel=0.01)
        assert history[0] != alone[0]
        assert load_model(out / "several" / "model")[1]["network"] == "small"

    def test_one_that_diverges_says_so_and_writes_nothing(self, runs: dict[str, Any]):
        out = runs["out"] / "several"
        error = json.loads((out / "report.json").read_text())["error"]
        assert error.startswith("epoch 1: ")
        assert error.endswith("; the training diverged, set a lower learning_rate")
        assert "\n" not in error
        assert [path for path in (out / "diverged").rglob("*") if path.is_file()] == []


def settings(**changes: Any) -> Segmentation:
    return tiny_params(Path(), **changes).segmentation


def colour_model() -> keras.Model:
    """Return a network that takes the strongest of red, green and blue as the class."""
    image = keras.Input((None, None, 3), name="image")
    layer = keras.layers.Conv2D(3, 1)
    model = keras.Model(image, layer(image), name="colours")
    layer.set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3) / 30, np.zeros(3, np.float32)])
    return model


def labelled(count: int = 5, size: tuple[int, int] = (6, 8), seed: int = 0) -> LabelledImages:
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 3, (count, *size)).astype(np.uint8)
    masks[0, :3] = IGNORE
    masks[3] = IGNORE
    return LabelledImages(rng.integers(0, 256, (count, *size, 3)).astype(np.uint8), masks)


class TestDataset:
    def test_is_resized(self, data: Path):
        training, validation = segmentation.dataset(tiny_params(data, size=[8, 16]), data / "masks")
        assert training.images.shape == (12, 8, 16, 3)
        assert validation.masks.shape == (5, 8, 16)

    @pytest.mark.parametrize("split", ["train", "validation"])
    def test_nothing_labelled(self, split: str, tmp_path: Path):
        tiny_training.write_data(tmp_path)
        for path in (tmp_path / "masks").glob(f"{split}*.png"):
            Image.fromarray(np.full(SIZE, IGNORE, np.uint8)).save(path)
        with pytest.raises(MaskwrightError, match=rf"{split}.csv: no image has a labelled pixel; check annotations"):
            segmentation.dataset(tiny_params(tmp_path), tmp_path / "masks")

    def test_no_masks(self, tmp_path: Path):
        with pytest.raises(MaskwrightError, match=r"classes\.json: no such file; run `maskwright masks` first"):
            segmentation.read_classes(tmp_path)


class TestBuild:
    @pytest.mark.parametrize(("precision", "compute"), [("float32", "float32"), ("bfloat16", "bfloat16")])
    def test_precision(self, precision: str, compute: str):
        model = segmentation.build(settings(precision=precision), 3)
        assert model.output_shape == (None, None, None, 3)
        assert model.name == "fast"
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert {layer.compute_dtype for layer in convolutions} == {compute}
        assert keras.config.dtype_policy().name == "float32"

    def test_presets(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fcn, "resnet56v2_fcn", lambda classes, attention: ("resnet", classes, attention))
        assert segmentation.build(settings(preset="resnet56v2-fcn"), 4) == ("resnet", 4, "none")
        assert segmentation.build(settings(preset="resnet56v2-fcn", attention="cbam"), 4) == ("resnet", 4, "cbam")

    def test_backbone(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fcn, "application_fcn", lambda *arguments, attention: (*arguments, attention))
        assert segmentation.build(settings(backbone="VGG16"), 4) == ("VGG16", None, 4, "none")
        chosen = settings(backbone="VGG16", weights="imagenet", attention="spatial")
        assert segmentation.build(chosen, 4) == ("VGG16", "imagenet", 4, "spatial")

    def test_weights_belong_to_a_backbone(self):
        with pytest.raises(MaskwrightError, match=r"segmentation.weights: belongs to segmentation.backbone"):
            segmentation.build(settings(weights="imagenet", precision="bfloat16"), 4)
        assert keras.config.dtype_policy().name == "float32"

    def test_strategy(self):
        assert segmentation.strategy([]).num_replicas_in_sync == 1
        assert segmentation.strategy(["GPU:0"]) is tf.distribute.get_strategy()

    @pytest.mark.slow
    def test_the_published_network_trains_deterministically(self):
        # Its operations that no other network here has: upsampling and transposed convolutions, forward and back.
        code = (
            "import numpy as np, tensorflow as tf\n"
            "from maskwright.nn.determinism import make_deterministic\n"
            "from maskwright.nn.fcn import resnet56v2_fcn\n"
            "make_deterministic(0)\n"
            "model = resnet56v2_fcn(2)\n"
            "def gradient():\n"
            "    with tf.GradientTape() as tape:\n"
            "        loss = tf.reduce_mean(model(np.ones((1, 32, 32, 3), np.float32), training=False) ** 2)\n"
            "    return [g.numpy() for g in tape.gradient(loss, [v.value for v in model.trainable_variables])]\n"
            "first = gradient()\n"
            "assert len(first) > 200\n"
            "assert all((a == b).all() for a, b in zip(first, gradient(), strict=True))\n"
        )
        env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


class TestCompile:
    def model(self) -> keras.Model:
        image = keras.Input((None, None, 3))
        return keras.Model(image, keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 1)(image)))

    def compiled(self, **changes: Any) -> keras.Model:
        model = self.model()
        segmentation.compile_model(model, settings(**changes), labelled(), 3)
        return model

    def test_only_kernels_decay(self):
        model = self.compiled(weight_decay=0.1)
        assert isinstance(model.optimizer, keras.optimizers.AdamW)
        assert model.optimizer.weight_decay == 0.1
        decaying = {v.name for v in model.trainable_variables if model.optimizer._use_weight_decay(v)}
        assert decaying == {"kernel"}

    def test_no_decay(self):
        optimizer = self.compiled(weight_decay=0.0).optimizer
        assert type(optimizer) is keras.optimizers.Adam
        assert optimizer.built  # so that a checkpoint fits it before the first step

    def test_weights_of_the_classes_come_from_the_training_images(self):
        loss = self.compiled(loss={"class_weights": "balanced"}).loss
        masks = labelled().masks
        inverse = np.array([1 / (masks == index).sum() for index in range(3)])
        np.testing.assert_allclose(loss.class_weights, inverse / inverse.mean(), rtol=1e-5)
        assert self.compiled().loss.class_weights is not None
        assert self.compiled(loss={}).loss.class_weights is None


class TestValidator:
    def score(self, data: LabelledImages, **changes: Any) -> dict[str, float]:
        return segmentation._validator(colour_model(), data, settings(**changes))()

    def by_hand(self, data: LabelledImages) -> tuple[float, np.ndarray, np.ndarray]:
        """Return the mean cross-entropy of the labelled pixels, and their labels and predictions."""
        logits = data.images.astype(np.float64) / 30
        log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        known = data.masks != IGNORE
        truth = data.masks[known].astype(int)
        found = log_probabilities[known]
        return -found[np.arange(len(truth)), truth].mean(), truth, found.argmax(axis=1)

    @pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
    def test_numbers_are_of_the_labelled_pixels_however_they_are_batched(self, batch_size: int):
        data = labelled()
        found = self.score(data, batch_size=batch_size, loss={})
        loss, truth, predicted = self.by_hand(data)
        assert found == {
            "val_loss": pytest.approx(loss, rel=1e-4),
            "val_miou": pytest.approx(sklearn_metrics.jaccard_score(truth, predicted, average="macro")),
            "val_pixel_accuracy": pytest.approx((truth == predicted).mean()),
        }
        assert all(type(value) is float for value in found.values())

    def test_the_loss_has_no_class_weights(self):
        data = labelled()
        found = self.score(data, loss={"class_weights": [9.0, 1.0, 0.0]})
        assert found["val_loss"] == pytest.approx(self.by_hand(data)[0], rel=1e-4)

    def test_classes_that_do_not_occur_do_not_count(self):
        data = LabelledImages(np.zeros((1, 4, 4, 3), np.uint8), np.zeros((1, 4, 4), np.uint8))
        assert self.score(data, loss={})["val_miou"] == 1.0

    def test_follows_the_model(self):
        data, model = labelled(), colour_model()
        validate = segmentation._validator(model, data, settings(loss={}))
        before = validate()
        model.layers[-1].set_weights([np.zeros((1, 1, 3, 3)), np.zeros(3)])
        after = validate()
        assert before["val_loss"] != after["val_loss"]
        assert after["val_loss"] == pytest.approx(math.log(3), rel=1e-5)

    @pytest.mark.parametrize("name", ["focal", "dice", "cross_entropy_dice"])
    def test_is_the_training_loss(self, name: str):
        data = labelled()
        loss = SegmentationLoss(name, None, Loss().focal_gamma)
        expected = float(np.squeeze(loss(data.masks, colour_model()(data.images.astype(np.float32)))))
        found = self.score(data, batch_size=16, loss={"name": name})
        assert found["val_loss"] == pytest.approx(expected, rel=1e-5)


class TestRunKey:
    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        tiny_training.write_data(tmp_path)
        return tmp_path

    def key(self, root: Path, **changes: Any) -> str:
        return segmentation.run_key(tiny_params(root, **changes), root / "masks")

    def test_is_stable(self, root: Path):
        assert self.key(root) == self.key(root)
        assert len(self.key(root)) == 32

    def test_follows_settings_photographs_masks_and_classes(self, root: Path):
        keys = [self.key(root), self.key(root, seed=1), self.key(root, learning_rate=0.004)]
        for folder in ("photos", "masks"):
            path = root / folder / "validation1.png"
            path.write_bytes((root / folder / "train0.png").read_bytes())
            keys.append(self.key(root))
        (root / "masks" / "classes.json").write_text('["background", "cup", "can", "jar"]')
        keys.append(self.key(root))
        assert len(set(keys)) == len(keys)

    def test_does_not_follow_the_test_images(self, root: Path):
        before = self.key(root)
        (root / "photos" / "test0.png").unlink()
        assert self.key(root) == before


@dataclasses.dataclass
class Trained:
    """A trained model beside its masks, photographs and results."""

    root: Path

    @property
    def arguments(self) -> dict[str, Path]:
        return {"data": self.root / "masks", "model": self.root / "model", "results": self.root / "results"}

    def evaluate(self) -> dict[str, Any]:
        return segmentation.evaluate(tiny_params(self.root), **self.arguments)


class TestEvaluate:
    SIZES = ((40, 60), (24, 32), (1, 1), (33, 7), (24, 33), (30, 20))

    @pytest.fixture(scope="class")
    def trained(self, tmp_path_factory: pytest.TempPathFactory) -> Trained:
        root = tmp_path_factory.mktemp("evaluate")
        tiny_training.write_data(root)
        rng = np.random.default_rng(1)
        lines = ["image,mask"]
        for index, size in enumerate(self.SIZES):
            image = Image.fromarray(rng.integers(0, 256, (3, 4, 3)).astype(np.uint8))
            image = np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST))
            mask = image.argmax(axis=2).astype(np.uint8)
            wrong = rng.random(size) < index / 10
            mask[wrong] = rng.integers(0, 3, size)[wrong]
            mask[1:][rng.random(size)[1:] < 0.1] = IGNORE
            if index == 5:
                mask[:] = IGNORE
            Image.fromarray(image).save(root / "photos" / f"t{index}.png")
            Image.fromarray(mask).save(root / "masks" / f"t{index}.png")
            lines.append(f"t{index}.png,t{index}.png")
        (root / "masks" / "test.csv").write_text("\n".join(lines) + "\n")
        save_model(colour_model(), {"classes": CLASSES, "size": [24, 32]}, root / "model")
        (root / "results").mkdir()
        (root / "results" / "training.csv").write_text(
            "epoch,loss,val_loss,miou,pixel_accuracy,learning_rate\n1,1.0,1.1,0.4,0.6,0.003\n2,0.5,0.7,0.6,0.8,0.0\n"
        )
        return Trained(root)

    @pytest.fixture(scope="class")
    def metrics(self, trained: Trained) -> dict[str, Any]:
        return trained.evaluate()

    def pixels(self, trained: Trained) -> tuple[np.ndarray, np.ndarray]:
        """Return truth and prediction of all labelled pixels, each photograph at its own resolution."""
        forward = compiled(load_model(trained.root / "model")[0])
        truth, predicted = [], []
        for index in range(len(self.SIZES)):
            mask = read_mask(trained.root / "masks" / f"t{index}.png")
            image = read_image(trained.root / "photos" / f"t{index}.png")
            found = next(segment(forward, [image], (24, 32)))
            truth.append(mask[mask != IGNORE])
            predicted.append(found[mask != IGNORE])
        return np.concatenate(truth), np.concatenate(predicted)

    def test_numbers_are_those_of_scikit_learn(self, trained: Trained, metrics: dict[str, Any]):
        truth, predicted = self.pixels(trained)
        assert metrics["pixels"] == len(truth)
        assert metrics["images"] == len(self.SIZES)
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

    def test_writes_what_it_returns(self, trained: Trained, metrics: dict[str, Any]):
        assert json.loads((trained.root / "results" / "metrics.json").read_text()) == metrics

    def test_tables(self, trained: Trained, metrics: dict[str, Any]):
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
        assert ious == {name: metrics["per_class"][name]["iou"] for name in CLASSES}

    def test_pictures(self, trained: Trained, metrics: dict[str, Any]):
        # Five images have labelled pixels: the three best, and the other two as the worst.
        plots = trained.root / "results" / "plots"
        pictures = ["best_1", "best_2", "best_3", "class_iou", "confusion_matrix", "training_curves"]
        assert sorted(path.stem for path in plots.glob("*.png")) == sorted([*pictures, "worst_1", "worst_2"])
        for path in plots.glob("*.png"):
            assert min(read_image(path).shape[:2]) > 100

    def test_does_it_again_alike(self, trained: Trained, metrics: dict[str, Any]):
        before = contents(trained.root / "results" / "plots")
        assert trained.evaluate() == metrics
        assert contents(trained.root / "results" / "plots") == before

    def test_refuses_a_model_of_other_classes(self, trained: Trained, tmp_path: Path):
        save_model(colour_model(), {"classes": ["background", "x", "y"], "size": [24, 32]}, tmp_path / "model")
        arguments = {**trained.arguments, "model": tmp_path / "model", "results": tmp_path / "results"}
        with pytest.raises(MaskwrightError, match="was trained for the classes background, x, y, not those of"):
            segmentation.evaluate(tiny_params(trained.root), **arguments)
        assert not (tmp_path / "results").exists()

    def test_refuses_a_missing_model(self, trained: Trained, tmp_path: Path):
        arguments = {**trained.arguments, "model": tmp_path / "segmentation"}
        with pytest.raises(MaskwrightError, match="no trained model; run `maskwright train segmentation` first"):
            segmentation.evaluate(tiny_params(trained.root), **arguments)

    def test_serving_model(self, trained: Trained):
        served = segmentation.serving_model(trained.root / "model")
        image = read_image(trained.root / "photos" / "t0.png")
        masks = np.asarray(served(image[None]))
        assert masks.shape == (1, 40, 60)
        assert masks.dtype == np.uint8
        expected = next(segment(compiled(colour_model()), [image], (24, 32)))
        assert (masks[0] == expected).mean() > 0.95
        assert read_about(trained.root / "model")["size"] == [24, 32]
