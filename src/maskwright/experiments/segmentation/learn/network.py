"""Segmentation networks: a backbone, context, and a decoder that restores the image's resolution.

Every network takes (B, H, W, 3) images of any size with values in [0, 255] (uint8 or float), and returns
(B, H, W, classes) float32 *logits*. Their softmax gives the class probabilities. Losses take logits, which is
numerically safer than taking probabilities.
"""

from typing import Any

import keras
from keras import layers

from maskwright.experiments.segmentation.params import Pyramid, Segmentation
from maskwright.learning.common.layers import CropLike, DepthToSpace
from maskwright.learning.single.training import computing_in
from maskwright.photos.backbones import fast_pyramid, named_pyramid, resnet56v2_pyramid
from maskwright.photos.decoder import decoded, image_input
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Attention, Backbone


def build(settings: Segmentation, number_of_classes: int) -> keras.Model:
    """Build the network that the settings describe.

    Raises:
        MaskwrightError: the backbone is unknown or its weights do not fit.
    """
    attention = settings.attention
    with computing_in(settings.precision):
        if settings.named_backbone is not None:
            return backbone_fcn(settings.named_backbone, number_of_classes, attention=attention)
        if settings.weights is not None:
            raise MaskwrightError("segmentation.weights: belongs to segmentation.backbone, which is null; set both")
        if settings.preset == "fast":
            return fast(number_of_classes, attention=attention)
        return resnet56v2_fcn(number_of_classes, settings.pyramid, attention=attention)


def resnet56v2_fcn(
    number_of_classes: int, pyramid: Pyramid | None = None, *, attention: Attention = "none"
) -> keras.Model:
    """Build the published network: a ResNet56v2 feature pyramid and a fully convolutional head.

    Each further level goes through a 3x3 convolution with `pyramid.filters` filters, batch norm and ReLU, and is
    upsampled bilinearly to 1/4. All levels are concatenated, upsampled by two transposed convolutions with stride 2
    and 256 filters, and classified by a 1x1 convolution.

    The image is padded to multiples of the deepest stride, 4 * 2**levels, so any size works. The published code does
    not pad, and needs such a size: 480x640 is one for 3 levels but not for 4, where the coarsest map is upsampled to
    128 rows and the finest has 120.

    Args:
        number_of_classes: including the background.
        pyramid: the number of further levels, and the filters of each one in the head. In the backbone's pyramid they
            have twice as many. None: 3 levels and 256 filters, as published; with 4 classes there are 11,120,900
            parameters, of which 11,105,892 are trainable.
        attention: see `resnet56v2_pyramid`.
    """
    pyramid = pyramid or Pyramid()
    image, padded = image_input(4 * 2**pyramid.levels)
    finest, *further = resnet56v2_pyramid(
        padded, further_levels=pyramid.levels, filters=2 * pyramid.filters, attention=attention
    )
    levels = [finest]
    for level, x in enumerate(further, start=1):
        x = layers.Conv2D(pyramid.filters, 3, padding="same", kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        levels.append(layers.UpSampling2D(2**level, interpolation="bilinear")(x))
    x = layers.Concatenate()(levels)  # (B, H/4, W/4, 256 + levels * filters)
    for _ in range(2):
        x = layers.Conv2DTranspose(256, 3, strides=2, padding="same", kernel_initializer="he_normal")(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    logits = layers.Conv2D(number_of_classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(image, CropLike(dtype="float32")([logits, image]), name="resnet56v2-fcn")


def fast(number_of_classes: int, *, attention: Attention = "none") -> keras.Model:
    """Build the default network: `fast_pyramid`, PSPNet context at 1/16, a light decoder, a sub-pixel classifier."""
    image, padded = image_input(16)
    return _classified(fast_pyramid(padded, attention=attention), image, number_of_classes, name="fast")


def backbone_fcn(backbone: Backbone, number_of_classes: int, *, attention: Attention = "none") -> keras.Model:
    """Build a named backbone (see `named_pyramid`) with the default network's head."""
    image, padded = image_input(32)
    features = named_pyramid(padded, backbone, section="segmentation", attention=attention)
    return _classified(features, image, number_of_classes, name=f"{backbone.name}-fcn")


def _classified(features: list[Any], image: Any, number_of_classes: int, *, name: str) -> keras.Model:
    """Add the decoder to a backbone's features, and classify."""
    x = decoded(features)
    # Each position at 1/4 predicts its own 4 x 4 pixels, so that nothing is computed at full resolution.
    logits = layers.Conv2D(16 * number_of_classes, 1, name="logits")(x)
    logits = DepthToSpace(4, dtype="float32")(logits)
    return keras.Model(image, CropLike(dtype="float32")([logits, image]), name=name)
