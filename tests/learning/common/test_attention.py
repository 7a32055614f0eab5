"""Attention: numbers against NumPy, weights counted by hand, configurations that come back, and half precision."""

import keras
import numpy as np
import pytest
from scipy.ndimage import correlate

from maskwright.learning.common.attention import ChannelAttention, SpatialAttention, attend


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def features(shape=(2, 5, 7, 6), seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def spatial_by_numpy(x, kernel):
    """Scale x (B, H, W, C), by a kernel (k, k, 2, 1)."""
    maps = []
    for image in x:
        # Correlation, with zeros beyond the border, of the maximum and of the mean.
        maximum = correlate(image.max(-1), kernel[..., 0, 0], mode="constant")
        maps.append(maximum + correlate(image.mean(-1), kernel[..., 1, 0], mode="constant"))
    return x * sigmoid(np.stack(maps))[..., None]


def channel_by_numpy(x, first, first_bias, second, second_bias):
    def network(pooled):
        return np.maximum(pooled @ first + first_bias, 0) @ second + second_bias

    weights = sigmoid(network(x.mean((1, 2))) + network(x.max((1, 2))))
    return x * weights[:, None, None, :]


@pytest.mark.parametrize("kernel_size", [1, 5, 7])
def test_spatial_attention_is_that_of_the_paper(kernel_size):
    layer = SpatialAttention(kernel_size)
    x = features()
    y = np.asarray(layer(x))
    (kernel,) = layer.get_weights()
    assert kernel.shape == (kernel_size, kernel_size, 2, 1)
    np.testing.assert_allclose(y, spatial_by_numpy(x, kernel), atol=1e-5)


def test_spatial_attention_by_hand():
    layer = SpatialAttention(1)
    layer.build((None, None, None, 2))
    layer.set_weights([np.array([2.0, -1.0]).reshape(1, 1, 2, 1)])
    # Maximum 3, mean 2: sigmoid(2 * 3 - 2) = sigmoid(4) = 0.982014.
    y = np.asarray(layer(np.array([[[[1.0, 3.0]]]], np.float32)))
    np.testing.assert_allclose(y, [[[[0.982014, 2.946041]]]], rtol=1e-5)


def test_spatial_attention_with_a_bias_by_hand():
    layer = SpatialAttention(1, use_bias=True)
    layer.build((None, None, None, 2))
    assert layer.get_weights()[1].tolist() == [0.0]
    layer.set_weights([np.array([2.0, -1.0]).reshape(1, 1, 2, 1), np.array([-3.0])])
    # As above, less 3: sigmoid(1) = 0.731059.
    y = np.asarray(layer(np.array([[[[1.0, 3.0]]]], np.float32)))
    np.testing.assert_allclose(y, [[[[0.731059, 2.193176]]]], rtol=1e-5)


def test_channel_attention_is_that_of_the_paper():
    layer = ChannelAttention(reduction=2)
    x = features()
    layer.build(x.shape)
    weights = [features(w.shape, seed) for seed, w in enumerate(layer.get_weights())]
    assert [w.shape for w in weights] == [(6, 3), (3,), (3, 6), (6,)]
    layer.set_weights(weights)
    np.testing.assert_allclose(np.asarray(layer(x)), channel_by_numpy(x, *weights), atol=1e-5)


def test_a_channel_attention_has_at_least_one_hidden_unit():
    layer = ChannelAttention(reduction=16)
    layer.build((None, None, None, 5))
    # 5 x 1 + 1, and 1 x 5 + 5.
    assert layer.count_params() == 16


@pytest.mark.parametrize(
    ("attention", "weights"),
    # Of 8 channels, kernel 5 and reduction 4: 2 * 25 = 50; 8 * 2 + 2 + 2 * 8 + 8 = 42.
    [("none", 0), ("spatial", 50), ("channel", 42), ("cbam", 92)],
)
def test_attend_adds_the_layers_of_its_kind(attention, weights):
    image = keras.Input((None, None, 8))
    outputs = attend(image, attention, kernel_size=5, reduction=4)
    assert (outputs is image) == (attention == "none")
    assert keras.Model(image, outputs).count_params() == weights
    # Only a spatial attention has a convolution to give a bias to.
    biased = attend(image, attention, kernel_size=5, use_bias=True, reduction=4)
    assert keras.Model(image, biased).count_params() == weights + (attention in ("spatial", "cbam"))


def test_cbam_is_channel_attention_and_then_spatial_attention():
    image = keras.Input((None, None, 6))
    model = keras.Model(image, attend(image, "cbam", kernel_size=3, reduction=2))
    x = features()
    channel, spatial = (layer.get_weights() for layer in model.layers[1:])
    expected = spatial_by_numpy(channel_by_numpy(x, *channel), spatial[0])
    np.testing.assert_allclose(np.asarray(model(x)), expected, atol=1e-5)


def test_one_network_takes_images_of_any_size():
    image = keras.Input((None, None, 4))
    model = keras.Model(image, attend(image, "cbam"))
    for size in ((1, 1), (3, 40), (28, 28)):
        assert model(features((2, *size, 4))).shape == (2, *size, 4)


@pytest.mark.parametrize(
    ("layer", "key", "value"),
    [
        (SpatialAttention(5, seed=7), "kernel_size", 5),
        (SpatialAttention(5, seed=7, use_bias=True), "use_bias", True),
        (ChannelAttention(3, seed=7), "reduction", 3),
    ],
)
def test_a_configuration_comes_back_with_all_it_was_given(layer, key, value):
    again = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(again) is type(layer)
    assert again is not layer
    assert getattr(again, key) == value
    assert again.seed == 7
    assert again.get_config() == layer.get_config()


def test_a_stored_model_computes_the_same(tmp_path):
    image = keras.Input((None, None, 6))
    model = keras.Model(image, attend(image, "cbam", kernel_size=5, reduction=2))
    again = keras.models.model_from_json(model.to_json())
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    x = features()
    assert np.array_equal(np.asarray(again(x)), np.asarray(model(x)))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("layer", [SpatialAttention, ChannelAttention])
def test_mixed_precision_keeps_the_range_and_the_accuracy(layer, policy):
    # The sum of 4,096 values of 20 is beyond float16's 65,504.
    x = np.abs(features((1, 64, 64, 16))) * 2 + 20
    x = np.concatenate([x] * 256, axis=-1)[:, :2, :2] if layer is SpatialAttention else x
    exact = layer()
    exact.build(x.shape)
    mixed = layer(dtype=policy)
    mixed.build(x.shape)
    mixed.set_weights([weights * 0.01 for weights in exact.get_weights()])
    exact.set_weights([weights * 0.01 for weights in exact.get_weights()])
    assert all(variable.dtype == "float32" for variable in mixed.weights)
    y = mixed(x)
    assert y.dtype.name == policy.removeprefix("mixed_")
    np.testing.assert_allclose(np.asarray(y).astype(np.float32), np.asarray(exact(x)), rtol=0.05)


@pytest.mark.parametrize("kernel_size", [0, 4, -3])
def test_a_kernel_without_a_middle_is_refused(kernel_size):
    with pytest.raises(ValueError, match="kernel_size must be odd and positive"):
        SpatialAttention(kernel_size)


def test_a_reduction_of_nothing_is_refused():
    with pytest.raises(ValueError, match="reduction must be positive, not 0"):
        ChannelAttention(0)
