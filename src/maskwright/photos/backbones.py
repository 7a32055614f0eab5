"""Backbones: networks that turn an image into a list of feature maps, finest first.

Each function takes a (B, H, W, 3) float tensor of values in [0, 255], with H and W multiples of its deepest stride,
and returns the maps. All use Keras's functional API, so that `model.summary()` shows every layer.
"""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import keras
from keras import layers

from maskwright.learning.common.attention import attend
from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.photos.folding import fold_batch_norms
from maskwright.photos.pretrained import LITE, freeze, lite_network, load_imagenet
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Attention, Backbone

L2 = 1e-4
"""Weight decay of the published backbone's convolutions."""

BN_MOMENTUM = 0.9
"""Momentum of the default network's batch norms. Keras's 0.99 still remembers the first steps at the end of a short
training."""


def resnet56v2_pyramid(
    image: Any, *, n: int = 6, further_levels: int = 3, filters: int = 512, attention: Attention = "none"
) -> list[Any]:
    """Return the feature pyramid of the published ResNet v2: strides 4, 8, 16, 32, ...

    ResNet v2 with bottleneck blocks (He et al. 2016, https://arxiv.org/abs/1603.05027) of depth 9n + 2: a first
    convolution of 16 filters at full resolution and three stages of n blocks with 64, 128 and 256 output
    channels, strides 1, 2, 2. The further levels are an average pool and then 3x3 stride-2 convolutions with
    `filters` filters. By default, for a 480x640 image: (120, 160, 256), (60, 80, 256), (30, 40, 512), (15, 20, 512),
    and 5,215,232 parameters.

    An attention (see `attention.attend`) is put at the end of each block, before the sum, as in its paper.
    """
    x = layers.Rescaling(1 / 255)(image)
    x = _conv_bn_relu(x, 16, 3, l2=L2)
    bottleneck, width = 16, 64
    for stage in range(3):
        for block in range(n):
            strides = 2 if stage > 0 and block == 0 else 1
            y = x if stage == 0 and block == 0 else _bn_relu(x)
            y = _conv(y, bottleneck, 1, strides, l2=L2)
            y = _conv(_bn_relu(y), bottleneck, 3, l2=L2)
            y = attend(_conv(_bn_relu(y), width, 1, l2=L2), attention)
            if block == 0:
                x = _conv(x, width, 1, strides, l2=L2)
            x = layers.Add()([x, y])
        bottleneck, width = width, width * 2
    x = _bn_relu(x)  # (B, H/4, W/4, 256)
    features = [x]
    for level in range(further_levels):
        x = layers.AveragePooling2D(2)(x) if level == 0 else _conv_bn_relu(x, filters, 3, 2, l2=L2)
        features.append(x)
    return features


def fast_pyramid(
    image: Any,
    *,
    stem: int = 32,
    widths: tuple[int, ...] = (64, 128, 256),
    blocks: tuple[int, ...] = (1, 2, 2),
    attention: Attention = "none",
) -> list[Any]:
    """Return the feature pyramid of the default preset: strides 4, 8, 16.

    The network has a stem of stride 2, and at each further stride a convolution and a few basic residual blocks (He
    et al. 2016). Only the stem works at more than a quarter of the resolution. The 3x3 convolutions are few and wide,
    with multiples of 64 channels: on a CPU every operation costs about a millisecond, and only wide ones come close
    to the processor's peak. An attention is put at the end of each residual block, before the sum.
    """
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(image)
    x = _fast_conv(x, stem, strides=2)  # (B, H/2, W/2, stem)
    features = []
    for width, count in zip(widths, blocks, strict=True):
        x = _fast_conv(x, width, strides=2)
        for _ in range(count):
            y = _conv(_fast_conv(x, width), width, 3, bias=False)
            # Each block starts as the identity, which keeps the first steps at a high learning rate stable.
            y = FusedBatchNormalization(momentum=BN_MOMENTUM, gamma_initializer="zeros")(y)
            x = layers.ReLU()(layers.Add()([x, attend(y, attention)]))
        features.append(x)
    return features


def named_pyramid(image: Any, backbone: Backbone, *, section: str, attention: Attention = "none") -> list[Any]:
    """Return the feature maps, strides 4, 8, 16 and 32, of the network that `backbone` in params.yaml names.

    The network is one layer of the model, with this name; see `lite_pyramid` and `application_pyramid`.
    """
    name, weights, frozen = backbone
    if name in LITE:
        return lite_pyramid(image, name, weights, section=section, attention=attention, frozen=frozen)
    return application_pyramid(image, name, weights, section=section, attention=attention)


def lite_pyramid(
    image: Any,
    name: str,
    weights: str | None,
    *,
    section: str,
    attention: Attention = "none",
    frozen: int = 0,
) -> list[Any]:
    """Return the feature maps of an EfficientNet-Lite; see `pretrained.lite_network`.

    Args:
        image: (B, H, W, 3) in [0, 255].
        name: lite0, lite1 or lite2.
        weights: `imagenet` (from a package, without a download), the path of a `.weights.h5` file, or None for random
            ones.
        section: the section of params.yaml that asks for it, for messages.
        attention: applied to each of the four maps.
        frozen: number of stages whose weights stay as they are; see `pretrained.freeze`. Their batch norms are folded
            into the convolutions, which gives the same maps in less time.

    Raises:
        MaskwrightError: the weights are missing or do not fit.
    """
    _check_weights(weights, section)
    network = lite_network(name, momentum=BN_MOMENTUM)
    if weights == "imagenet":
        load_imagenet(network, section=section)
    elif weights is not None:
        try:
            with _strict_loading():
                network.load_weights(weights)
        except Exception as error:  # of whatever kind the file's mistake is
            raise _misfit(error, name, weights, section) from None
    if frozen:
        freeze(network, frozen)
        network = fold_batch_norms(network)
    return [attend(x, attention) for x in network(image)]


def backbone_variables(model: keras.Model, backbone: Backbone | None) -> list[Any]:
    """Return the trainable variables of the backbone that `named_pyramid` put into a model; none of None."""
    return [] if backbone is None else model.get_layer(backbone.name).trainable_variables


def application_pyramid(
    image: Any, name: str, weights: str | None, *, section: str, attention: Attention = "none"
) -> list[Any]:
    """Return the last feature map at each of the strides 4, 8, 16, 32 of a `keras.applications` network.

    Args:
        image: (B, H, W, 3) in [0, 255]; the network's own preprocessing is applied.
        name: as in `keras.applications`, for example `MobileNetV2` or `EfficientNetV2B0`.
        weights: `imagenet` (downloaded by Keras), the path of a `.weights.h5` file, or None for random ones.
        section: the section of params.yaml that asks for it, for messages.
        attention: applied to each of the four maps. The network itself does not change, so that its weights fit.

    Raises:
        MaskwrightError: the name is unknown or lacks one of the strides, or the weights are missing or do not fit.
    """
    constructor, preprocess = _application(name, section)
    network = _network(constructor, name, weights, section)
    maps = [layer.output for layer in network.layers[1:] if _is_map(layer)]
    sides: list[int | None] = [None] * len(maps)
    with suppress(ValueError):  # NASNet accepts only certain sizes
        sides = [shape[1] for shape in keras.Model(network.inputs, maps).compute_output_shape((1, 256, 256, 3))]
    last: dict[int, Any] = {
        256 // side: tensor for side, tensor in zip(sides, maps, strict=True) if side and 256 % side == 0
    }
    strides = (4, 8, 16, 32)
    if not all(stride in last for stride in strides):
        raise MaskwrightError(
            f"{section}.backbone: {name} has no feature maps at each of the strides 4, 8, 16 and 32; choose "
            "another, for example MobileNetV2 or EfficientNetV2B0"
        )
    features = keras.Model(network.inputs, [last[stride] for stride in strides], name=name)
    return [attend(x, attention) for x in features(preprocess(image))]


def _application(name: str, section: str) -> tuple[Callable[..., keras.Model], Callable[[Any], Any]]:
    applications = keras.applications
    constructors = sorted(
        entry for entry in dir(applications) if entry[0].isupper() and callable(getattr(applications, entry))
    )
    if name not in constructors:
        raise MaskwrightError(f"{section}.backbone: {name} is not one of: {', '.join((*LITE, *constructors))}")
    constructor = getattr(applications, name)
    return constructor, sys.modules[constructor.__module__].preprocess_input


def _network(constructor: Callable[..., keras.Model], name: str, weights: str | None, section: str) -> keras.Model:
    _check_weights(weights, section)
    try:
        with _strict_loading():
            # Some constructors warn about the image's size, but the weights of a convolution do not depend on it.
            warnings.filterwarnings("ignore", message="`input_shape` is undefined or non-square")
            return constructor(include_top=False, weights=weights, input_shape=(None, None, 3))
    except Exception as error:  # a failed download is a bare Exception
        if weights == "imagenet":
            raise MaskwrightError(
                f"{section}.weights: Keras cannot load the imagenet weights of {name} ({_short(error)}); check the "
                "connection, or give a weights file"
            ) from None
        raise _misfit(error, name, weights, section) from None


def _check_weights(weights: str | None, section: str) -> None:
    if weights not in (None, "imagenet") and not Path(weights).is_file():
        raise MaskwrightError(f"{section}.weights: {weights}: no such file; give imagenet, null or a weights file")


@contextmanager
def _strict_loading() -> Iterator[None]:
    with warnings.catch_warnings():
        # Keras only warns about a file that lacks a layer.
        warnings.filterwarnings("error", message="Skipping nested container")
        yield


def _misfit(error: Exception, name: str, weights: str | None, section: str) -> MaskwrightError:
    return MaskwrightError(f"{section}.weights: {weights} does not fit {name}: {_short(error)}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _is_map(layer: keras.layers.Layer) -> bool:
    output = layer.output
    return not isinstance(output, list) and len(output.shape) == 4


def _conv(x: Any, filters: int, kernel: int, strides: int = 1, *, bias: bool = True, l2: float = 0.0) -> Any:
    return layers.Conv2D(
        filters,
        kernel,
        strides,
        padding="same",
        use_bias=bias,
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
    )(x)


def _fast_conv(x: Any, filters: int, *, strides: int = 1) -> Any:
    return layers.ReLU()(FusedBatchNormalization(momentum=BN_MOMENTUM)(_conv(x, filters, 3, strides, bias=False)))


def _bn_relu(x: Any) -> Any:
    return layers.ReLU()(layers.BatchNormalization()(x))


def _conv_bn_relu(x: Any, filters: int, kernel: int, strides: int = 1, *, l2: float = 0.0) -> Any:
    return _bn_relu(_conv(x, filters, kernel, strides, l2=l2))
