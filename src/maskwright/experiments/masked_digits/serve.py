"""A model of the masked digits for serving."""

from pathlib import Path

import keras

from maskwright.experiments.masked_digits.learn import layers  # noqa: F401  (a stored model is made of these layers)
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: image and mask (B, H, W, 2), from 0 to 1 -> (B, R, 10) logits, R seeds.

    Raises:
        MaskwrightError: a file is missing or damaged.
    """
    return load_model(folder)[0]
