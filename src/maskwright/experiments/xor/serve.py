"""A model of the XOR experiment for serving."""

from pathlib import Path

import keras

import maskwright.learning.replicates.layers  # noqa: F401  (a stored model is made of these layers)
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant: (B, 4, C) rows -> (B, R, 2) probabilities, one network for each of R seeds.

    Raises:
        MaskwrightError: a file is missing or damaged.
    """
    return load_model(folder)[0]
