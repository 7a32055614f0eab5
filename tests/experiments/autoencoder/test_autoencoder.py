"""The autoencoder experiment, end to end on noise, with what it measures against numbers found another way."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import expit

from maskwright.experiments.autoencoder.data import read_split
from maskwright.experiments.autoencoder.learn import train as learn
from maskwright.experiments.autoencoder.learn.scores import code, losses
from maskwright.experiments.autoencoder.report.evaluate import evaluate
from maskwright.experiments.autoencoder.report.metrics import means, scores
from maskwright.experiments.autoencoder.serve import serving_model
from maskwright.experiments.autoencoder.trial import trial
from maskwright.learning.common.saved import load_model
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Schedule

SHIPPED = Path(__file__).parents[3] / "params.yaml"
TINY = {
    "filters": [4, 3, 2],
    "images": 24,
    "epochs": 3,
    "batch_size": 7,
    "dropout": 0.2,
    "attention": "spatial",
    "schedule": Schedule(name="cosine", warmup_epochs=0.5),
}


def tiny(**changes):
    return load_params(SHIPPED).section("autoencoder").model_copy(update={**TINY, **changes})


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Write thirty images of blocks a split, three of each digit."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        images = rng.integers(0, 256, (30, 4, 4), np.uint8).repeat(7, axis=1).repeat(7, axis=2)
        np.savez(folder / f"{split}.npz", images=images, labels=np.tile(np.arange(10, dtype=np.uint8), 3))
    return folder


def train(settings, data, out, log_epoch=lambda epoch, row: None):
    learn.train(
        settings,
        data=data,
        out=out / "model",
        history=out / "training.csv",
        checkpoint=out / "checkpoint",
        log_epoch=log_epoch,
    )


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """Train and evaluate a variational one; return the folder, the epochs that were told, and the evaluation."""
    out = tmp_path_factory.mktemp("trained")
    told = []
    train(tiny(), digits, out, lambda epoch, row: told.append((epoch, row)))
    evaluation = evaluate(tiny(), data=digits, model=out / "model", results=out)
    return out, told, evaluation


def test_every_file_is_there_and_every_number_finite(trained):
    out, told, (metrics, details) = trained
    assert sorted(path.name for path in (out / "model").iterdir()) == [
        "about.json",
        "config.json",
        "model.weights.h5",
    ]
    assert sorted(path.name for path in (out / "plots").iterdir()) == [
        "latent.png",
        "latent_walk.png",
        "reconstructions.png",
        "training_curves.png",
    ]
    for path in (out / "plots").iterdir():
        pixels = np.asarray(Image.open(path).convert("L"))
        assert pixels.std() > 5
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert json.loads((out / "details.json").read_text()) == details
    assert set(metrics) == {"bce"}
    intervals = details["test_intervals"]
    numbers = {**metrics, **{name: value for name, value in details.items() if name != "test_intervals"}}
    control = {"mean_image_bce", "mean_image_mse", "mean_image_ssim"}
    assert set(numbers) == {"loss", "bce", "kl", "weighted_kl", "mse", "ssim"} | control
    assert np.isfinite(list(numbers.values())).all()
    assert set(intervals) == set(numbers) - control
    for name, (low, high) in intervals.items():
        assert low - 1e-9 <= numbers[name] <= high + 1e-9, name
    assert not (out / "checkpoint").exists()
    assert [epoch for epoch, _ in told] == [1, 2, 3]


def test_the_history_has_a_row_an_epoch_and_the_best_is_that_of_the_lowest_loss(trained):
    out, told, _ = trained
    with (out / "training.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [{key: float(value) for key, value in row.items() if key != "epoch"} for row in rows] == [
        row for _, row in told
    ]
    losses_seen = [float(row["val_loss"]) for row in rows]
    about = json.loads((out / "model/about.json").read_text())
    assert about["best_epoch"] == 1 + int(np.argmin(losses_seen))
    assert about["validation_loss"] == min(losses_seen)
    assert about["images"] == 24


def test_the_model_kept_is_that_of_the_best_epoch(trained, digits):
    out, _, (metrics, details) = trained
    model = load_model(out / "model")[0]
    about = json.loads((out / "model/about.json").read_text())
    validation, test = (read_split(tiny(), digits, split).images for split in ("validation", "test"))
    validation_loss = losses(validation, code(model, validation), 0.001)["loss"].mean()
    assert validation_loss == pytest.approx(about["validation_loss"], rel=1e-5)
    assert means(scores(test, code(model, test), 0.001))["ssim"] == pytest.approx(details["ssim"], rel=1e-5)
    assert details["loss"] == pytest.approx(metrics["bce"] + 0.001 * details["kl"])


def test_a_test_interval_is_that_of_a_mean_over_digits(trained, digits):
    out, _, (_, details) = trained
    test = read_split(tiny(), digits, "test").images
    values = losses(test, code(load_model(out / "model")[0], test), 0.001)["bce"]
    low, high = details["test_intervals"]["bce"]
    # Nearly normal: about 2 * 1.96 standard errors wide.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(len(values)), rel=0.15)


def test_the_served_model_takes_digits_and_returns_them(trained, digits):
    out, _, _ = trained
    served = serving_model(out / "model")
    images = np.load(digits / "test.npz")["images"]
    outputs = np.asarray(served(images))
    assert outputs.shape == (30, 28, 28)
    assert outputs.dtype == np.uint8
    model = load_model(out / "model")[0]
    expected = 255 * expit(code(model, images[..., None].astype(np.float32) / 255).logits[..., 0])
    assert np.abs(outputs - expected).max() <= 0.51


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_the_same(digits, tmp_path):
    settings = tiny()
    epochs = []

    def kill(epoch, row):
        epochs.append(epoch)
        if epoch == 2:
            raise Killed

    train(settings, digits, tmp_path / "whole")
    with pytest.raises(Killed):
        train(settings, digits, tmp_path / "killed", kill)
    assert not (tmp_path / "killed/model").exists()
    train(settings, digits, tmp_path / "killed", lambda epoch, row: epochs.append(epoch))
    assert epochs == [1, 2, 3]
    for name in ("model/model.weights.h5", "model/config.json", "model/about.json", "training.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_trial_is_the_training_without_files(digits):
    settings = tiny(variational=False, attention="none", schedule=Schedule(name="steps"))
    first, second = trial(settings, digits), trial(settings, digits)
    assert first.measures == second.measures
    assert set(first.measures) == {"loss", "bce", "mse", "ssim"}
    assert np.isfinite(list(first.measures.values())).all()
    assert np.array_equal(first.examples["bce"], second.examples["bce"])
    other = trial(settings.model_copy(update={"seed": 1}), digits)
    assert other.measures != first.measures


def test_a_trial_has_the_numbers_of_a_training_whose_last_epoch_is_evaluated(digits, tmp_path):
    settings = tiny(epochs=1)
    train(settings, digits, tmp_path)
    metrics, details = evaluate(settings, data=digits, model=tmp_path / "model", results=tmp_path)
    measures, examples, _ = trial(settings, digits)
    assert set(measures) == {"loss", "bce", "kl", "weighted_kl", "mse", "ssim"}
    for name, value in measures.items():
        assert value == pytest.approx({**metrics, **details}[name], rel=1e-5)
    assert set(examples) == {"bce", "kl"}
    for name, values in examples.items():
        assert values.shape == (30,)
        assert values.mean() == pytest.approx(measures[name])


def test_it_learns(digits):
    # All images are the same: after some steps each is found again.
    images = np.load(digits / "train.npz")["images"][:1].repeat(30, axis=0)
    folder = digits / "same"
    folder.mkdir()
    for split in ("train", "validation", "test"):
        np.savez(folder / f"{split}.npz", images=images, labels=np.arange(30, dtype=np.uint8) % 10)
    learnt = trial(tiny(epochs=30, dropout=0.0, batch_norm=False, learning_rate=0.02), folder).measures
    assert learnt["mse"] < 0.02
    assert learnt["ssim"] > 0.6


def test_a_training_that_diverges_says_so(digits, tmp_path):
    settings = tiny(learning_rate=1e30, batch_norm=False, activation="relu")
    with pytest.raises(MaskwrightError, match="diverged"):
        train(settings, digits, tmp_path)
    assert not (tmp_path / "model").exists()
    assert not np.isfinite(trial(settings, digits).measures["loss"])


def test_missing_digits_are_named(tmp_path):
    with pytest.raises(MaskwrightError, match=r"train\.npz: no such file; run `maskwright generate digits` first"):
        trial(tiny(), tmp_path)
