"""The data on which the networks are trained."""

from collections.abc import Callable, Iterator

import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.params import Conditional
from maskwright.learning.replicates.fitting import Arrays, in_batches


def shown_images(training: TwoLevels, settings: Conditional) -> Callable[[int], Iterator[Arrays]]:
    """Return a function that gives a seed's training data: every image once in each epoch, shifted a little.

    The data are the same for all variants. The border pixels are repeated; around a digit they are black anyway.

    Args:
        training: the training images and their classes.
        settings: the number of epochs, the batch size, and the largest shift in each direction, in pixels.

    Returns:
        Seed -> for each epoch images (steps, B, H, H, C) uint8, and coarse and fine classes, (steps, B) int32 each.
    """
    side, shift = training.images.shape[1], settings.shift
    padded = np.pad(training.images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))  # (N, s, s, C, H, H)

    def of_seed(seed: int) -> Iterator[Arrays]:
        for number in range(settings.epochs):
            rng = np.random.default_rng([seed % 2**64, 1, number])
            order = rng.permutation(len(padded))
            down, across = rng.integers(0, 2 * shift + 1, (2, len(padded)))
            images = np.moveaxis(windows[order, down, across], 1, -1)
            coarse, fine = (classes[order].astype(np.int32) for classes in (training.coarse, training.fine))
            yield in_batches((images, coarse, fine), settings.batch_size)

    return of_seed
