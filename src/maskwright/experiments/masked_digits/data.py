"""Images of four digits, one of which is the real one, and a mask that marks it. Imports no TensorFlow.

The label is the real digit, and only the mask tells which one that is. In a *grid* the four digits are in the
quarters of a 56 x 56 image. On a *canvas*, which no network sees in training, they are anywhere in a larger image.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.shared.datasets import DIGIT_SIDE, read_arrays

PLACES = 4
"""The number of digits in an image."""

GRID = 2 * DIGIT_SIDE
"""Height and width of a grid."""

GRID_CORNERS = np.array([[0, 0], [0, DIGIT_SIDE], [DIGIT_SIDE, 0], [DIGIT_SIDE, DIGIT_SIDE]])
"""Row and column of each quarter's upper left pixel."""

KINDS = ("grid", "canvas")
"""The kinds of composed images."""

DIGITS = "digits"
"""The folder, next to the composed images, of the digits that they are made of."""


@dataclass(frozen=True)
class MaskedImages:
    """Images of four digits, with masks and labels.

    Attributes:
        images: (N, H, W) uint8, bright digits on black.
        masks: (N, H, W) uint8, 1 in the 28 x 28 square of the real digit, else 0.
        random_masks: (N, H, W) uint8, 1 in the square of a digit drawn at random, the real one or another. Such a
            mask says nothing about the label.
        labels: (N,) uint8, the real digit.
        digits: (N, 4) uint8, all four digits.
    """

    images: np.ndarray
    masks: np.ndarray
    random_masks: np.ndarray
    labels: np.ndarray
    digits: np.ndarray


def training_grids(
    images: np.ndarray, labels: np.ndarray, shift: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the grids of an epoch. Each digit is in one of them, shifted a little; up to three digits are left out.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,).
        shift: the largest shift of a digit in each direction, in pixels; parts outside its quarter are cut off.
        rng: source of randomness.

    Returns:
        images: (N // 4, 56, 56) uint8.
        digits: (N // 4, 4), the digit in each quarter; it is the label if the mask marks this quarter.
    """
    chosen = rng.permutation(len(images))[: len(images) // PLACES * PLACES]
    quarters = shifted(images[chosen], shift, rng).reshape(-1, 2, 2, DIGIT_SIDE, DIGIT_SIDE)
    grids = quarters.transpose(0, 1, 3, 2, 4).reshape(-1, GRID, GRID)
    return grids, labels[chosen].reshape(-1, PLACES)


def shifted(images: np.ndarray, shift: int, rng: np.random.Generator) -> np.ndarray:
    """Return (N, H, W) images, each shifted down and across by -shift to shift pixels, and filled with zeros."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift)))
    places = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, across = rng.integers(0, 2 * shift + 1, (2, len(images)))
    return places[np.arange(len(images)), down, across]


def square_masks(corners: np.ndarray, size: int) -> np.ndarray:
    """Return (N, size, size) uint8 masks, 1 in the 28 x 28 squares with the upper left pixels `corners`, (N, 2)."""
    masks = np.zeros((len(corners), size, size), np.uint8)
    windows(masks)[np.arange(len(corners)), corners[:, 0], corners[:, 1]] = 1
    return masks


def windows(canvas: np.ndarray) -> np.ndarray:
    """Return a writable view of every 28 x 28 square: (N, H, W) -> (N, H - 27, W - 27, 28, 28)."""
    return np.lib.stride_tricks.sliding_window_view(canvas, (DIGIT_SIDE, DIGIT_SIDE), axis=(1, 2), writeable=True)


def read_masked_digits(data: Path, kind: str, split: str) -> MaskedImages:
    """Read what `write_masked_digits` wrote.

    Args:
        data: the folder that it wrote.
        kind: "grid" or "canvas".
        split: "validation" or "test".

    Raises:
        MaskwrightError: the file is missing.
    """
    return MaskedImages(**read_arrays(data / f"{kind}_{split}.npz", "masked_digits"))
