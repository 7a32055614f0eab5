"""Loading a variant's model for serving."""

from pathlib import Path

import keras

# These modules define layers of the stored models, which Keras needs in order to load them.
import maskwright.learning.common.layers
import maskwright.learning.replicates.layers  # noqa: F401
from maskwright.learning.common.saved import load_model


def serving_model(folder: Path) -> keras.Model:
    """Load the networks of a variant for all R seeds.

    Args:
        folder: the variant's folder.

    Returns:
        For `digits`: images (B, 28, 28, 1), from 0 to 1 -> codes (B, R, latent). For the others: pairs (B, R, 2) ->
        the statistic (B, R).

    Raises:
        MaskwrightError: a file is missing or damaged.
    """
    return load_model(folder)[0]
