import keras
import numpy as np
import pytest

from maskwright.nn import fcn


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    return {
        "fast": fcn.fast(4),
        "resnet56v2-fcn": fcn.resnet56v2_fcn(4),
        "MobileNetV2-fcn": fcn.application_fcn("MobileNetV2", None, 4),
    }


NAMES = ["fast", "resnet56v2-fcn", "MobileNetV2-fcn"]


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


def test_the_published_network_has_its_size(models: dict[str, keras.Model]):
    model = models["resnet56v2-fcn"]
    assert model.count_params() == 11_120_900
    assert trainable(model) == 11_105_892


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 32)])
def test_any_size_gives_logits_of_that_size(models: dict[str, keras.Model], name: str, size: tuple[int, int]):
    model = models[name]
    assert model.name == name
    assert model.output_shape == (None, None, None, 4)
    images = np.random.default_rng(0).integers(0, 256, (2, *size, 3)).astype(np.uint8)
    logits = np.asarray(model(images))
    assert logits.shape == (2, *size, 4)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert logits.min() < 0  # not probabilities
    np.testing.assert_allclose(logits, np.asarray(model(images.astype(np.float32))), atol=1e-5)


@pytest.mark.parametrize("name", ["fast", "MobileNetV2-fcn"])
def test_padding_repeats_the_border(models: dict[str, keras.Model], name: str):
    # An image that is padded by hand, then cropped, gives the same.
    image = np.random.default_rng(0).uniform(0, 255, (1, 30, 29, 3)).astype(np.float32)
    padded = np.pad(image, ((0, 0), (0, 2), (0, 3), (0, 0)), mode="edge")
    model = models[name]
    np.testing.assert_allclose(np.asarray(model(image)), np.asarray(model(padded))[:, :30, :29], atol=1e-4)


def test_in_bfloat16_weights_and_logits_stay_float32(models: dict[str, keras.Model]):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = fcn.fast(4)
    finally:
        keras.config.set_dtype_policy(previous)
    assert model.count_params() == models["fast"].count_params()
    assert {w.dtype for w in model.weights} == {"float32"}
    assert {layer.compute_dtype for layer in model.layers if isinstance(layer, keras.layers.Conv2D)} == {"bfloat16"}
    logits = np.asarray(model(np.full((1, 17, 5, 3), 200, np.uint8)))
    assert logits.dtype == np.float32
    assert logits.shape == (1, 17, 5, 4)
    assert np.isfinite(logits).all()
