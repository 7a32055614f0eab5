"""Digits that a few steps of training can tell apart, for tests of experiments with digits."""

import numpy as np


def bar_digits(number, seed):
    """Return images and labels: digit k is a bright bar of its own width in its own row, but not the same twice."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(number) % 10).astype(np.uint8)
    images = rng.integers(0, 60, (number, 28, 28)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[4 + 2 * label : 7 + 2 * label, 4 : 14 + label] = 255
    return images, labels


def write_bar_digits(folder, **counts):
    """Write so many of them as each split, in the way of `maskwright generate digits`."""
    folder.mkdir(parents=True)
    for seed, (split, count) in enumerate(counts.items()):
        images, labels = bar_digits(count, seed)
        np.savez(folder / f"{split}.npz", images=images, labels=labels)
