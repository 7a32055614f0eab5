"""What networks that say something of every pixel share: their input, and the decoder behind a backbone."""

from typing import Any

import keras
from keras import layers

from maskwright.learning.common.layers import FusedBatchNormalization, PadToStride, PyramidPooling
from maskwright.photos.backbones import BN_MOMENTUM


def image_input(stride: int) -> tuple[Any, Any]:
    """Return an input for (B, H, W, 3) images of any size, and the images padded to multiples of `stride`."""
    image = keras.Input((None, None, 3), name="image")
    return image, PadToStride(stride)(image)


def decoded(features: list[Any]) -> Any:
    """Add context to the coarsest of `features` (strides 4, 8, ...), and merge them down: (B, H/4, W/4, 64).

    The context is that of PSPNet, see `PyramidPooling`.
    """
    x = PyramidPooling(64)(features[-1])
    for level, feature in reversed(list(enumerate(features[:-1]))):
        width = 64 if level == 0 else 128
        x = layers.UpSampling2D(2, interpolation="bilinear")(conv_bn_relu(x, width, 1))
        x = conv_bn_relu(layers.Concatenate()([x, conv_bn_relu(feature, 64, 1)]), width, 3)
    return x


def conv_bn_relu(x: Any, filters: int, kernel: int) -> Any:
    """Apply a convolution, batch norm and ReLU; sides stay as they are."""
    x = layers.Conv2D(filters, kernel, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return layers.ReLU()(FusedBatchNormalization(momentum=BN_MOMENTUM)(x))
