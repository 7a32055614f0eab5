import csv
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
from PIL import Image
from sklearn import metrics as sklearn_metrics

from maskwright.experiments.segmentation.learn.batches import LabelledImages
from maskwright.experiments.segmentation.learn.losses import SegmentationLoss
from maskwright.experiments.segmentation.learn.network import build
from maskwright.experiments.segmentation.learn.train import compile_model, load_split, validator
from maskwright.experiments.segmentation.params import Loss
from maskwright.experiments.segmentation.report.inference import load_trained
from maskwright.experiments.segmentation.serve import serving_model
from maskwright.learning.common.saved import load_model, save_model
from maskwright.learning.single.checkpoint import Progress, load_checkpoint, save_checkpoint
from maskwright.photos.images import IGNORE
from maskwright.shared.errors import MaskwrightError
from support import tiny_segmentation
from support.colour_model import colour_model
from support.tiny_segmentation import CLASSES, SIZE, tiny_settings


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    tiny_segmentation.write_data(root)
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
        command = [sys.executable, tiny_segmentation.__file__, str(data), str(out / folder), mode]
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
        assert not (out / "checkpoint").exists()

    def test_the_model_is_the_best_epoch(self, runs: dict[str, Any], data: Path):
        out = runs["out"] / "first" / "float32"
        model, about = load_model(out / "model")
        found = validator(model, load_split(data / "masks" / "validation", SIZE), tiny_settings())()
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


def labelled(count: int = 5, size: tuple[int, int] = (6, 8), seed: int = 0) -> LabelledImages:
    rng = np.random.default_rng(seed)
    masks = rng.integers(0, 3, (count, *size)).astype(np.uint8)
    masks[0, :3] = IGNORE
    masks[3] = IGNORE
    return LabelledImages(rng.integers(0, 256, (count, *size, 3)).astype(np.uint8), masks)


class TestLoadSplit:
    def test_is_resized(self, data: Path):
        training = load_split(data / "masks" / "train", (8, 16))
        assert training.images.shape == (12, 8, 16, 3)
        assert load_split(data / "masks" / "validation", (8, 16)).masks.shape == (5, 8, 16)

    def test_nothing_labelled(self, tmp_path: Path):
        tiny_segmentation.write_data(tmp_path)
        folder = tmp_path / "masks" / "validation"
        for path in (folder / "masks").iterdir():
            Image.fromarray(np.full(SIZE, IGNORE, np.uint8)).save(path)
        message = r"validation/index\.csv: no image has a labelled pixel; check annotations\.validation in params"
        with pytest.raises(MaskwrightError, match=message):
            load_split(folder, SIZE)

    @pytest.mark.parametrize(
        ("split", "message"),
        [
            ("train", r"train/classes\.json: no such file; run `maskwright masks` first"),
            (
                "validation",
                r"validation/classes\.json: differs from .*train/classes\.json; run `maskwright masks` again",
            ),
        ],
    )
    def test_training_refuses_missing_and_unlike_classes(self, split: str, message: str, tmp_path: Path):
        tiny_segmentation.write_data(tmp_path)
        path = tmp_path / "masks" / split / "classes.json"
        path.unlink() if split == "train" else path.write_text('["background", "cup"]')
        with pytest.raises(MaskwrightError, match=message):
            tiny_segmentation.train(tmp_path, tmp_path / "out")
        assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


class TestCompile:
    def model(self) -> keras.Model:
        image = keras.Input((None, None, 3))
        return keras.Model(image, keras.layers.BatchNormalization()(keras.layers.Conv2D(3, 1)(image)))

    def compiled(self, **changes: Any) -> keras.Model:
        model = self.model()
        compile_model(model, tiny_settings(**changes), labelled(), 3)
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


def executed(graph: Any) -> set[Any]:
    """Return the operations of a graph that its results need. The others stand in it and are not run."""
    found: set[Any] = set()
    left = [*(output.op for output in graph.outputs), *graph.control_outputs]
    while left:
        operation = left.pop()
        if operation not in found:
            found.add(operation)
            left += [*(each.op for each in operation.inputs), *operation.control_inputs]
    return found


class TestPretrained:
    FROZEN = ("stem", "stage1_", "stage2_", "stage3_")
    DATA = labelled(4, (32, 64))

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> keras.Model:
        settings = tiny_settings(
            preset="pretrained",
            frozen=3,
            backbone_rate=0.25,
            learning_rate=0.01,
            weight_decay=0.1,
            schedule={"name": "steps"},
            loss={},
        )
        model = build(settings, 3)
        compile_model(model, settings, cls.DATA, 3)
        model.run_eagerly = True
        return model

    def step(self, model: keras.Model) -> None:
        loss = model.train_on_batch(self.DATA.images.astype(np.float32), self.DATA.masks.astype(np.int32))
        assert np.isfinite(loss)

    def test_a_step_moves_the_backbone_less_and_its_frozen_stages_not_at_all(self, model: keras.Model):
        before = [weight.numpy() for weight in model.weights]
        self.step(model)
        backbone = {id(weight) for weight in model.get_layer("lite0").weights}
        moved: dict[str, list[float]] = {"frozen": [], "backbone": [], "head": [], "averages": []}
        for weight, old in zip(model.weights, before, strict=True):
            change = float(np.abs(weight.numpy() - old).max())
            if id(weight) in backbone and weight.path.startswith(self.FROZEN):
                moved["frozen"].append(change)
            elif weight.name.startswith("moving_"):
                moved["averages"].append(change)
            elif weight.name == "beta":  # these do not decay
                moved["backbone" if id(weight) in backbone else "head"].append(change)
        # To the end of stage 3: the stem, a block of 2 convolutions and 4 blocks of 3; each with its kernel and bias.
        assert moved["frozen"] == 2 * 15 * [0.0]
        # Adam's first step is the rate: 0.01, and a quarter of it.
        assert max(moved["backbone"]) == pytest.approx(0.0025, rel=0.01)
        assert max(moved["head"]) == pytest.approx(0.01, rel=0.01)
        assert min(moved["averages"]) > 0

    @pytest.mark.slow
    @pytest.mark.parametrize("frozen", [3, 7])
    def test_a_step_computes_no_gradient_in_frozen_stages(self, frozen: int):
        settings = tiny_settings(preset="pretrained", frozen=frozen, loss={})
        model: Any = build(settings, 3)
        compile_model(model, settings, self.DATA, 3)
        backbone = [
            layer.name
            for layer in model.get_layer("lite0").layers
            if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)
        ]
        assert len(backbone) == 49  # the stem, a block of 2, 15 blocks of 3, and the head
        kept = {name for name in backbone if frozen == 7 or name.startswith(self.FROZEN)}
        batch = tf.constant(self.DATA.images, tf.float32), tf.constant(self.DATA.masks, tf.int32)
        step = tf.function(model.train_step).get_concrete_function(batch)
        # Of a kernel, and of what comes in: Conv2DBackpropFilter and Conv2DBackpropInput, depthwise ones alike.
        gradients = [(each.name, each.type) for each in executed(step.graph) if "Backprop" in each.type]
        for layer in backbone:
            kinds = [kind for name, kind in gradients if f"/{layer}_" in name]
            of_kernel = any(kind.endswith("BackpropFilter") for kind in kinds)
            assert (bool(kinds), of_kernel) == (layer not in kept, layer not in kept)
        assert any("/lite0_" not in name for name, _ in gradients)

        before = [weight.numpy() for weight in model.weights]
        step(*batch)
        moved = {w.path: bool(np.any(w.numpy() != old)) for w, old in zip(model.weights, before, strict=True)}
        # Their batch norms are folded into a kernel and a bias.
        still = {f"{layer}/{part}" for layer in kept for part in ("kernel", "bias")}
        assert {path for path, has_moved in moved.items() if not has_moved} == still

    def test_goes_on_from_a_checkpoint(self, model: keras.Model, tmp_path: Path):
        save_checkpoint(tmp_path, model, Progress([{"val_miou": 0.5}], 0))
        before = [variable.numpy() for variable in (*model.weights, *model.optimizer.variables)]
        self.step(model)
        after = [variable.numpy() for variable in (*model.weights, *model.optimizer.variables)]
        assert any(np.any(one != other) for one, other in zip(before, after, strict=True))
        assert load_checkpoint(tmp_path, model).best_epoch == 0
        for variable, value in zip((*model.weights, *model.optimizer.variables), before, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)

    def test_is_stored_and_served(self, model: keras.Model, tmp_path: Path):
        save_model(model, {"classes": CLASSES, "size": [32, 64]}, tmp_path / "model")
        network, _, size = load_trained(tmp_path / "model")
        assert size == (32, 64)
        assert network.count_params() == model.count_params()
        images = self.DATA.images
        expected = np.asarray(model(images))
        np.testing.assert_array_equal(np.asarray(network(images)), expected)
        served = serving_model(tmp_path / "model")
        assert (np.asarray(served(images)) == expected.argmax(axis=-1)).mean() > 0.99


class TestValidator:
    def score(self, data: LabelledImages, **changes: Any) -> dict[str, float]:
        return validator(colour_model(), data, tiny_settings(**changes))()

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
        validate = validator(model, data, tiny_settings(loss={}))
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
