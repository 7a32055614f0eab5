import keras
import numpy as np
import pytest

from maskwright.experiments.masked_digits.learn.layers import (
    AppendMaskConv2D,
    MapConv2D,
    MaskedMaxPooling,
    PlainMaskConv2D,
    ScaleByMask,
    SplitMask,
)

SIZES = [(1, 1), (5, 9), (8, 4)]


def numpy(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def masks_of(*shape, seed=1):
    return np.random.default_rng(seed).integers(0, 2, shape).astype(np.float32)


def averaged(masks, stride):
    """(B, M, H, W, 1) -> means over cells of stride x stride; a cell over the edge counts only what is inside."""
    batch, number, height, width, _ = masks.shape
    # "same": the surplus is split between both sides, the larger half after.
    small = np.zeros((batch, number, -(-height // stride), -(-width // stride), 1))
    before = [(-(-side // stride) * stride - side) // 2 for side in (height, width)]
    for y, x in np.ndindex(small.shape[2:4]):
        rows = slice(max(0, y * stride - before[0]), (y + 1) * stride - before[0])
        columns = slice(max(0, x * stride - before[1]), (x + 1) * stride - before[1])
        small[:, :, y, x] = masks[:, :, rows, columns].mean(axis=(2, 3))
    return small


@pytest.mark.parametrize(
    "layer",
    [
        SplitMask(name="split"),
        MapConv2D(3, 5, strides=2, activation="relu", kernel_initializer=keras.initializers.HeNormal(7), name="map"),
        AppendMaskConv2D(3, 5, strides=2, activation="relu", name="append", dtype="mixed_bfloat16"),
        PlainMaskConv2D(3, 5, strides=2, activation="relu", name="plain"),
        ScaleByMask(4, name="scale"),
        MaskedMaxPooling(8, name="pool"),
    ],
    ids=lambda layer: layer.name,
)
def test_config_round_trip(layer):
    stored = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(layer)
    assert keras.saving.serialize_keras_object(again) == stored
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("size", SIZES)
def test_any_size_and_the_symbolic_shape_agrees(size, known, dtype):
    symbolic = keras.Input((*size, 3) if known else (None, None, 3))
    images, masks = SplitMask(dtype=dtype)(symbolic)
    appended = AppendMaskConv2D(4, 3, strides=2, dtype=dtype)([images, masks])
    plain = PlainMaskConv2D(4, 3, strides=2, dtype=dtype)([images, masks])
    mapped = MapConv2D(5, 3, dtype=dtype)(appended)
    scaled = ScaleByMask(2, dtype=dtype)([mapped, masks])
    pooled = MaskedMaxPooling(2, dtype=dtype)([scaled, masks])
    specs = [images, masks, appended, plain, mapped, scaled, pooled, MaskedMaxPooling(dtype=dtype)([mapped])]
    outputs = keras.Model(symbolic, specs)(normal(2, *size, 3))
    for output, spec in zip(outputs, specs, strict=True):
        assert keras.backend.standardize_dtype(output.dtype) == spec.dtype
        assert len(output.shape) == len(spec.shape)
        assert all(expected in (None, side) for side, expected in zip(output.shape, spec.shape, strict=True))
        assert np.isfinite(numpy(output)).all()


def test_split():
    inputs = np.arange(2 * 1 * 2 * 3).reshape(2, 1, 2, 3).astype(np.float32)
    images, masks = SplitMask()(inputs)
    assert numpy(images)[0].tolist() == [[[[0, 1], [3, 4]]]]
    assert numpy(masks)[1].tolist() == [[[[8], [11]]]]


@pytest.mark.parametrize("strides", [1, 2, 4])
@pytest.mark.parametrize("size", SIZES)
def test_convolution_of_each_map_is_that_of_keras(size, strides):
    maps = normal(2, 3, *size, 4)
    layer = MapConv2D(5, 3, strides=strides, activation="relu")
    outputs = numpy(layer(maps))
    layer.bias.assign(normal(5))
    outputs = numpy(layer(maps))
    reference = keras.layers.Conv2D(5, 3, strides, padding="same", activation="relu")
    reference.build((None, *maps.shape[2:]))
    reference.set_weights(layer.get_weights())
    for place in range(3):
        np.testing.assert_allclose(outputs[:, place], numpy(reference(maps[:, place])), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shared", [True, False])
def test_an_appended_mask_is_a_channel(shared):
    images, masks = normal(2, 1, 6, 7, 3), masks_of(1 if shared else 2, 4, 6, 7, 1)
    layer = AppendMaskConv2D(5, 3, strides=2, activation="relu")
    layer([images, masks])
    kernel, mask_kernel, bias = normal(3, 3, 3, 5), normal(3, 3, 1, 5, seed=3), normal(5, seed=4)
    assert not numpy(layer.mask_kernel).any()
    for weight, values in ((layer.kernel, kernel), (layer.mask_kernel, mask_kernel), (layer.bias, bias)):
        weight.assign(values)
    outputs = numpy(layer([images, masks]))
    reference = keras.layers.Conv2D(5, 3, 2, padding="same", activation="relu")
    reference.build((None, 6, 7, 4))
    reference.set_weights([np.concatenate([kernel, mask_kernel], axis=2), bias])
    for image in range(2):
        for place in range(4):
            mask = masks[0 if shared else image, place]
            appended = np.concatenate([images[image, 0], mask - 1], axis=-1)[None]
            expected = numpy(reference(appended))[0]
            np.testing.assert_allclose(outputs[image, place], expected, rtol=1e-4, atol=1e-5)


def test_a_plain_mask_is_one_more_channel():
    images, masks = normal(2, 1, 6, 7, 3), masks_of(2, 4, 6, 7, 1)
    layer = PlainMaskConv2D(5, 3, strides=2, activation="relu")
    outputs = numpy(layer([images, masks]))
    reference = keras.layers.Conv2D(5, 3, 2, padding="same", activation="relu")
    reference.build((None, 6, 7, 4))
    reference.set_weights(layer.get_weights())
    for place in range(4):
        appended = np.concatenate([images[:, 0], masks[:, place]], axis=-1)
        np.testing.assert_allclose(outputs[:, place], numpy(reference(appended)), rtol=1e-4, atol=1e-5)
    # The mask's weights are drawn as those of the image: Glorot's bound is sqrt(6 / (9 x 4 + 9 x 5)) = 0.272.
    drawn = numpy(layer.kernel)[:, :, -1]
    assert 0.2 < np.abs(drawn).max() < 0.2722


@pytest.mark.parametrize(("size", "stride"), [((8, 12), 4), ((7, 9), 2), ((7, 5), 4), ((6, 6), 1)])
def test_scaling_and_pooling_by_hand(size, stride):
    masks = masks_of(2, 3, *size, 1)
    small = averaged(masks, stride)
    features = np.abs(normal(2, 1, *small.shape[2:4], 5))
    scaled = numpy(ScaleByMask(stride)([features, masks]))
    np.testing.assert_allclose(scaled, features * small, rtol=1e-5, atol=1e-6)
    pooled = numpy(MaskedMaxPooling(stride)([features, masks]))
    np.testing.assert_allclose(pooled, (features * small).max(axis=(2, 3)), rtol=1e-5, atol=1e-6)
    plain = numpy(MaskedMaxPooling(stride)([features]))
    np.testing.assert_allclose(plain, features.max(axis=(2, 3)), rtol=1e-6)


def test_what_lies_outside_the_mask_does_not_count():
    masks = np.zeros((1, 1, 8, 8, 1), np.float32)
    masks[:, :, 4:, :4] = 1
    features = np.abs(normal(1, 1, 4, 4, 3))
    changed = np.abs(normal(1, 1, 4, 4, 3, seed=5)) + 100
    changed[:, :, 2:, :2] = features[:, :, 2:, :2]
    assert (features != changed).sum() == 12 * 3
    pool, scale = MaskedMaxPooling(2), ScaleByMask(2)
    np.testing.assert_array_equal(numpy(pool([features, masks])), numpy(pool([changed, masks])))
    np.testing.assert_array_equal(numpy(scale([features, masks])), numpy(scale([changed, masks])))
    assert (numpy(pool([features])) != numpy(pool([changed]))).all()
