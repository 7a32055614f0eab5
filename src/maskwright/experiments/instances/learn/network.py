"""The network: that of segmentation, with two further heads.

As in Panoptic-DeepLab (Cheng et al. 2020, https://arxiv.org/abs/1911.10194), it says of each pixel which class it
has, how near it is to the centre of an object, and where its own object's centre is. Unlike there, all heads share
one decoder, which takes less time.
"""

from typing import Any, NamedTuple

import keras
import tensorflow as tf
from keras import layers

from maskwright.experiments.instances.params import Instances
from maskwright.learning.common.layers import CropLike, DepthToSpace
from maskwright.learning.single.training import computing_in
from maskwright.photos.backbones import fast_pyramid, named_pyramid
from maskwright.photos.decoder import conv_bn_relu, decoded, image_input
from maskwright.shared.errors import MaskwrightError

FURTHER = 3
"""The outputs of a pixel beside its classes: the heat of a centre, and the offset (down, across) to its own."""

_OFFSET_UNIT = 16.0
"""Pixels: what an output of 1 before scaling stands for, so that offsets are learned as fast as the rest."""


class Outputs(NamedTuple):
    """What the network says of each pixel.

    Attributes:
        logits: (..., H, W, C) of the classes, background first.
        heat: (..., H, W) about 1 at an object's centre, and 0 far from all.
        offsets: (..., H, W, 2) down and across to the centre of the pixel's object, in pixels of the network's input.
    """

    logits: tf.Tensor
    heat: tf.Tensor
    offsets: tf.Tensor


def build(settings: Instances, number_of_classes: int) -> keras.Model:
    """Build the network that the settings describe.

    Returns:
        (B, H, W, 3) images of any size, values in [0, 255] -> (B, H, W, classes + FURTHER) float32; see
        `read_outputs`.

    Raises:
        MaskwrightError: the backbone is unknown or its weights do not fit.
    """
    attention = settings.attention
    with computing_in(settings.precision):
        backbone = settings.named_backbone
        if backbone is not None:
            image, padded = image_input(32)
            features = named_pyramid(padded, backbone, section="instances", attention=attention)
            return _with_heads(features, image, number_of_classes, name=f"{backbone.name}-centres")
        if settings.weights is not None:
            raise MaskwrightError("instances.weights: belongs to instances.backbone, which is null; set both")
        image, padded = image_input(16)
        features = fast_pyramid(padded, attention=attention)
        return _with_heads(features, image, number_of_classes, name="fast-centres")


def read_outputs(outputs: Any) -> Outputs:
    """Take the network's (..., H, W, C + FURTHER) outputs apart."""
    return Outputs(outputs[..., :-FURTHER], outputs[..., -FURTHER], outputs[..., -2:])


def _with_heads(features: list[Any], image: Any, number_of_classes: int, *, name: str) -> keras.Model:
    x = decoded(features)  # (B, H/4, W/4, 64)
    # Each position at 1/4 predicts its own 4 x 4 pixels, so that nothing is computed at full resolution.
    logits = layers.Conv2D(16 * number_of_classes, 1, name="logits")(x)
    # From zero: the errors of random centres would be a hundred times those of none, and Adam's averages would
    # remember them for as long as a short training lasts.
    heat = layers.Conv2D(16, 1, kernel_initializer="zeros", name="heat")(conv_bn_relu(x, 32, 3))
    offsets = layers.Conv2D(32, 1, kernel_initializer="zeros", name="offsets")(conv_bn_relu(x, 32, 3))
    offsets = layers.Rescaling(_OFFSET_UNIT)(offsets)
    pixels = [DepthToSpace(4, dtype="float32")(each) for each in (logits, heat, offsets)]
    outputs = layers.Concatenate(dtype="float32")(pixels)
    return keras.Model(image, CropLike(dtype="float32")([outputs, image]), name=name)
