"""A walk through the codes of an autoencoder."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit

WALK = 15
"""Number of steps of the latent walk along each of its two dimensions."""

WALKED = (0.025, 0.975)
"""The walk goes from the first to the second of these quantiles of the test digits' codes."""


class LatentWalk(NamedTuple):
    """The images that a decoder makes from a grid of codes.

    Attributes:
        images: (S, S, H, W) from 0 to 1; [i, j] has the j-th value of the first dimension and the i-th of the second.
        axes: (2, S), the values of both dimensions.
    """

    images: np.ndarray
    axes: np.ndarray


def latent_walk(model: Any, codes: np.ndarray, steps: int = WALK) -> LatentWalk:
    """Decode a grid of codes. The first two dimensions vary evenly between quantiles of `codes`; others are medians.

    Args:
        model: an autoencoder.
        codes: (N, L), L at least 2.
        steps: S, the number of steps along each dimension.
    """
    low, high = np.quantile(codes[:, :2], WALKED, axis=0)
    axes = np.linspace(low, high, steps).T.astype(np.float32)  # (2, S)
    grid = np.tile(np.median(codes, axis=0).astype(np.float32), (steps, steps, 1))
    grid[..., 0], grid[..., 1] = axes[0][None, :], axes[1][:, None]
    logits = model.get_layer("decoder")(grid.reshape(steps * steps, -1), training=False)
    images = expit(np.asarray(logits)[..., 0])
    return LatentWalk(images.reshape(steps, steps, *images.shape[1:]), axes)
