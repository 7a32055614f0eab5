"""What the codes of digits tell about the labels, as the accuracy of a linear classifier."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

_BATCH = 500


def codes_of(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the codes of the middle of images: (N, 28, 28, 1) uint8 -> (N, R, latent)."""
    batches = (images[at : at + _BATCH].astype(np.float32) / 255 for at in range(0, len(images), _BATCH))
    return np.concatenate([model(batch, training=False) for batch in batches])


def code_accuracies(codes: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> np.ndarray:
    """Return the accuracy of a linear classifier on each seed's codes.

    Args:
        codes: (N, R, latent) for the training images and for the test images.
        labels: (N,) for the training images and for the test images.

    Returns:
        (R,), the accuracies on the test images.
    """
    seeds = range(codes[0].shape[1])
    return np.array([linear_accuracy([part[:, row] for part in codes], labels) for row in seeds])


def linear_accuracy(inputs: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> float:
    """Fit a linear classifier to the first inputs (N, F) and labels (N,), and return its accuracy on the second."""
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    return float(classifier.fit(inputs[0], labels[0]).score(inputs[1], labels[1]))
