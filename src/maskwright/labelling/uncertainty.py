"""How unsure a segmentation is of a photograph. Plain functions of arrays; both measures are from 0 to 1."""

import numpy as np


def mean_entropy(probabilities: np.ndarray) -> float:
    """Return the mean over the pixels of the classes' entropy, as a share of the greatest possible.

        mean over pixels of - sum_c p_c log p_c / log C

    Args:
        probabilities: (h, w, C) float, C >= 2, of each class at each pixel.

    By hand: of two pixels, one is sure, (1, 0), and one is not, (1/2, 1/2): (0 + 1) / 2 = 0.5.

    References:
        B. Settles (2009), Active Learning Literature Survey, section 3.1.
    """
    return float(_entropy(probabilities).mean() / np.log(probabilities.shape[-1]))


def flip_disagreement(probabilities: np.ndarray, mirrored: np.ndarray) -> float:
    """Return how much a photograph and its mirror image disagree: the mean over the pixels of their divergence.

    It is Jensen and Shannon's divergence of the two answers, by log 2: the entropy of their mean less the mean of
    their entropies. An answer that is unsure both times, but the same, does not count.

    Args:
        probabilities: (h, w, C) float, for the photograph.
        mirrored: (h, w, C) float, for its mirror image, turned back.

    By hand: of two pixels, one has the same answer twice, and one has (1, 0) and (0, 1): (0 + log 2) / 2 / log 2 is
    0.5.
    """
    together = _entropy((probabilities + mirrored) / 2)
    apart = (_entropy(probabilities) + _entropy(mirrored)) / 2
    return max(0.0, float((together - apart).mean() / np.log(2)))  # a rounding may lead below 0


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """Return the entropy of each pixel in nats, (h, w)."""
    values = probabilities.astype(np.float64)
    logarithms = np.log(values, out=np.zeros_like(values), where=values > 0)
    return -(values * logarithms).sum(axis=-1)
