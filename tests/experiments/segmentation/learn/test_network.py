import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.segmentation.learn import network as fcn
from maskwright.experiments.segmentation.params import Pyramid
from maskwright.learning.common.layers import PadToStride
from maskwright.learning.common.saved import load_model, save_model
from maskwright.learning.single.training import strategy
from maskwright.photos import pretrained
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Backbone
from support.tiny_segmentation import tiny_settings


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    keras.utils.set_random_seed(0)
    return {
        "fast": fcn.fast(4),
        "resnet56v2-fcn": fcn.resnet56v2_fcn(4),
        "MobileNetV2-fcn": fcn.backbone_fcn(Backbone("MobileNetV2", None, 0), 4),
        "lite0-fcn": fcn.backbone_fcn(Backbone("lite0", "imagenet", 0), 4),
    }


NAMES = ["fast", "resnet56v2-fcn", "MobileNetV2-fcn", "lite0-fcn"]


def trainable(model: keras.Model) -> int:
    return sum(int(np.prod(w.shape)) for w in model.trainable_weights)


# A k x k convolution from m to n channels has k k m n + n parameters, and its batch norm 4 n. The ResNet has so many:
RESNET = 1_671_168


def test_the_published_network_has_its_size(models: dict[str, keras.Model]):
    model = models["resnet56v2-fcn"]
    # The levels of the backbone start at 256, 256 and 512 channels, and the first one is only pooled.
    backbone = (9 * 256 * 512 + 512 + 2_048) + (9 * 512 * 512 + 512 + 2_048)  # 3,544,064
    head = (9 * 256 * 256 + 256 + 1_024) + 2 * (9 * 512 * 256 + 256 + 1_024)  # 2,952,960
    # Upsampled from the 256 channels of the ResNet and 256 of each level.
    upsampling = (9 * 1_024 * 256 + 256 + 1_024) + (9 * 256 * 256 + 256 + 1_024)  # 2,951,680
    classifier = 256 * 4 + 4
    assert model.count_params() == 11_120_900 == RESNET + backbone + head + upsampling + classifier
    assert trainable(model) == 11_105_892


def test_half_the_filters():
    backbone = 2 * (9 * 256 * 256 + 256 + 1_024)  # 1,182,208
    head = 3 * (9 * 256 * 128 + 128 + 512)  # 886,656
    upsampling = (9 * 640 * 256 + 256 + 1_024) + (
        9 * 256 * 256 + 256 + 1_024
    )  # 2,066,944, from 256 + 3 * 128 channels
    model = fcn.resnet56v2_fcn(4, Pyramid(filters=128))
    assert model.count_params() == 5_808_004 == RESNET + backbone + head + upsampling + 256 * 4 + 4


def test_four_levels():
    model = fcn.resnet56v2_fcn(4, Pyramid(levels=4))
    # One more convolution in the backbone, one more in the head, and 256 more channels to upsample.
    more = (9 * 512 * 512 + 512 + 2_048) + (9 * 512 * 256 + 256 + 1_024) + 9 * 256 * 256  # 4,132,608
    assert model.count_params() == 15_253_508 == 11_120_900 + more
    # Any size works: 96 rows are padded to 128, the next multiple of 64.
    (pad,) = (layer for layer in model.layers if isinstance(layer, PadToStride))
    assert pad.compute_output_shape((1, 96, 128, 3)) == (1, 128, 128, 3)
    assert np.asarray(model(np.zeros((1, 65, 40, 3), np.float32))).shape == (1, 65, 40, 4)


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
    assert not np.isclose(logits.sum(axis=-1), 1).all()  # not probabilities
    np.testing.assert_allclose(logits, np.asarray(model(images.astype(np.float32))), atol=1e-5)


@pytest.mark.parametrize("name", ["fast", "MobileNetV2-fcn", "lite0-fcn"])
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


def test_a_pretrained_network_is_stored_whole(
    models: dict[str, keras.Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model = models["lite0-fcn"]
    save_model(model, {}, tmp_path / "model")
    # Neither the package nor its file is needed again.
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    monkeypatch.setattr(pretrained, "read_tensors", None)
    loaded, _ = load_model(tmp_path / "model")
    images = np.random.default_rng(0).uniform(0, 255, (1, 40, 50, 3)).astype(np.float32)
    np.testing.assert_array_equal(np.asarray(loaded(images)), np.asarray(model(images)))


class TestBuild:
    @pytest.mark.parametrize(("precision", "compute"), [("float32", "float32"), ("bfloat16", "bfloat16")])
    def test_precision(self, precision: str, compute: str):
        model = fcn.build(tiny_settings(precision=precision), 3)
        assert model.output_shape == (None, None, None, 3)
        assert model.name == "fast"
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert {layer.compute_dtype for layer in convolutions} == {compute}
        assert keras.config.dtype_policy().name == "float32"

    def test_presets(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fcn, "resnet56v2_fcn", lambda *arguments, attention: (*arguments, attention))
        assert fcn.build(tiny_settings(preset="resnet56v2-fcn"), 4) == (4, Pyramid(), "none")
        chosen = tiny_settings(preset="resnet56v2-fcn", pyramid={"levels": 4, "filters": 64}, attention="cbam")
        assert fcn.build(chosen, 4) == (4, Pyramid(levels=4, filters=64), "cbam")

    def test_backbone(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(fcn, "backbone_fcn", lambda *arguments, attention: (*arguments, attention))
        assert fcn.build(tiny_settings(backbone="VGG16"), 4) == (Backbone("VGG16", None, 0), 4, "none")
        chosen = tiny_settings(backbone="VGG16", weights="imagenet", attention="spatial")
        assert fcn.build(chosen, 4) == (Backbone("VGG16", "imagenet", 0), 4, "spatial")
        chosen = tiny_settings(preset="pretrained", backbone="lite2", weights="mine.weights.h5", frozen=2)
        assert fcn.build(chosen, 4) == (Backbone("lite2", "mine.weights.h5", 2), 4, "none")
        assert fcn.build(tiny_settings(preset="pretrained"), 4) == (Backbone("lite0", "imagenet", 0), 4, "none")

    def test_weights_belong_to_a_backbone(self):
        with pytest.raises(MaskwrightError, match=r"segmentation.weights: belongs to segmentation.backbone"):
            fcn.build(tiny_settings(weights="imagenet", precision="bfloat16"), 4)
        assert keras.config.dtype_policy().name == "float32"

    def test_strategy(self):
        assert strategy([]).num_replicas_in_sync == 1
        assert strategy(["GPU:0"]) is tf.distribute.get_strategy()

    @pytest.mark.slow
    def test_the_published_network_trains_deterministically(self):
        # Its operations that no other network here has: upsampling and transposed convolutions, forward and back.
        code = (
            "import numpy as np, tensorflow as tf\n"
            "from maskwright.learning.common.determinism import make_deterministic\n"
            "from maskwright.experiments.segmentation.learn.network import resnet56v2_fcn\n"
            "make_deterministic(0)\n"
            "model = resnet56v2_fcn(2)\n"
            "def gradient():\n"
            "    with tf.GradientTape() as tape:\n"
            "        loss = tf.reduce_mean(model(np.ones((1, 32, 32, 3), np.float32), training=False) ** 2)\n"
            "    return [g.numpy() for g in tape.gradient(loss, [v.value for v in model.trainable_variables])]\n"
            "first = gradient()\n"
            "assert len(first) > 200\n"
            "assert all((a == b).all() for a, b in zip(first, gradient(), strict=True))\n"
        )
        env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
