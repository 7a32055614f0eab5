"""What the networks are shown in training."""

from collections.abc import Callable

import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.learning.replicates.fitting import Arrays, Epoch


def shown_images(training: TwoLevels, shift: int) -> Callable[[int], Epoch]:
    """Return for a seed what a network is shown in an epoch: every image once, moved a little.

    It is the same for all variants. The border is repeated: around a digit it is black anyway.

    Args:
        training: the training images and their classes.
        shift: by how many pixels an image moves at most, each way.

    Returns:
        Seed -> number of an epoch -> images (N, H, H, C) uint8, and coarse and fine classes, (N,) int32 each.
    """
    side = training.images.shape[1]
    padded = np.pad(training.images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))  # (N, s, s, C, H, H)

    def of_seed(seed: int) -> Epoch:
        def epoch(number: int) -> Arrays:
            rng = np.random.default_rng([seed % 2**64, 1, number])
            order = rng.permutation(len(padded))
            down, across = rng.integers(0, 2 * shift + 1, (2, len(padded)))
            images = np.moveaxis(windows[order, down, across], 1, -1)
            return images, training.coarse[order].astype(np.int32), training.fine[order].astype(np.int32)

        return epoch

    return of_seed
