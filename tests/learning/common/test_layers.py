from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.learning.common.layers import (
    CropLike,
    DepthToSpace,
    FusedBatchNormalization,
    PadToStride,
    PyramidPooling,
    _area_weights,
    _bilinear_weights,
)


def numpy(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def images(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(
    "layer",
    [
        PadToStride(16, name="pad"),
        CropLike(name="crop"),
        PyramidPooling(8, (1, 4), name="pool", dtype="mixed_bfloat16"),
        DepthToSpace(4, name="fine"),
        FusedBatchNormalization(momentum=0.9, gamma_initializer="zeros", name="norm"),
    ],
    ids=lambda layer: layer.name,
)
def test_config_round_trip(layer: keras.layers.Layer):
    stored = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(layer)
    assert keras.saving.serialize_keras_object(again) == stored
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("size", [(1, 1), (5, 9), (8, 4)])
def test_any_size_and_the_symbolic_shape_agrees(size: tuple[int, int], known: bool, dtype: str):
    x = images(2, *size, 16)
    symbolic = keras.Input((*size, 16) if known else (None, None, 16))
    padded = PadToStride(4, dtype=dtype)(symbolic)
    pooled = PyramidPooling(3, dtype=dtype)(padded)
    normal = FusedBatchNormalization(dtype=dtype)(pooled)
    finer = DepthToSpace(2, dtype=dtype)(normal)
    specs = [padded, pooled, normal, finer, CropLike(dtype=dtype)([finer, symbolic])]
    outputs = keras.Model(symbolic, specs)(x)
    for output, spec in zip(outputs, specs, strict=True):
        assert keras.backend.standardize_dtype(output.dtype) == spec.dtype
        assert all(expected in (None, side) for side, expected in zip(output.shape, spec.shape, strict=True))
        assert spec.shape[-1] is not None
        assert np.isfinite(numpy(output)).all()
    height, width = (-(-side // 4) * 4 for side in size)
    shapes = [tuple(output.shape) for output in outputs]
    assert shapes[0] == (2, height, width, 16)
    assert shapes[1] == shapes[2] == (2, height, width, 16 + 4 * 3)
    assert shapes[3] == (2, 2 * height, 2 * width, 7)
    assert shapes[4] == (2, *size, 7)


class TestPadToStride:
    def test_repeats_the_border(self):
        x = np.array([[1, 2, 3], [4, 5, 6]], np.float32).reshape(1, 2, 3, 1)
        expected = [[1, 2, 3, 3], [4, 5, 6, 6], [4, 5, 6, 6], [4, 5, 6, 6]]
        assert numpy(PadToStride(4)(x))[0, ..., 0].tolist() == expected

    def test_leaves_a_multiple_alone(self):
        x = images(1, 4, 8, 2)
        np.testing.assert_array_equal(numpy(PadToStride(4)(x)), x)

    def test_keeps_integers(self):
        x = np.arange(6, dtype=np.uint8).reshape(1, 2, 3, 1)
        padded = PadToStride(4, dtype="uint8")(x)
        assert padded.dtype == tf.uint8
        assert padded.shape == (1, 4, 4, 1)

    def test_shape(self):
        assert PadToStride(16).compute_output_shape((None, 17, None, 3)) == (None, 32, None, 3)


class TestCropLike:
    def test_undoes_the_padding(self):
        x = images(2, 5, 7, 3)
        np.testing.assert_array_equal(numpy(CropLike()([PadToStride(4)(x), x])), x)

    def test_takes_the_sides_of_one_and_the_channels_of_the_other(self):
        x = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
        cropped = CropLike()([x, np.zeros((1, 2, 3, 5), np.float32)])
        assert numpy(cropped)[0, ..., 0].tolist() == [[0, 1, 2], [4, 5, 6]]


class TestPyramidPooling:
    @pytest.mark.parametrize("bins", [1, 2, 3, 6])
    @pytest.mark.parametrize("length", [1, 2, 5, 6, 40])
    def test_weights_are_averages(self, length: int, bins: int):
        # Also with more cells than positions.
        area, bilinear = _area_weights(length, bins, "float32"), _bilinear_weights(length, bins, "float32")
        assert area.shape == (bins, length)
        assert bilinear.shape == (length, bins)
        for weights in (numpy(area), numpy(bilinear)):
            assert weights.min() >= 0
            np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
        np.testing.assert_allclose(numpy(area).sum(axis=0), bins / length, atol=1e-6)  # none counts more than another

    def test_area_weights_by_hand(self):
        # Three positions in two cells of 1.5: the middle one is shared.
        np.testing.assert_allclose(numpy(_area_weights(3, 2, "float32")), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])

    def test_bilinear_weights_by_hand(self):
        # Four positions at 1/8, 3/8, 5/8, 7/8; two centres at 1/4 and 3/4; beyond the outer ones their value goes on.
        expected = [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
        np.testing.assert_allclose(numpy(_bilinear_weights(4, 2, "float32")), expected)

    @pytest.mark.parametrize("size", [(1, 1), (3, 5), (12, 16)])
    def test_a_constant_stays_constant(self, size: tuple[int, int]):
        layer = PyramidPooling(2)
        x = np.full((1, *size, 4), 0.7, np.float32)
        y = numpy(layer(x))
        assert y.shape == (1, *size, 4 + 8)
        np.testing.assert_array_equal(y[..., :4], x)
        np.testing.assert_allclose(y, np.broadcast_to(y[:, :1, :1], y.shape), atol=1e-5)

    def test_pools_and_lays_back(self):
        layer = PyramidPooling(1, (1, 2))
        layer.build((None, None, None, 1))
        for projection in layer.projections:
            projection.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)])
        x = np.array([[1, 2, 3, 6], [1, 2, 3, 6]], np.float32).reshape(1, 2, 4, 1)
        y = numpy(layer(x))[0]
        np.testing.assert_allclose(y[..., 1], 3, atol=1e-5)  # the mean of all
        # Means 1.5 on the left and 4.5 on the right, 1/4 of the way in between at the middle positions.
        np.testing.assert_allclose(y[..., 2], [[1.5, 2.25, 3.75, 4.5]] * 2, atol=1e-5)

    def test_weights_survive_saving(self, tmp_path):
        image = keras.Input((None, None, 3))
        model = keras.Model(image, PyramidPooling(2)(image))
        model.save_weights(tmp_path / "x.weights.h5")
        again = keras.models.model_from_json(model.to_json())
        again.load_weights(tmp_path / "x.weights.h5")
        x = images(1, 5, 6, 3)
        np.testing.assert_array_equal(numpy(again(x)), numpy(model(x)))


class TestDepthToSpace:
    def test_by_hand(self):
        x = np.arange(8, dtype=np.float32).reshape(1, 1, 2, 4)
        assert numpy(DepthToSpace(2)(x))[0, ..., 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]

    def test_shape(self):
        assert DepthToSpace(4).compute_output_shape((None, None, 6, 64)) == (None, None, 24, 4)


class TestFusedBatchNormalization:
    def pair(self, dtype: str, channels: int = 5) -> tuple[keras.layers.Layer, keras.layers.Layer]:
        rng = np.random.default_rng(1)
        weights = [rng.uniform(0.5, 1.5, channels), rng.normal(size=channels), rng.normal(size=channels)]
        weights.append(rng.uniform(0.5, 1.5, channels))
        layers = (
            FusedBatchNormalization(momentum=0.9, epsilon=1e-3, dtype=dtype),
            keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-3, dtype=dtype),
        )
        for layer in layers:
            layer.build((None, None, None, channels))
            layer.set_weights(weights)
        return layers

    @pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 2, 5), (1, 1, 1, 5)])
    @pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("mixed_bfloat16", 0.05)])
    @pytest.mark.parametrize("training", [True, False])
    def test_equals_keras(self, training: bool, dtype: str, tolerance: float, shape: tuple[int, ...]):
        fused, plain = self.pair(dtype)
        target = images(*shape, seed=2)
        results = []
        for layer in (fused, plain):
            x = tf.Variable(images(*shape) * 3 + 1)
            with tf.GradientTape() as tape:
                y = layer(x, training=training)
                loss = tf.reduce_mean((tf.cast(y, tf.float32) - target) ** 2)
            gradients = tape.gradient(loss, [x, *(v.value for v in layer.trainable_variables)])
            assert keras.backend.standardize_dtype(y.dtype) == layer.compute_dtype
            results.append([numpy(v) for v in (y, *gradients, *layer.weights)])
        for found, expected in zip(*results, strict=True):
            np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)

    def test_moving_statistics_by_hand(self):
        # Values 1 and 3: mean 2, variance 1 (without Bessel's correction). 0.9 * 0 + 0.1 * 2; 0.9 * 1 + 0.1 * 1.
        layer = FusedBatchNormalization(momentum=0.9)
        layer(np.array([1, 3], np.float32).reshape(1, 1, 2, 1), training=True)
        np.testing.assert_allclose(numpy(layer.moving_mean), [0.2], atol=1e-6)
        np.testing.assert_allclose(numpy(layer.moving_variance), [1.0], atol=1e-6)

    def test_frozen_it_uses_and_keeps_the_moving_statistics(self):
        fused, plain = self.pair("float32")
        fused.trainable = plain.trainable = False
        before = [numpy(w) for w in fused.weights]
        x = images(2, 3, 4, 5)
        np.testing.assert_allclose(numpy(fused(x, training=True)), numpy(plain(x, training=True)), atol=1e-5)
        for weight, old in zip(fused.weights, before, strict=True):
            np.testing.assert_array_equal(numpy(weight), old)

    def test_takes_the_weights_of_the_layer_it_replaces(self):
        fused, plain = self.pair("float32")
        assert [(w.name, w.shape) for w in fused.weights] == [(w.name, w.shape) for w in plain.weights]
        assert len(fused.trainable_weights) == 2

    @pytest.mark.parametrize("setting", [{"axis": 1}, {"scale": False}, {"center": False}, {"synchronized": True}])
    def test_refuses_what_it_does_not_do(self, setting: dict[str, Any]):
        with pytest.raises(ValueError, match="only with axis -1"):
            FusedBatchNormalization(**setting)
