"""What the codes of digits tell about the labels, and what other numbers of the same length do."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskwright.learning.views.sampling import middle_views
from maskwright.reporting.linear import linear_answers, principal_components

_BATCH = 500


def codes_of(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the codes of the middle of images: (N, 28, 28, 1) uint8 -> (N, R, latent)."""
    batches = (images[at : at + _BATCH].astype(np.float32) / 255 for at in range(0, len(images), _BATCH))
    return np.concatenate([model(batch, training=False) for batch in batches])


def code_answers(codes: Sequence[np.ndarray], labels: Sequence[np.ndarray]) -> np.ndarray:
    """Return which test images a linear classifier names rightly by each seed's codes.

    Args:
        codes: (N, R, latent) for the training images and for the test images.
        labels: (N,) for the training images and for the test images.

    Returns:
        (R, N) bool, for the N test images.
    """
    return np.stack([linear_answers([part[:, row] for part in codes], labels) for row in range(codes[0].shape[1])])


def control_answers(
    images: Sequence[np.ndarray], labels: Sequence[np.ndarray], size: int, seeds: range
) -> dict[str, np.ndarray]:
    """Return which test images the same classifier names rightly by what took no training.

    Args:
        images: (N, 28, 28, 1) uint8, the training images and the test images.
        labels: (N,) for each.
        size: the length of a code.
        seeds: the seeds of the random projections.

    Returns:
        (R, N) bool each, for R seeds and the N test images. All are of the pixels of the first view:

        - `pixels`: the pixels themselves;
        - `pca`: their first `size` principal components, found on the training images;
        - `projection`: `size` random projections, by a Gaussian matrix for each seed.

        Nothing is drawn for the first two, which are the same for all seeds.
    """
    pixels = [middle_views(part).reshape(len(part), -1) / np.float32(255) for part in images]
    projected = []
    for seed in seeds:
        matrix = np.random.default_rng([seed % 2**64, 4]).normal(size=(pixels[0].shape[1], size))
        projected.append(linear_answers([part @ matrix for part in pixels], labels))
    repeated = {
        "pixels": linear_answers(pixels, labels),
        "pca": linear_answers(principal_components(pixels, size), labels),
    }
    same = {name: np.repeat(answers[None], len(seeds), axis=0) for name, answers in repeated.items()}
    return {**same, "projection": np.stack(projected)}
