"""What the networks are shown in training."""

from collections.abc import Callable, Iterator

import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.params import Conditional
from maskwright.learning.replicates.fitting import Arrays, in_batches


def shown_images(training: TwoLevels, settings: Conditional) -> Callable[[int], Iterator[Arrays]]:
    """Return for a seed what a network is shown in an epoch: every image once, moved a little.

    It is the same for all variants. The border is repeated: around a digit it is black anyway.

    Args:
        training: the training images and their classes.
        settings: the number of epochs, the size of a batch, and by how many pixels an image moves at most, each way.

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
