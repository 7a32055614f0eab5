"""The trained networks of a variant as a model for serving."""

from pathlib import Path

import keras

# Loading a model needs its layers, which this module registers.
import maskwright.experiments.conditional.learn.switch  # noqa: F401
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: images (B, H, H, C), from 0 to 1 -> (B, R, K + F) logits, R seeds.

    Raises:
        MaskwrightError: the folder does not hold a complete model.
    """
    return load_model(folder)[0]
