"""Masks that have nothing to do with a picture."""

import numpy as np

from maskwright.photos.images import IGNORE


def random_pair(seed: int, classes: int = 4, size: tuple[int, int] = (24, 31)) -> tuple[np.ndarray, np.ndarray]:
    """Truth with some unlabelled pixels, and a prediction that is right on about half of the others."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, size).astype(np.uint8)
    prediction = np.where(rng.random(size) < 0.5, truth, rng.integers(0, classes, size)).astype(np.uint8)
    truth[rng.random(size) < 0.1] = IGNORE
    prediction[prediction == IGNORE] = 0
    return truth, prediction
