"""The autoencoder experiment, end to end on noise, with what it measures against numbers found another way."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.special import expit
from skimage.metrics import structural_similarity

from maskwright.errors import MaskwrightError
from maskwright.experiments import autoencoder
from maskwright.experiments.autoencoder_training import (
    Coded,
    code,
    losses,
    mean_image_scores,
    scores,
    similarity,
)
from maskwright.nn.saved import load_model
from maskwright.params import load_params, parse_params

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
TINY = {
    "filters": [4],
    "images": 24,
    "epochs": 3,
    "batch_size": 7,
    "dropout": 0.2,
    "attention": "spatial",
    "schedule": {"name": "cosine", "warmup_epochs": 0.5},
}


def tiny(**changes):
    values = PARAMS.model_dump(mode="json")
    return parse_params({**values, "autoencoder": {**values["autoencoder"], **TINY, **changes}})


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Write thirty images of blocks a split, three of each digit."""
    folder = tmp_path_factory.mktemp("digits")
    rng = np.random.default_rng(0)
    for split in ("train", "validation", "test"):
        images = rng.integers(0, 256, (30, 4, 4), np.uint8).repeat(7, axis=1).repeat(7, axis=2)
        np.savez(folder / f"{split}.npz", images=images, labels=np.tile(np.arange(10, dtype=np.uint8), 3))
    return folder


def train(params, data, out, log_epoch=lambda epoch, row: None):
    autoencoder.train(
        params,
        data=data,
        out=out / "model",
        history=out / "training.csv",
        checkpoints=out / "checkpoints",
        log_epoch=log_epoch,
    )


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """Train and evaluate a variational one; return the folder, the epochs that were told, and the metrics."""
    out = tmp_path_factory.mktemp("trained")
    told = []
    train(tiny(), digits, out, lambda epoch, row: told.append((epoch, row)))
    metrics = autoencoder.evaluate(tiny(), data=digits, model=out / "model", results=out)
    return out, told, metrics


def test_every_file_is_there_and_every_number_finite(trained):
    out, told, metrics = trained
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
    assert set(metrics) == {
        *("loss", "bce", "kl", "mse", "ssim"),
        *("mean_image_bce", "mean_image_mse", "mean_image_ssim"),
    }
    assert np.isfinite(list(metrics.values())).all()
    assert not (out / "checkpoints/autoencoder").exists() or not any((out / "checkpoints/autoencoder").iterdir())
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
    out, _, metrics = trained
    model = load_model(out / "model")[0]
    splits = autoencoder.dataset(tiny(), digits)
    about = json.loads((out / "model/about.json").read_text())
    images = splits["validation"][0]
    assert losses(images, code(model, images), 0.001)["loss"] == pytest.approx(about["validation_loss"], rel=1e-5)
    test = splits["test"][0]
    assert scores(test, code(model, test), 0.001)["ssim"] == pytest.approx(metrics["ssim"], rel=1e-5)
    assert metrics["loss"] == pytest.approx(metrics["bce"] + 0.001 * metrics["kl"])


def test_the_served_model_takes_digits_and_returns_them(trained, digits):
    out, _, _ = trained
    served = autoencoder.serving_model(out / "model")
    images = np.load(digits / "test.npz")["images"]
    outputs = np.asarray(served(images))
    assert outputs.shape == (30, 28, 28)
    assert outputs.dtype == np.uint8
    model = load_model(out / "model")[0]
    expected = 255 * expit(code(model, images[..., None].astype(np.float32) / 255).logits[..., 0])
    assert np.abs(outputs - expected).max() <= 0.51


def test_a_latent_walk_is_a_grid_of_images(trained):
    model = load_model(trained[0] / "model")[0]
    codes = np.stack([np.linspace(-1, 1, 41), np.linspace(0, 4, 41)], axis=1)
    images, axes = autoencoder.latent_walk(model, codes, 5)
    assert images.shape == (5, 5, 28, 28)
    # The quantiles 0.025 and 0.975 of 41 even steps are the second and the last but one.
    np.testing.assert_allclose(axes, [np.linspace(-0.95, 0.95, 5), np.linspace(0.1, 3.9, 5)], atol=1e-6)
    one = model.get_layer("decoder")(np.array([[axes[0][3], axes[1][1]]]))
    np.testing.assert_allclose(images[1, 3], expit(np.asarray(one))[0, ..., 0], atol=1e-5)


class Killed(Exception):
    pass


@pytest.mark.slow
def test_a_killed_training_goes_on_and_ends_the_same(digits, tmp_path):
    params = tiny()
    epochs = []

    def kill(epoch, row):
        epochs.append(epoch)
        if epoch == 2:
            raise Killed

    train(params, digits, tmp_path / "whole")
    with pytest.raises(Killed):
        train(params, digits, tmp_path / "killed", kill)
    assert not (tmp_path / "killed/model").exists()
    train(params, digits, tmp_path / "killed", lambda epoch, row: epochs.append(epoch))
    assert epochs == [1, 2, 3]
    for name in ("model/model.weights.h5", "model/config.json", "model/about.json", "training.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_trial_is_the_training_without_files(digits):
    params = tiny(variational=False, schedule={"name": "steps"})
    first, second = autoencoder.trial(params, digits), autoencoder.trial(params, digits)
    assert first == second
    assert set(first) == {"loss", "bce", "mse", "ssim"}
    assert np.isfinite(list(first.values())).all()
    assert autoencoder.trial(tiny(variational=False, schedule={"name": "steps"}, seed=1), digits) != first


def test_a_trial_has_the_numbers_of_a_training_whose_last_epoch_is_evaluated(digits, tmp_path):
    params = tiny(epochs=1)
    train(params, digits, tmp_path)
    metrics = autoencoder.evaluate(params, data=digits, model=tmp_path / "model", results=tmp_path)
    tried = autoencoder.trial(params, digits)
    assert set(tried) == {"loss", "bce", "kl", "mse", "ssim"}
    for name, value in tried.items():
        assert value == pytest.approx(metrics[name], rel=1e-5)


def test_it_learns(digits):
    # All images are the same: after some steps each is found again.
    images = np.load(digits / "train.npz")["images"][:1].repeat(30, axis=0)
    folder = digits / "same"
    folder.mkdir()
    for split in ("train", "validation", "test"):
        np.savez(folder / f"{split}.npz", images=images, labels=np.arange(30, dtype=np.uint8) % 10)
    learnt = autoencoder.trial(tiny(epochs=30, dropout=0.0, batch_norm=False, learning_rate=0.02), folder)
    assert learnt["mse"] < 0.02
    assert learnt["ssim"] > 0.6


def test_a_training_that_diverges_says_so(digits, tmp_path):
    params = tiny(learning_rate=1e30, batch_norm=False, activation="relu")
    with pytest.raises(MaskwrightError, match="diverged"):
        train(params, digits, tmp_path)
    assert not (tmp_path / "model").exists()
    assert not np.isfinite(autoencoder.trial(params, digits)["loss"])


def test_too_many_images_are_refused(digits):
    with pytest.raises(MaskwrightError, match=r"autoencoder\.images: 1,000 are wanted, and .* has 30 to train on"):
        autoencoder.dataset(tiny(images=1000), digits)


def test_missing_digits_are_named(tmp_path):
    with pytest.raises(MaskwrightError, match=r"train\.npz: no such file; run `maskwright generate digits` first"):
        autoencoder.trial(tiny(), tmp_path)
    with pytest.raises(MaskwrightError, match=r"train\.npz: no such file; run `dvc repro`, which makes it"):
        autoencoder.run_key(tiny(), tmp_path)


def test_the_key_follows_settings_and_data(digits, tmp_path):
    key = autoencoder.run_key(tiny(), digits)
    assert autoencoder.run_key(tiny(), digits) == key
    assert autoencoder.run_key(tiny(activation="relu"), digits) != key
    for split in ("train", "validation"):
        (tmp_path / f"{split}.npz").write_bytes((digits / f"{split}.npz").read_bytes())
    assert autoencoder.run_key(tiny(), tmp_path) == key
    (tmp_path / "train.npz").write_bytes(b"another")
    assert autoencoder.run_key(tiny(), tmp_path) != key


def test_the_settings_reach_the_network():
    settings = tiny(attention="cbam", attention_kernel=7, activation="selu", depth=2, latent=3).autoencoder
    encoder = autoencoder.build(settings).get_layer("encoder")
    kinds = [type(layer).__name__ for layer in encoder.layers]
    # One level of two blocks.
    for kind in ("ChannelAttention", "SpatialAttention", "FusedBatchNormalization", "Dropout", "Concatenate"):
        assert kinds.count(kind) == 2, kind
    assert {layer.kernel_size for layer in encoder.layers if type(layer).__name__ == "SpatialAttention"} == {7}
    assert {layer.activation for layer in encoder.layers if type(layer).__name__ == "Activation"} == {
        keras.activations.selu
    }
    assert encoder.output_shape == [(None, 3), (None, 3)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention": "self"}, "autoencoder.attention: Input should be 'none', 'spatial', 'channel' or 'cbam'"),
        ({"attention_kernel": 4}, "autoencoder.attention_kernel: Input should be 3, 5 or 7"),
        ({"activation": "gelu"}, "autoencoder.activation: Input should be 'elu', 'relu', 'selu' or 'sigmoid'"),
        ({"dropout": 1.0}, "autoencoder.dropout: Input should be less than 1"),
        ({"batch_norm": 1}, "autoencoder.batch_norm: Input should be a valid boolean"),
        ({"filters": []}, "autoencoder.filters: List should have at least 1 item"),
        ({"latent": 1}, "autoencoder.latent: Input should be greater than or equal to 2"),
        ({"width": 2}, "autoencoder.width: unknown key"),
    ],
)
def test_a_wrong_setting_is_named(changes, message):
    with pytest.raises(MaskwrightError) as caught:
        tiny(**changes)
    assert message in str(caught.value)


def test_the_losses_by_hand():
    # Logits of 0 say 1/2 of every pixel: ln 2. One of ln 3 says 3/4: of a black pixel ln 4, of a white one ln 4/3.
    images = np.array([0.0, 1.0, 0.0, 1.0], np.float32).reshape(2, 2, 1, 1)
    logits = np.array([0.0, 0.0, np.log(3), np.log(3)], np.float32).reshape(2, 2, 1, 1)
    coded = Coded(logits, np.zeros((2, 2), np.float32), np.array([1.0, 3.0], np.float32))
    bce = (2 * np.log(2) + np.log(4) + np.log(4 / 3)) / 4
    assert losses(images, coded, 0.5) == pytest.approx({"loss": bce + 1.0, "bce": bce, "kl": 2.0})
    assert losses(images, coded._replace(divergence=None), 0.5) == pytest.approx({"loss": bce, "bce": bce})


def test_the_losses_of_certain_logits_are_finite():
    images = np.array([0.0, 1.0], np.float32).reshape(1, 2, 1, 1)
    coded = Coded(np.array([1000.0, 1000.0], np.float32).reshape(1, 2, 1, 1), np.zeros((1, 2)), None)
    assert losses(images, coded, 0.5)["loss"] == pytest.approx(500.0)


def test_the_similarity_is_that_of_scikit_image():
    rng = np.random.default_rng(0)
    images = rng.random((3, 28, 20, 1)).astype(np.float32)
    others = np.clip(images + rng.normal(size=images.shape) * 0.2, 0, 1).astype(np.float32)
    settings = {"data_range": 1.0, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = np.mean(
        [structural_similarity(a[..., 0], b[..., 0], **settings) for a, b in zip(images, others, strict=True)]
    )
    measured = similarity(images, others)
    assert measured["ssim"] == pytest.approx(expected, abs=1e-4)
    assert measured["mse"] == pytest.approx(np.mean((images - others) ** 2), rel=1e-5)
    assert similarity(images, images) == pytest.approx({"mse": 0.0, "ssim": 1.0}, abs=1e-6)


def test_the_control_is_the_mean_of_the_training_images():
    training = np.zeros((3, 11, 11, 1), np.float32)
    training[0] = 1.0
    images = np.stack([np.zeros((11, 11, 1)), np.ones((11, 11, 1))]).astype(np.float32)
    # With half an image added of each kind: (1 + 0.5) / (3 + 1) = 0.375.
    measured = mean_image_scores(training, images)
    assert measured["bce"] == pytest.approx(-(np.log(0.625) + np.log(0.375)) / 2)
    assert measured["mse"] == pytest.approx((0.375**2 + 0.625**2) / 2)
