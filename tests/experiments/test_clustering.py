import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import yaml
from PIL import Image

from maskwright.data.pictures import read_pictures, write_pictures
from maskwright.errors import MaskwrightError
from maskwright.experiments import clustering
from maskwright.metrics.information import information
from maskwright.nn.saved import load_model
from maskwright.params import parse_params
from maskwright.pipeline import content_hash

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def params(**changes):
    values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    small = {
        "clusters": 3,
        "heads": 2,
        "over_heads": 1,
        "over_clusters": 5,
        "seeds": 2,
        "epochs": 3,
        "batch_size": 30,
        "precision": "float32",
    }
    values["clustering"] |= {**small, **changes}
    return parse_params(values)


def write_data(root, train=90):
    """Three kinds of image: a bar across, a bar down, and a square."""
    folder = root / "digits"
    folder.mkdir(parents=True)
    for number, (split, count) in enumerate({"train": train, "test": 30}.items()):
        rng = np.random.default_rng(number)
        labels = (np.arange(count) % 3).astype(np.uint8)
        images = rng.integers(0, 40, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[
                (slice(12, 16), slice(4, 24), slice(9, 19))[label], (slice(4, 24), slice(12, 16), slice(9, 19))[label]
            ] = 250
        np.savez(folder / f"{split}.npz", images=images, labels=labels)
    write_pictures(params().clustering, folder, root / "data")


def run(root, **changes):
    write_data(root)
    settings = params(**changes)
    clustering.train(settings, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return clustering.evaluate(settings, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("clustering")
    return root, run(root)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, metrics = finished
    variants = metrics["variants"]
    stored = {name: value for name, value in metrics.items() if name != "variants"}
    assert json.loads((root / "results/metrics.json").read_text()) == stored
    assert json.loads((root / "results/plots/variants.json").read_text()) == variants
    assert list(variants) == ["iic"]
    assert stored == {name: variants["iic"][name]["mean"] for name in stored}
    for name in ("information.png", "accuracy.png", "joint.png", "confusion.png", "galleries.png"):
        assert np.asarray(Image.open(root / "results/plots" / name)).std() > 5
    history = pd.read_csv(root / "results/training.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    # The source's way decides on the test images themselves which cluster is which, so it cannot score less.
    assert metrics["source_accuracy"] >= metrics["accuracy"]


@pytest.mark.slow
def test_the_head_with_the_least_loss_counts(finished):
    root, _ = finished
    model, about = load_model(root / "model/iic")
    assert about["heads"] == [[2, 3], [1, 5]]
    assert about["best_head"] == [int(np.argmax(heads)) for heads in about["information"]]
    test = read_pictures(root / "data", "test")
    outputs = np.asarray(model(test.images.astype(np.float32) / 255))
    assert outputs.shape == (30, 2, 11)
    np.testing.assert_allclose(outputs.sum(axis=-1), 3, rtol=1e-5)
    table = pd.read_csv(root / "results/plots/replicates.csv")
    np.testing.assert_allclose(table["information"], [max(heads) for heads in about["information"]], rtol=1e-5)
    heads = pd.read_csv(root / "results/plots/heads.csv")
    assert len(heads) == 2 * 2
    for seed, best in enumerate(about["best_head"]):
        mine = heads[heads["seed"] == seed]
        chosen = mine[mine["variant"] == f"head {best}"].iloc[0]
        row = table.iloc[seed]
        for name in ("accuracy", "nmi", "ari", "source_accuracy", "information"):
            assert row[name] == pytest.approx(chosen[name], rel=1e-5)
        assert row["most_accurate"] == pytest.approx(mine["accuracy"].max(), rel=1e-5)


@pytest.mark.slow
def test_repeats_itself_byte_by_byte(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    for part in ("data", "model", "results"):
        assert content_hash(tmp_path / part) == content_hash(root / part)


def test_the_loss_is_the_mean_over_the_heads_of_minus_the_information():
    settings = params().clustering
    shares = np.random.default_rng(0).dirichlet(np.ones(11), 8).astype(np.float32)
    parts = np.split(shares, [3, 6], axis=1)
    shares = np.concatenate([part / part.sum(axis=1, keepdims=True) for part in parts], axis=1)
    batch = tf.zeros((4, 28, 28, 1), tf.uint8), tf.constant(np.tile([1.0, 0, 2, 0, 1, 2, 0, 0], (4, 1)), tf.float32)
    seen = []
    value, reported = clustering._loss(settings)(lambda views: seen.append(views.shape) or tf.constant(shares), batch)
    assert seen == [(8, 24, 24, 1)]
    expected = []
    for columns in (slice(0, 3), slice(3, 6), slice(6, 11)):
        first, second = shares[:4, columns], shares[4:, columns]
        joint = first.T @ second / 4
        joint = (joint + joint.T) / 2
        expected.append(information(joint.astype(float) / joint.sum()).mutual)
    np.testing.assert_allclose(reported["information"], expected, atol=1e-5)
    assert float(value) == pytest.approx(-np.mean(expected), abs=1e-5)
    assert reported["joint"].shape == (2, 3, 3)


def test_the_source_preset_is_the_vgg_of_four_convolutions():
    model = clustering.network(params(preset="vgg-f").clustering, (28, 28, 1), 0)
    kernels = [layer.kernel.shape for layer in model.layers if "convolution" in layer.name]
    assert kernels == [(3, 3, 1, 64), (3, 3, 64, 128), (3, 3, 128, 256), (3, 3, 256, 512)]
    assert model.get_layer("flatten").output.shape == (None, 3 * 3 * 512)
    fast = clustering.network(params().clustering, (28, 28, 1), 0)
    assert [layer.kernel.shape[-1] for layer in fast.layers if "convolution" in layer.name] == [16, 32, 64, 128]


def test_what_computes_in_bfloat16_answers_in_float32():
    model = clustering.network(params(precision="bfloat16").clustering, (28, 28, 1), 0)
    assert model.get_layer("convolution_0").compute_dtype == "bfloat16"
    assert {variable.dtype for variable in model.variables} == {"float32"}
    shares = model(np.zeros((2, 24, 24, 1), np.float32))
    assert shares.dtype == tf.float32
    np.testing.assert_allclose(shares[:, :3], [[1 / 3] * 3] * 2, atol=1e-6)  # black views: no feature is above 0


def test_keys_follow_what_determines_the_training(tmp_path):
    write_data(tmp_path)
    key = clustering.run_keys(params(), tmp_path / "data")
    assert list(key) == ["iic"]
    assert clustering.run_keys(params(side=48), tmp_path / "data") == key
    assert clustering.run_keys(params(heads=3), tmp_path / "data") != key


def test_fewer_images_than_a_batch(tmp_path):
    write_data(tmp_path, train=20)
    with pytest.raises(MaskwrightError, match=r"clustering\.batch_size: 30 for 20 training images; lower it"):
        clustering.train(params(), data=tmp_path / "data", out=tmp_path / "model", history=tmp_path / "history.csv")
    assert not (tmp_path / "model").exists()


def test_fewer_test_images_than_clusters(tmp_path):
    write_data(tmp_path)
    with pytest.raises(MaskwrightError, match=r"clustering\.clusters: 31 for 30 test images; lower it"):
        clustering.train(
            params(clusters=31, batch_size=70),
            data=tmp_path / "data",
            out=tmp_path / "model",
            history=tmp_path / "history.csv",
        )
    assert not (tmp_path / "model").exists()
