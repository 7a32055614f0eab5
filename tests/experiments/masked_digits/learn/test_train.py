from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.experiments.masked_digits.learn.network import network
from maskwright.experiments.masked_digits.learn.train import masked_loss, shown_epochs, train
from maskwright.learning.replicates.fitting import adam, start_fitting
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from support.bar_digits import bar_digits

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def test_what_the_networks_are_shown():
    data = bar_digits(43, 0)

    settings = (
        load_params(SHIPPED)
        .section("masked_digits")
        .model_copy(update={"shift": 0, "epochs": 2, "control_epochs": 3})
    )

    def shown(variant, batch_size=10):
        return list(shown_epochs(variant, 7, data, settings, batch_size))

    def first(variant, batch_size=10):
        return [array[0] for array in shown(variant, batch_size)[0]]

    grids, targets = first("channel")
    assert grids.shape == (10, 56, 56)
    assert targets.shape == (10, 4, 10)
    for image, four in zip(grids, targets, strict=True):
        for quarter, target in enumerate(four):
            digit = image[28 * (quarter // 2) :, 28 * (quarter % 2) :][:28, :28]
            assert any((digit == known).all() for known in data[0][data[1] == target.argmax()])
    for variant in ("none", "random"):
        other, mixed, *marked = first(variant)
        np.testing.assert_array_equal(other, grids)
        np.testing.assert_array_equal(mixed, targets.mean(axis=1, keepdims=True))
        assert len(shown(variant)) == 3
        assert [len(numbers) for numbers in marked] == ([10] if variant == "random" else [])
    # Each quarter is marked now and then, whichever the grid.
    assert {int(number) for epoch in shown("random") for number in epoch[2].ravel()} == {0, 1, 2, 3}
    single, labels = first("single", 43)
    assert single.shape == (43, 28, 28)
    assert labels.sum(axis=(0, 1)).tolist() == [5, 5, 5, 4, 4, 4, 4, 4, 4, 4]
    assert (shown("channel")[1][0][0] != grids).any()
    assert [array.shape[:2] for array in shown("channel", 4)[0]] == [(2, 4), (2, 4)]


def test_one_step_is_that_of_keras_adamw():
    images, labels = bar_digits(4, 0)
    targets = np.eye(10, dtype=np.float32)[labels][:, None]
    masks = np.ones((1, 28, 28), np.uint8)
    ours, theirs = network("pool", 3), network("pool", 3)
    with ThreadPoolExecutor(1) as pool:
        rule = adam(np.array([0.02]), beta_2=0.99, weight_decay=0.1)
        (reported,) = start_fitting(pool, [ours], [[(images[None], targets[None])]], masked_loss(masks), rule)
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


def test_without_data(tmp_path):
    settings = load_params(SHIPPED).section("masked_digits")
    with pytest.raises(MaskwrightError, match="no such file; run"):
        train(settings, data=tmp_path, out=tmp_path / "model", history=tmp_path / "history.csv")
    assert not (tmp_path / "model").exists()
