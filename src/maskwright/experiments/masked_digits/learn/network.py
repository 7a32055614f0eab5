"""The networks of the masked digits."""

from typing import Any

import keras

from maskwright.experiments.masked_digits.learn.layers import (
    AppendMaskConv2D,
    MapConv2D,
    MaskedMaxPooling,
    PlainMaskConv2D,
    ScaleByMask,
    SplitMask,
)
from maskwright.experiments.masked_digits.params import SINGLE, MaskedDigits
from maskwright.learning.common.determinism import layer_seed
from maskwright.shared.datasets import DIGIT_CLASSES

CONVOLUTIONS = ((7, 4, 16), (4, 2, 24), (3, 1, 48))
"""Kernel size, stride and filters of each convolution."""

_FIRST = {
    "plain_channel": PlainMaskConv2D,
    "channel": AppendMaskConv2D,
    "random": AppendMaskConv2D,
    SINGLE: AppendMaskConv2D,
}
"""For each variant whose mask is appended to the image, its first convolution."""


def build(settings: MaskedDigits, variant: str) -> keras.Model:
    """Return all seeds' networks as one: image and mask (B, H, W, 2), from 0 to 1, any size -> (B, R, 10) logits."""
    return together([network(variant, settings.seed + number) for number in range(settings.seeds)], variant)


def network(variant: str, seed: int) -> keras.Model:
    """Return one seed's network, which takes several masks for an image.

    It has three convolutions with ReLU, global max pooling, layer normalisation, and a dense layer. The variant
    determines where the mask enters:

    - `plain_channel`: the mask is appended to the image as it is, 0 and 1, with ordinary initial weights;
    - `channel`, `random`, `single`: the mask less 1 is appended to the image, with initial weights of 0;
    - `multiply`: the image is multiplied by the mask;
    - `attention`: the feature maps after each convolution are multiplied by the mask, averaged to their size;
    - `pool`: the last feature maps are multiplied by the mask, averaged to their size, before the pooling;
    - `none`: the network does not use the mask.

    Inputs: images (B, 1, H, W, 1) and masks (B or 1, M, H, W, 1), from 0 to 1. Output: (B, M, 10) logits, float32;
    (B, 1, 10) for `none`.
    """
    images = keras.Input((1, None, None, 1), name="images")
    masks = keras.Input((None, None, None, 1), name="masks")
    x: Any = ScaleByMask(name="multiply")([images, masks]) if variant == "multiply" else images
    total = 1
    for place, (kernel, stride, filters) in enumerate(CONVOLUTIONS, start=1):
        appended = place == 1 and variant in _FIRST
        layer = (_FIRST[variant] if appended else MapConv2D)(
            filters,
            kernel,
            strides=stride,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(layer_seed(seed, place)),
            name=f"convolution_{place}",
        )
        x = layer([x, masks] if appended else x)
        total *= stride
        if variant == "attention":
            x = ScaleByMask(total, name=f"attention_{place}")([x, masks])
    x = MaskedMaxPooling(total, name="pool")([x, masks] if variant == "pool" else [x])
    # Pooled features are far from 0 and similar for all images. Without normalisation, this takes epochs to unlearn.
    x = keras.layers.LayerNormalization(name="normalisation")(x)
    initial: Any = keras.initializers.GlorotUniform(layer_seed(seed, 0))
    x = keras.layers.Dense(DIGIT_CLASSES, kernel_initializer=initial, dtype="float32", name="logits")(x)
    return keras.Model([images, masks], x, name=f"seed_{seed}")


def together(networks: list[keras.Model], variant: str) -> keras.Model:
    """Combine the networks of all seeds of a variant into one model, as `build` does."""
    inputs = keras.Input((None, None, 2), name="image_and_mask")
    image, mask = SplitMask(name="split")(inputs)
    outputs = [one([image, mask]) for one in networks]
    return keras.Model(
        inputs, keras.layers.Concatenate(axis=1, name="seeds")(outputs), name=f"masked_digits_{variant}"
    )
