"""Loading a variant's model for serving."""

from pathlib import Path

import keras

# This module defines a layer of the stored models, which Keras needs in order to load them.
import maskwright.learning.common.layers  # noqa: F401
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of all R seeds as one.

    Args:
        folder: the variant's folder.

    Returns:
        Images (B, H, H, C), from 0 to 1 -> (B, R, heads K + over_heads L): the probabilities of each head's clusters,
        see `learn.network`.

    Raises:
        MaskwrightError: a file is missing or damaged.
    """
    return load_model(folder)[0]
