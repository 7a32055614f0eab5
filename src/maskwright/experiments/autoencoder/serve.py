"""The trained autoencoder as a model for serving."""

from pathlib import Path
from typing import Any

import keras

# Loading a model needs its layers, which the network's module registers.
import maskwright.experiments.autoencoder.learn.network  # noqa: F401
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W) uint8 digits and returns (B, H, W) uint8 reconstructions.

    Raises:
        MaskwrightError: the folder does not hold a complete model.
    """
    model: Any = load_model(folder)[0]
    height, width, channels = model.input_shape[1:]
    digits = keras.Input((height, width), dtype="uint8", name="digits")
    x = keras.layers.Rescaling(1 / 255)(digits)
    logits = model(keras.layers.Reshape((height, width, channels))(x))
    x = keras.layers.Reshape((height, width))(logits)
    ops: Any = keras.ops
    outputs = ops.cast(ops.round(ops.sigmoid(x) * 255), "uint8")
    return keras.Model(digits, outputs, name="autoencoder")
