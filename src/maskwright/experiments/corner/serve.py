"""A model of the corner experiment for serving."""

from pathlib import Path

import keras

import maskwright.learning.replicates.layers  # noqa: F401  (a stored model is made of these layers)
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: (B, H, W, 1) images of 0 and 1 -> (B, R, H - 2, W - 2) scores.

    Raises:
        MaskwrightError: a file is missing or damaged.
    """
    return load_model(folder)[0]
