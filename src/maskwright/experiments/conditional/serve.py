"""The trained networks of a variant as a model that is served."""

from pathlib import Path

import keras

# Loading a model needs its layers, which this module registers.
import maskwright.experiments.conditional.learn.switch  # noqa: F401
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: images (B, H, H, C), from 0 to 1 -> (B, R, K + F) logits, R seeds.

    Raises:
        MaskwrightError: there is no whole model in the folder.
    """
    return load_model(folder)[0]
