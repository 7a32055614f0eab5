"""The network of the corner experiment: a 3x3 convolution directly followed by a 1x1 convolution."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from maskwright.experiments.corner.data import CORNER
from maskwright.experiments.corner.learn.variants import HAND_SET, Setting, variant_setting
from maskwright.experiments.corner.params import Corner
from maskwright.learning.replicates.layers import Replicate, ReplicatedConv2D, ReplicatedDense


def build(settings: Corner, variant: str) -> keras.Model:
    """Return all seeds' networks as one: (B, H, W, 1) of 0 and 1 -> (B, R, H - 2, W - 2) float32 scores.

    A score above 0.5 means that the pixel in the middle of a 3x3 window is a top-left corner. `hand_set` is a single
    network with the source's weights. The others have Keras's default initial weights (Glorot uniform kernels, zero
    biases).
    """
    seeds = [0] if variant == HAND_SET else range(settings.seed, settings.seed + settings.seeds)
    model = detector(variant_setting(settings, variant), list(seeds), f"corner_{variant}")
    if variant == HAND_SET:
        model.set_weights(hand_set_weights(1))
    return model


def hand_set_weights(number: int) -> list[np.ndarray]:
    """Return the source's weights, set by hand, for each of R networks with one filter and one output.

    The 3x3 kernel is 10 where the corner is 1 and -100 elsewhere, and its bias is -35. The 1x1 kernel is 1, and its
    bias 0.

    Returns:
        Arrays (R, 3, 3, 1, 1), (R, 1), (R, 1, 1) and (R, 1), float32, in the order of `detector(...).get_weights()`.
    """
    square = np.where(CORNER == 1, 10.0, -100.0).reshape(3, 3, 1, 1)
    values = (square, np.full(1, -35.0), np.ones((1, 1)), np.zeros(1))
    return [np.repeat(value[None].astype(np.float32), number, axis=0) for value in values]


def detector(setting: Setting, seeds: Sequence[int], name: str) -> keras.Model:
    """Return the networks of a setting as one, as `build` does, with Keras's default initial weights.

    Args:
        setting: the setting; only `filters`, `head` and `centred` are used.
        seeds: R seeds, one for each network.
        name: name of the model.
    """
    image = keras.Input((None, None, 1), name="image")
    x = keras.layers.Rescaling(2.0, -1.0)(image) if setting.centred else image
    x = apply_convolutions(setting, seeds, Replicate(len(seeds), name="replicate")(x))
    x = keras.layers.Activation("hard_sigmoid" if setting.head == "hard_sigmoid" else "sigmoid", name="score")(x)
    return keras.Model(image, x, name=name)


def apply_convolutions(setting: Setting, seeds: Sequence[int], inputs: Any) -> Any:
    """Apply the two convolutions: (B, R, H, W, 1) -> (B, R, H - 2, W - 2), the logits of the scores."""
    x = ReplicatedConv2D(setting.filters, seeds, kernel_size=3, name="conv_3x3")(inputs)
    x: Any = ReplicatedDense(setting.units, seeds, name="conv_1x1")(x)
    # A softmax of two logits is the logistic sigmoid of their difference.
    outputs: list[Any] = [ops.take(x, unit, axis=-1) for unit in range(setting.units)]
    return outputs[1] - outputs[0] if setting.units == 2 else outputs[0]
