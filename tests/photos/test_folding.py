from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.photos.folding import fold_batch_norms

X = np.random.default_rng(0).normal(size=(2, 9, 7, 3)).astype(np.float32)


def randomised(model: keras.Model) -> keras.Model:
    """Give a model random weights, and batch norms that change something."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        low, high = (0.5, 2.0) if weight.name in ("gamma", "moving_variance") else (-0.5, 0.5)
        weight.assign(rng.uniform(low, high, weight.shape))
    return model


def frozen(model: keras.Model, *, but: tuple[str, ...] = ()) -> keras.Model:
    for layer in model.layers:
        layer.trainable = layer.name in but
    return model


def names(model: keras.Model) -> list[str]:
    return [layer.name for layer in model.layers]


def assert_same(folded: keras.Model, model: keras.Model, x: Any = X) -> None:
    for training in (False, True):
        results = [keras.tree.flatten(each(x, training=training)) for each in (folded, model)]
        for found, expected in zip(*results, strict=True):
            np.testing.assert_allclose(np.asarray(found), np.asarray(expected), atol=1e-5)


def test_by_hand():
    # Kernel 3 and bias 1; s = 2 / sqrt(0.999 + 0.001) = 2; so kernel 6, and bias 2 (1 - 0.5) + 4 = 5.
    image = keras.Input((None, None, 1))
    x = layers.BatchNormalization(epsilon=0.001)(layers.Conv2D(1, 1, name="conv")(image))
    model = frozen(keras.Model(image, x))
    model.set_weights([np.full((1, 1, 1, 1), 3.0), *(np.array([value]) for value in (1.0, 2.0, 4.0, 0.5, 0.999))])
    kernel, bias = fold_batch_norms(model).get_layer("conv").get_weights()
    np.testing.assert_allclose(kernel, [[[[6.0]]]], rtol=1e-6)
    np.testing.assert_allclose(bias, [5.0], rtol=1e-6)


@pytest.mark.parametrize("norm", [layers.BatchNormalization, FusedBatchNormalization])
@pytest.mark.parametrize("bias", [False, True])
def test_convolutions_and_depthwise_ones(norm: type[layers.BatchNormalization], bias: bool):
    image = keras.Input((None, None, 3), name="image")
    x = layers.ReLU(6.0)(norm(name="n1")(layers.Conv2D(8, 3, 2, padding="same", use_bias=bias, name="c1")(image)))
    y = norm(name="n2")(layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, use_bias=bias, name="c2")(x))
    z = norm(name="n3")(layers.Conv2D(8, 1, use_bias=bias, name="c3")(y))
    model = frozen(randomised(keras.Model(image, [layers.Add()([x, z]), z], name="some")))
    folded = fold_batch_norms(model)
    assert folded.name == "some"
    assert [name for name in names(folded) if name in names(model)] == [n for n in names(model) if n[0] != "n"]
    assert folded.trainable_variables == []
    assert_same(folded, model)


def test_what_is_left_as_it_is():
    image = keras.Input((None, None, 3), name="image")

    def pair(x: Any, name: str, **more: Any) -> Any:
        return layers.BatchNormalization(name=f"{name}_bn")(layers.Conv2D(3, 1, name=name, **more)(x))

    active = pair(image, "active", activation="relu")
    live = pair(image, "live")
    half_live = pair(image, "half_live")
    twice = layers.Conv2D(3, 1, name="twice")(image)
    twice_normed = layers.Add()([twice, layers.BatchNormalization(name="twice_bn")(twice)])
    within = layers.Conv2D(3, 1, name="within")(image)
    inner_image = keras.Input((None, None, 3))
    inner = keras.Model(inner_image, layers.ReLU(name="r")(inner_image), name="inner")
    within_normed = layers.Add()([inner(within), layers.BatchNormalization(name="within_bn")(within)])
    out = layers.Conv2D(3, 1, name="out")(image)
    out_normed = layers.BatchNormalization(name="out_bn")(out)
    before = layers.Conv2D(3, 1, name="after")(layers.BatchNormalization(name="after_bn")(image))
    outputs = [active, live, half_live, twice_normed, within_normed, out, out_normed, before]
    model = frozen(randomised(keras.Model(image, outputs)), but=("live", "live_bn", "half_live"))
    folded = fold_batch_norms(model)
    assert names(folded) == names(model)
    trained = [[v.path for v in each.trainable_variables] for each in (folded, model)]
    assert (
        trained[0]
        == trained[1]
        == ["live/kernel", "live/bias", "half_live/kernel", "half_live/bias", "live_bn/gamma", "live_bn/beta"]
    )
    results = [each(X, training=False) for each in (folded, model)]
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_models_within_the_model():
    inner_image = keras.Input((None, None, 3))
    x = FusedBatchNormalization(name="n")(layers.Conv2D(4, 3, padding="same", use_bias=False, name="c")(inner_image))
    inner = keras.Model(inner_image, [x, layers.ReLU()(x)], name="inner")
    image = keras.Input((None, None, 3), name="image")
    first, second = inner(image)
    y = layers.Conv2D(2, 1, name="last")(layers.Concatenate()([first, second]))
    model = randomised(keras.Model(image, y))
    inner.trainable = False
    folded = fold_batch_norms(model)
    assert "n" not in names(folded.get_layer("inner"))
    assert [v.path for v in folded.trainable_variables] == ["last/kernel", "last/bias"]
    assert_same(folded, model)


def test_computes_in_the_same_precision():
    image = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(4, 3, name="c", use_bias=False, dtype="mixed_bfloat16")(image)
    model = frozen(randomised(keras.Model(image, FusedBatchNormalization(dtype="mixed_bfloat16")(x))))
    convolution = fold_batch_norms(model).get_layer("c")
    assert convolution.compute_dtype == "bfloat16"
    assert {weight.dtype for weight in convolution.weights} == {"float32"}
