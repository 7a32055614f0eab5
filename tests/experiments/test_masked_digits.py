import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from bar_digits import bar_digits, write_bar_digits
from PIL import Image

from maskwright.data.digit_grids import guessing_ceiling, read_masked_digits, write_masked_digits
from maskwright.errors import MaskwrightError
from maskwright.experiments import masked_digits
from maskwright.nn.fitting import Recipe, start_fitting
from maskwright.nn.saved import load_model
from maskwright.params import parse_params
from maskwright.pipeline import content_hash

SHIPPED = Path(__file__).parents[2] / "params.yaml"
WAYS = ["channel", "multiply", "attention", "pool", "none", "random"]


def params(**changes):
    values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    values["masked_digits"] |= {"seeds": 2, "epochs": 1, "variants": WAYS, **changes}
    return parse_params(values)


def write_data(root, train=160):
    write_bar_digits(root / "digits", train=train, validation=20, test=30)
    write_masked_digits(params().masked_digits, root / "digits", root / "data")


def run(root, **changes):
    write_data(root)
    settings = params(**changes)
    masked_digits.train(settings, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return masked_digits.evaluate(settings, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("masked_digits")
    return root, run(root)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, metrics = finished
    variants = metrics.pop("variants")
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/plots/variants.json").read_text()) == variants
    assert list(variants) == [*WAYS, "single"]
    assert metrics["accuracy"] == variants["channel"]["accuracy"]["mean"]
    assert metrics["bound"] == variants["single"]["accuracy"]["mean"]
    assert metrics["guessing_ceiling"] == guessing_ceiling(read_masked_digits(root / "data", "grid", "test").digits)
    difference = metrics["bound"] - variants["pool"]["accuracy"]["mean"]
    assert variants["pool"]["below_bound"]["mean"] == pytest.approx(difference)
    history = pd.read_csv(root / "results/training.csv", keep_default_na=False)
    assert history["variant"].tolist() == [*WAYS, "single"]
    assert (history["loss"] > 0).all()
    for name in ("accuracy.png", "examples.png", "loss.png", "predictions.png"):
        assert np.asarray(Image.open(root / "results/plots" / name)).std() > 5


@pytest.mark.slow
def test_the_numbers_are_those_of_the_saved_networks(finished):
    root, _ = finished
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    sets = masked_digits.dataset(params(), root / "data")
    for variant, name in (("attention", "canvas"), ("random", "random_canvas")):
        inputs, labels = sets[name]
        model, about = load_model(root / "model" / variant)
        assert about["seeds"] == 2
        outputs = np.asarray(model(inputs.astype(np.float32) / 255))
        assert outputs.shape == (30, 2, 10)
        expected = (outputs.argmax(-1) == labels[:, None]).mean(axis=0)
        rows = table[table["variant"] == variant]
        np.testing.assert_allclose(rows["canvas_accuracy"].astype(float), expected, rtol=1e-5)
    assert set(table.loc[table["variant"] == "single", "canvas_accuracy"]) == {""}


@pytest.mark.slow
def test_repeats_itself_byte_by_byte(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    assert content_hash(tmp_path / "data") == content_hash(root / "data")
    assert content_hash(tmp_path / "model") == content_hash(root / "model")
    assert content_hash(tmp_path / "results") == content_hash(root / "results")


@pytest.mark.slow
def test_a_seed_alone_ends_as_among_others_and_its_choice_is_all_that_trains(finished, tmp_path):
    root, _ = finished
    metrics = run(tmp_path, mask="pool", variants=[], seed=1)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["pool", "single"]
    assert list(metrics["variants"]) == ["pool", "single"]
    assert metrics["accuracy"] == metrics["variants"]["pool"]["accuracy"]["mean"]
    together, others = (load_model(path / "model/pool")[0] for path in (root, tmp_path))
    weights = [[np.asarray(w) for w in model.get_layer("seed_1").weights] for model in (together, others)]
    assert len(weights[0]) == 10
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_only_the_marked_quarter_counts_where_the_image_is_multiplied():
    model = masked_digits.build(params().masked_digits, "multiply")
    rng = np.random.default_rng(0)
    inputs = rng.random((3, 56, 56, 2)).astype(np.float32)
    inputs[..., 1] = 0
    inputs[:, :28, 28:, 1] = 1
    changed = inputs.copy()
    changed[:, 28:, :, 0] = rng.random((3, 28, 56))
    changed[:, :28, :28, 0] = 0
    np.testing.assert_array_equal(np.asarray(model(inputs)), np.asarray(model(changed)))
    inside = inputs.copy()
    inside[:, :28, 28:, 0] = 0
    assert np.abs(np.asarray(model(inputs)) - np.asarray(model(inside))).max() > 0.01


@pytest.mark.parametrize("variant", [*WAYS, "single"])
def test_begins_as_the_same_network_inside_a_full_mask(variant):
    settings = params().masked_digits
    inputs = np.random.default_rng(0).random((2, 30, 41, 2)).astype(np.float32)
    inputs[..., 1] = 1
    outputs = np.asarray(masked_digits.build(settings, variant)(inputs))
    assert outputs.shape == (2, 2, 10)
    np.testing.assert_allclose(outputs, np.asarray(masked_digits.build(settings, "none")(inputs)), atol=1e-5)
    inputs[:, 20:, :, 1] = 0
    same = np.allclose(outputs, np.asarray(masked_digits.build(settings, variant)(inputs)), atol=1e-5)
    # The mask's own weights begin at 0, so that an appended mask does nothing yet.
    assert same == (variant in ("none", "channel", "random", "single"))


def test_what_the_networks_are_shown():
    data = bar_digits(43, 0)

    def shown(variant):
        epoch = masked_digits._shown(variant, 7, data, shift=0)
        return [epoch(0), epoch(1)]

    grids, targets = shown("channel")[0]
    assert grids.shape == (10, 56, 56)
    assert targets.shape == (10, 4, 10)
    for image, four in zip(grids, targets, strict=True):
        for quarter, target in enumerate(four):
            digit = image[28 * (quarter // 2) :, 28 * (quarter % 2) :][:28, :28]
            assert any((digit == known).all() for known in data[0][data[1] == target.argmax()])
    for variant, masks in (("none", 1), ("random", 4)):
        other, mixed = shown(variant)[0]
        np.testing.assert_array_equal(other, grids)
        np.testing.assert_array_equal(mixed, np.repeat(targets.mean(axis=1, keepdims=True), masks, axis=1))
    single, labels = shown("single")[0]
    assert single.shape == (43, 28, 28)
    assert labels.sum(axis=(0, 1)).tolist() == [5, 5, 5, 4, 4, 4, 4, 4, 4, 4]
    assert (shown("channel")[1][0] != grids).any()


def test_one_step_is_that_of_keras_adamw():
    images, labels = bar_digits(4, 0)
    targets = np.eye(10, dtype=np.float32)[labels][:, None]
    masks = np.ones((1, 28, 28), np.uint8)
    ours, theirs = masked_digits.network("pool", 3), masked_digits.network("pool", 3)
    with ThreadPoolExecutor(1) as pool:
        loss, recipe = masked_digits._loss(masks), Recipe(1, 4, learning_rate=0.02, weight_decay=0.1)
        (reported,) = start_fitting(pool, [ours], [lambda number: (images, targets)], loss, recipe)
    optimizer = keras.optimizers.AdamW(0.02, weight_decay=0.1, beta_1=0.9, beta_2=0.99)
    optimizer.build(theirs.trainable_variables)
    optimizer.exclude_from_weight_decay(var_list=[v for v in theirs.trainable_variables if len(v.shape) < 2])
    theirs.compile(optimizer, keras.losses.CategoricalCrossentropy(from_logits=True))
    inputs = [(images / 255).astype(np.float32)[:, None, ..., None], np.repeat(masks[None, ..., None], 4, 0)]
    loss = theirs.train_on_batch(inputs, targets)
    assert reported.result()["loss"] == pytest.approx([float(np.asarray(loss))], rel=1e-5)
    for one, other in zip(ours.weights, theirs.weights, strict=True):
        # Adam's first step has the size of the rate whatever that of the gradient, so where the gradient is hardly
        # more than rounding the two may differ by up to it.
        difference = np.abs(np.asarray(one) - np.asarray(other))
        assert np.quantile(difference, 0.95) < 1e-4
        assert difference.max() < 0.041


def test_keys_follow_what_determines_the_training(tmp_path):
    write_data(tmp_path)
    keys = masked_digits.run_keys(params(), tmp_path / "data")
    assert set(keys) == {*WAYS, "single"}
    assert len(set(keys.values())) == 7
    same = masked_digits.run_keys(params(mask="pool", variants=["pool"], canvas=100), tmp_path / "data")
    assert same == {name: keys[name] for name in ("pool", "single")}
    other = masked_digits.run_keys(params(shift=1), tmp_path / "data")
    assert not set(other.values()) & set(keys.values())


def test_without_data(tmp_path):
    with pytest.raises(MaskwrightError, match="no such file; run"):
        masked_digits.train(params(), data=tmp_path, out=tmp_path / "model", history=tmp_path / "history.csv")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": "chanel"}, "masked_digits.mask: Input should be 'channel', 'multiply', 'attention'"),
        ({"variants": ["channel", "noise"]}, "masked_digits.variants.1: Input should be 'channel'"),
        ({"seeds": 1}, "masked_digits.seeds: Input should be greater than or equal to 2"),
        ({"batch_size": 10}, "masked_digits.batch_size: Input should be a multiple of 4"),
        ({"canvas": 56}, "masked_digits.canvas: Input should be greater than or equal to 84"),
        ({"epoch": 3}, "masked_digits.epoch: unknown key"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(MaskwrightError, match=message):
        params(**changes)
