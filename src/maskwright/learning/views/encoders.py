"""Encoders that learn without labels: networks that turn a view of an image into features."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import keras
from keras import layers

from maskwright.learning.common.determinism import layer_seed
from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.learning.replicates.fitting import stacked


class Encoder(NamedTuple):
    """The architecture of an encoder.

    Attributes:
        convolutions: filters, kernel size and stride of each convolution.
        pooled: whether max pooling by 2 follows each convolution but the last.
        biased: whether convolutions have a bias. Batch normalisation subtracts it again, so it has no effect.
    """

    convolutions: tuple[tuple[int, int, int], ...]
    pooled: bool
    biased: bool = False


ENCODERS: Mapping[str, Encoder] = MappingProxyType(
    {
        "vgg-f": Encoder(((64, 3, 1), (128, 3, 1), (256, 3, 1), (512, 3, 1)), pooled=True, biased=True),
        "vgg-f-quarter": Encoder(((16, 3, 1), (32, 3, 1), (64, 3, 1), (128, 3, 1)), pooled=True),
        "fast": Encoder(((16, 4, 2), (32, 3, 2), (64, 3, 2), (128, 3, 1)), pooled=False),
    }
)
"""The presets.

`vgg-f` is the F of the book's code, 64-M-128-M-256-M-512. `vgg-f-quarter` has a quarter of its filters. `fast` has
the filters of `vgg-f-quarter`, and strides in place of pooling.
"""

_BN_MOMENTUM = 0.9


def encode(images: Any, preset: str, seed: int, precision: str = "float32") -> Any:
    """Return flat features of images: (B, H, W, C) -> (B, F).

    Each convolution is padded, and is followed by batch normalisation, pooling (if the preset pools), and ReLU.

    Args:
        images: images with sides of at least 8 pixels.
        preset: a key of `ENCODERS`.
        seed: seed of the initial weights.
        precision: "float32" or "bfloat16" arithmetic; weights and statistics are float32 in either case.
    """
    x = images
    dtype = "mixed_bfloat16" if precision == "bfloat16" else precision
    convolutions, pooled, biased = ENCODERS[preset]
    for place, (filters, kernel, stride) in enumerate(convolutions):
        initial: Any = keras.initializers.HeNormal(seed=layer_seed(seed, place))
        x = layers.Conv2D(
            filters,
            kernel,
            stride,
            "same",
            use_bias=biased,
            kernel_initializer=initial,
            dtype=dtype,
            name=f"convolution_{place}",
        )(x)
        x = FusedBatchNormalization(momentum=_BN_MOMENTUM, dtype=dtype, name=f"normalisation_{place}")(x)
        if pooled and place < len(convolutions) - 1:
            # Pooling before ReLU gives the same result as after it, and leaves ReLU a quarter of the work.
            x = layers.MaxPooling2D(2, dtype=dtype, name=f"pool_{place + 1}")(x)
        x = layers.ReLU(dtype=dtype, name=f"relu_{place}")(x)
    return layers.Flatten(dtype=dtype, name="flatten")(x)


def together(networks: list[keras.Model], shape: tuple[int, int, int], name: str) -> keras.Model:
    """Combine networks that take views into one network that takes images.

    Args:
        networks: R models (B, V, V, C) -> (B, ...) with equal shapes.
        shape: (H, H, C), the shape of the images.
        name: name of the combined model.

    Returns:
        (B, H, H, C), from 0 to 1 -> (B, R, ...), the outputs for the middle of the images.
    """
    images = keras.Input(shape, name="images")
    first: Any = networks[0]
    margin = (shape[0] - first.input_shape[1]) // 2
    views = layers.Cropping2D(margin, name="middle")(images)
    outputs = [network(views) for network in networks]
    return keras.Model(images, stacked(outputs), name=name)
