"""Single-shot detectors: a backbone, feature maps of several strides, and two convolutions on each.

They follow SSD (Liu et al. 2016, https://arxiv.org/abs/1512.02325). Every network takes (B, H, W, 3) images with
values in [0, 255] (uint8 or float) and a fixed size. It returns (B, A, C + 4) float32: for each anchor, in the order
of `anchors.make_anchors`, the logits of the C classes, background first, and four offsets.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import layers

from maskwright.experiments.detection.learn.anchors import SHAPES
from maskwright.experiments.detection.params import Detection
from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.learning.single.training import computing_in
from maskwright.photos.backbones import BN_MOMENTUM, fast_pyramid, named_pyramid, resnet56v2_pyramid
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Attention, Backbone

OBJECT_SHARE = 0.03
"""Initial probability of an object at an anchor. Nearly all anchors are background (RetinaNet, Lin et al. 2017)."""


def build(settings: Detection, number_of_classes: int) -> keras.Model:
    """Return the network that the settings describe.

    It takes (B, H, W, 3) images in [0, 255], of `settings.sides`, and returns (B, A, number_of_classes + 4) float32.

    Raises:
        MaskwrightError: the backbone is unknown or its weights do not fit.
    """
    with computing_in(settings.precision):
        if settings.named_backbone is not None:
            return backbone_ssd(
                settings.named_backbone, settings.sides, number_of_classes, attention=settings.attention
            )
        if settings.weights is not None:
            raise MaskwrightError("detection.weights: belongs to detection.backbone, which is null; set both")
        network = fast if settings.preset == "fast" else resnet56v2_ssd
        return network(settings.sides, number_of_classes, attention=settings.attention)


def resnet56v2_ssd(size: tuple[int, int], number_of_classes: int, *, attention: Attention = "none") -> keras.Model:
    """Build the published detector.

    The last map of the ResNet56v2, with a stride of 4, goes through average pooling by 4 and then through 3x3
    convolutions of stride 2 with 64, 128 and 256 filters, each with batch norm and ReLU. The four maps have the
    strides 16, 32, 64 and 128. There are 2,392,384 parameters for 4 classes, and 6,400 anchors at 480x640.
    """
    image = keras.Input((*size, 3), name="image")
    (x,) = resnet56v2_pyramid(image, further_levels=0, attention=attention)
    maps = [layers.AveragePooling2D(4, padding="same")(x)]
    for filters in (64, 128, 256):
        x = layers.Conv2D(filters, 3, 2, padding="same", kernel_initializer="he_normal")(maps[-1])
        maps.append(layers.ReLU()(layers.BatchNormalization()(x)))
    return with_heads(image, maps, number_of_classes, "resnet56v2-ssd")


def fast(size: tuple[int, int], number_of_classes: int, *, attention: Attention = "none") -> keras.Model:
    """Build the default detector: `fast_pyramid`'s maps at 1/8 and 1/16, and two coarser ones.

    The coarser maps see the whole image, but the finer ones do not. The finer maps therefore get the features of the
    coarser ones (feature pyramid, Lin et al. 2017, https://arxiv.org/abs/1612.03144).
    """
    image = keras.Input((*size, 3), name="image")
    features = fast_pyramid(image, attention=attention)[1:]
    return with_heads(image, _merged(features), number_of_classes, "fast-ssd")


def backbone_ssd(
    backbone: Backbone, size: tuple[int, int], number_of_classes: int, *, attention: Attention = "none"
) -> keras.Model:
    """Build a named backbone (see `named_pyramid`) with the default detector's heads."""
    image = keras.Input((*size, 3), name="image")
    try:
        features = named_pyramid(image, backbone, section="detection", attention=attention)[1:]
    except ValueError:
        height, width = size
        raise MaskwrightError(
            f"detection.size: {height} x {width} pixels is too small for {backbone.name}; enlarge it"
        ) from None
    return with_heads(image, _merged(features, levels=4), number_of_classes, f"{backbone.name}-ssd")


def feature_maps(model: keras.Model) -> list[tuple[int, int]]:
    """Return the rows and columns of each map from which a network of this module predicts, finest map first."""
    heads = [layer for layer in model.layers if layer.name.startswith("offsets_")]
    shapes: list[Any] = [layer.output.shape for layer in sorted(heads, key=lambda layer: int(layer.name[8:]))]
    return [(rows, columns) for _, rows, columns, _ in shapes]


def _merged(features: list[Any], *, levels: int = 4, width: int = 128) -> list[Any]:
    """Append coarser maps until there are `levels` maps, and add each, enlarged, to the next finer one."""
    maps = list(features)
    while len(maps) < levels:
        maps.append(_conv_bn_relu(maps[-1], width, 3, 2))
    x = _conv_bn_relu(maps[-1], width, 1)
    merged = [x]
    for feature in reversed(maps[:-1]):
        rows, columns = feature.shape[1:3]
        x: Any = layers.UpSampling2D(2)(x)
        # The next coarser map of one with an odd number of rows has half as many, rounded up.
        x = layers.Cropping2D(((0, x.shape[1] - rows), (0, x.shape[2] - columns)))(x)
        x = _conv_bn_relu(layers.Add()([x, _conv_bn_relu(feature, width, 1)]), width, 3)
        merged.append(x)
    return merged[::-1]


def with_heads(image: Any, maps: list[Any], number_of_classes: int, name: str) -> keras.Model:
    """Predict from each map, finest first: a 3x3 convolution for the classes and one for the offsets."""
    # With a bias of 0 for the background, the classes together have the probability OBJECT_SHARE.
    bias: Any = ClassBias(math.log(OBJECT_SHARE / (1 - OBJECT_SHARE) / max(1, number_of_classes - 1)))
    levels = []
    for level, x in enumerate(maps):
        logits = layers.Conv2D(
            SHAPES * number_of_classes,
            3,
            padding="same",
            dtype="float32",
            bias_initializer=bias,
            name=f"classes_{level}",
        )(x)
        offsets = layers.Conv2D(SHAPES * 4, 3, padding="same", dtype="float32", name=f"offsets_{level}")(x)
        logits = layers.Reshape((-1, number_of_classes), dtype="float32")(logits)  # (B, rows * columns * 4, C)
        offsets = layers.Reshape((-1, 4), dtype="float32")(offsets)
        levels.append(layers.Concatenate(dtype="float32")([logits, offsets]))
    outputs = layers.Concatenate(axis=1, dtype="float32", name="predictions")(levels)
    return keras.Model(image, outputs, name=name)


@keras.saving.register_keras_serializable("maskwright")
class ClassBias(keras.initializers.Initializer):
    """Initial biases for the logits of `SHAPES` anchors: 0 for the background, `value` for all other classes."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return (SHAPES * C,) biases."""
        bias = np.full((SHAPES, shape[0] // SHAPES), self.value)
        bias[:, 0] = 0
        return keras.ops.convert_to_tensor(bias.reshape(shape), dtype)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {"value": self.value}


def _conv_bn_relu(x: Any, filters: int, kernel: int, strides: int = 1) -> Any:
    x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU()(FusedBatchNormalization(momentum=BN_MOMENTUM)(x))
