"""The autoencoder's network: shapes and weights counted by hand, draws, divergence, and a step for every switch."""

import itertools
import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.autoencoder.learn.network import (
    ConvBlock,
    Sampling,
    autoencoder,
    build,
    dense_block,
    kl_divergence,
)
from maskwright.experiments.autoencoder.params import SOURCE, Autoencoder
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"

PLAIN = ConvBlock(batch_norm=False, dropout=0.0, attention="none", attention_kernel=5, activation="elu")


def small(block=PLAIN, *, shape=(6, 9, 1), filters=(4, 3, 2), depth=1, variational=False, seed=0):
    return autoencoder(shape, filters=filters, depth=depth, latent=2, block=block, variational=variational, seed=seed)


def noise(*shape):
    return np.random.default_rng(0).random(shape).astype(np.float32)


def layers_of(block):
    image = keras.Input((8, 8, 3))
    return [type(layer).__name__ for layer in keras.Model(image, block(image, 4, itertools.count())).layers[1:]]


def test_a_block_has_its_parts_in_order():
    everything = ConvBlock(batch_norm=True, dropout=0.2, attention="cbam", attention_kernel=5, activation="relu")
    assert layers_of(everything) == [
        "Conv2D",
        "ChannelAttention",
        "SpatialAttention",
        "FusedBatchNormalization",
        "Dropout",
        "Activation",
    ]
    assert layers_of(PLAIN) == ["Conv2D", "Activation"]


def test_a_dense_block_hands_on_all_that_was_before():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, dense_block(image, 4, 2, PLAIN, itertools.count()))
    assert model.output_shape == (None, 8, 8, 3 + 4 + 4)
    # Without biases: 9 * 3 * 4 from the image, 9 * 7 * 4 from image and first block.
    assert model.count_params() == 108 + 252
    x = noise(2, 8, 8, 3)
    assert np.array_equal(np.asarray(model(x))[..., :3], x)


def test_the_weights_of_a_small_one_counted_by_hand():
    model = small()
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    # First convolution 1 -> 4; a block 4 -> 3; of stride 2, (6, 9) -> (3, 5), 7 -> 3; the last 3 -> 2 with its norm.
    coder = 9 * 4 + 9 * 12 + 9 * 21 + (9 * 6 + 4 * 2)
    # 3 * 5 * 2 = 30 values -> 30 -> 2, each with its norm.
    assert encoder.count_params() == coder + (30 * 30 + 4 * 30) + (30 * 2 + 4 * 2)
    # 2 -> 2 -> 30 with norms; a convolution 2 -> 2; a block 2 -> 3; transposed, 5 -> 3; the last 3 -> 1 with a norm.
    bottleneck = (2 * 2 + 4 * 2) + (2 * 30 + 4 * 30)
    assert decoder.count_params() == bottleneck + 9 * 4 + 9 * 6 + 9 * 15 + (9 * 3 + 4)
    assert model.count_params() == encoder.count_params() + decoder.count_params()
    # Two dense layers 2 -> 2 with bias, for mean and log variance.
    assert small(variational=True).count_params() == model.count_params() + 2 * 6


def of_source(**changes):
    values = load_params(SHIPPED).section("autoencoder").model_dump(mode="json")
    for key, value in {**SOURCE, **changes}.items():
        *parents, last = key.split(".")
        inner = values
        for parent in parents:
            inner = inner[parent]
        inner[last] = value
    return Autoencoder.model_validate(values)


# With filters 35, 25, 15, 5 and depth 3, without the switches' parts. Blocks of f filters see c, c + f and c + 2 f
# channels, and what follows them c + 3 f.
#   encoder     9 * (35 + (35 + 60 + 85) * 25 + 110 * 25 + (25 + 40 + 55) * 15 + 70 * 15 + 15 * 5) + 4 * 5 = 91,910
#   bottleneck  of 7 * 7 * 5 = 245 values: 245 * 245 + 4 * 245 + 245 * 2 + 4 * 2 = 61,503
#   latent      2 * (2 * 2 + 2) = 12
#   bottleneck  2 * 2 + 4 * 2 + 2 * 245 + 4 * 245 = 1,482
#   decoder     9 * (5 * 5 + (5 + 20 + 35) * 15 + 50 * 15 + (15 + 40 + 65) * 25 + 90 * 25 + 25) + 4 = 62,554
# The parts: 12 attentions of 2 * 5 * 5 + 1 = 51 each, and batch norms of four numbers for 2 * 3 * (25 + 15) filters.
@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({}, 217_461 + 612 + 960),
        ({"attention": "none", "dropout": 0.0}, 217_461 + 960),
        ({"batch_norm": False}, 217_461 + 612),
    ],
)
def test_the_parameters_of_the_source_counted_by_hand(changes, parameters):
    assert build(of_source(**changes), (28, 28, 1)).count_params() == parameters


def test_only_attention_mean_and_log_variance_have_a_bias():
    encoder, decoder = (build(of_source(depth=1), (28, 28, 1)).get_layer(part) for part in ("encoder", "decoder"))
    biased = [v.path.split("/")[-2] for v in [*encoder.weights, *decoder.weights] if v.name == "bias"]
    # Two dense blocks of one conv block in each half.
    assert sorted(biased) == ["convolution"] * 4 + ["log_variance", "mean"]


def test_the_switched_activation_is_that_of_the_blocks_alone():
    model = build(of_source(depth=2, activation="selu"), (28, 28, 1))
    for part in ("encoder", "decoder"):
        found = model.get_layer(part).layers
        activations = [layer.activation for layer in found if type(layer).__name__ == "Activation"]
        assert activations == [keras.activations.selu] * 4
        # The first convolution and the bottleneck; in the encoder the last convolution too.
        assert sum(type(layer).__name__ == "ReLU" for layer in found) == (4 if part == "encoder" else 3)
        convolutions = [layer for layer in found if "Conv2D" in type(layer).__name__]
        assert {layer.activation for layer in convolutions} == {keras.activations.linear}
        assert [layer.strides for layer in convolutions].count((2, 2)) == 2


@pytest.mark.parametrize("shape", [(28, 28, 1), (6, 9, 1), (17, 5, 3), (1, 1, 1)])
def test_the_output_has_the_size_of_the_image(shape):
    model = small(shape=shape, filters=(4, 3, 3, 2, 2))
    assert model(noise(2, *shape)).shape == (2, *shape)
    assert model.get_layer("encoder")(noise(2, *shape)).shape == (2, 2)


# Every pair of batch norm, dropout and being variational, with every attention, and every activation.
SWITCHES = [
    (batch_norm, dropout, attention, batch_norm == (dropout > 0), activation)
    for batch_norm, dropout in itertools.product([False, True], [0.0, 0.2])
    for attention, activation in zip(
        ["none", "spatial", "channel", "cbam"],
        ["elu", "relu", "selu", "sigmoid"] if batch_norm else ["sigmoid", "selu", "relu", "elu"],
        strict=True,
    )
]


@pytest.mark.parametrize(("batch_norm", "dropout", "attention", "variational", "activation"), SWITCHES)
def test_a_combination_takes_a_step_that_moves_its_weights(batch_norm, dropout, attention, variational, activation):
    keras.utils.set_random_seed(0)
    block = ConvBlock(batch_norm, dropout, attention, 3, activation)
    model = small(block, variational=variational)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    images = tf.constant(noise(8, 6, 9, 1))
    with tf.GradientTape() as tape:
        code = encoder(images, training=True)
        divergence = kl_divergence(*code) if variational else tf.zeros(8)
        code = model.get_layer("sampling")(code, training=True) if variational else code
        logits = decoder(code, training=True)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(images, logits)) + tf.reduce_mean(divergence)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(np.isfinite(gradient).all() for gradient in gradients)
    still = [
        variable.path
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        if not np.any(gradient)
    ]
    # A ReLU that is off for all images passes nothing on; a channel attention has one in its middle.
    assert activation == "relu" or all("channel_attention" in path for path in still)
    assert len(still) < len(gradients) / 2


@pytest.mark.parametrize("variational", [False, True])
def test_a_stored_model_computes_the_same(variational, tmp_path):
    block = ConvBlock(True, 0.2, "cbam", 5, "selu")
    model = small(block, variational=variational, seed=7)
    again = keras.models.model_from_json(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    images = noise(3, 6, 9, 1)
    assert np.array_equal(np.asarray(again(images)), np.asarray(model(images)))
    assert again.to_json() == model.to_json()


@pytest.mark.parametrize("attention", ["none", "spatial", "channel", "cbam"])
def test_what_chance_decides_follows_the_seed_alone_whatever_else_draws_random_numbers(attention):
    block = ConvBlock(True, 0.2, attention, 5, "elu")
    numbers = []
    for seed, others in ((7, 1), (7, 2), (8, 1)):
        # Other threads draw from Python's generator, which seeds what Keras is given no seed for.
        random.seed(others)
        model = small(block, variational=True, seed=seed)
        numbers.append([np.asarray(v) for v in [*model.variables, model(noise(3, 6, 9, 1), training=True)]])
    same, other = ([np.array_equal(a, b) for a, b in zip(numbers[0], these, strict=True)] for these in numbers[1:])
    assert all(same)
    assert not all(other)


def test_outside_training_a_variational_one_uses_the_mean():
    model = small(variational=True)
    images = noise(3, 6, 9, 1)
    mean, _ = model.get_layer("encoder")(images)
    assert np.array_equal(np.asarray(model(images)), np.asarray(model.get_layer("decoder")(mean)))


def test_draws_follow_the_seed_and_never_repeat():
    mean, log_variance = np.zeros((4, 2), np.float32), np.zeros((4, 2), np.float32)
    one, same, other = Sampling(3), Sampling(3), Sampling(4)
    draws = [np.asarray(one([mean, log_variance], training=True)) for _ in range(2)]
    assert not np.array_equal(*draws)
    assert all(np.array_equal(draw, same([mean, log_variance], training=True)) for draw in draws)
    assert not np.array_equal(draws[0], other([mean, log_variance], training=True))
    assert Sampling.from_config(one.get_config()).seed == 3


def test_draws_have_the_mean_and_the_variance():
    shape = (20_000, 1)
    mean, log_variance = np.full(shape, 3.0, np.float32), np.full(shape, np.log(4.0), np.float32)
    draws = np.asarray(Sampling(0)([mean, log_variance], training=True))
    # The standard error of the mean is 2 / sqrt(20,000) = 0.014, that of the deviation 0.010.
    assert draws.mean() == pytest.approx(3.0, abs=0.06)
    assert draws.std() == pytest.approx(2.0, abs=0.04)


def test_the_gradient_goes_through_a_draw():
    mean, log_variance = tf.Variable([[1.0, 2.0]]), tf.Variable([[0.0, np.log(4.0)]], dtype=tf.float32)
    with tf.GradientTape() as tape:
        draw = Sampling(0)([mean, log_variance], training=True)
        total = tf.reduce_sum(draw)
    along_mean, along_log_variance = tape.gradient(total, [mean, log_variance])
    assert np.array_equal(along_mean, [[1.0, 1.0]])
    # d(mean + exp(v / 2) n) / dv = exp(v / 2) n / 2, half of what the draw differs from the mean by.
    np.testing.assert_allclose(along_log_variance, (draw - mean) / 2, rtol=1e-5)


def test_the_divergence_by_hand():
    mean = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]], np.float32)
    log_variance = np.array([[0.0, 0.0], [0.0, 0.0], [np.log(4.0), 0.0]], np.float32)
    # The same distribution: 0. A mean of 1: 1/2. A variance of 4: (4 - 1 - 1.386294) / 2, with a mean of 2: 2 more.
    np.testing.assert_allclose(kl_divergence(mean, log_variance), [0.0, 0.5, 0.806853 + 2.0], rtol=1e-6)


def test_the_settings_reach_the_network():
    changes = {"attention": "cbam", "attention_kernel": 7, "activation": "selu", "depth": 2, "latent": 3}
    changes |= {"filters": [4, 3, 2], "dropout": 0.2}
    settings = load_params(SHIPPED).section("autoencoder").model_copy(update=changes)
    encoder = build(settings, (28, 28, 1)).get_layer("encoder")
    kinds = [type(layer).__name__ for layer in encoder.layers]
    # One level of two blocks; batch norm at the end too, whatever the switch.
    for kind in ("ChannelAttention", "SpatialAttention", "Dropout", "Concatenate"):
        assert kinds.count(kind) == 2, kind
    assert kinds.count("FusedBatchNormalization") == 3
    assert {layer.kernel_size for layer in encoder.layers if type(layer).__name__ == "SpatialAttention"} == {7}
    assert {layer.activation for layer in encoder.layers if type(layer).__name__ == "Activation"} == {
        keras.activations.selu
    }
    assert encoder.output_shape == [(None, 3), (None, 3)]
