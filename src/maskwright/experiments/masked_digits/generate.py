"""Generating the data of the masked digits: grids and canvases for validation and test. Imports no TensorFlow."""

import shutil
from pathlib import Path

import numpy as np

from maskwright.digits.dataset import SPLITS, read_digits
from maskwright.experiments.masked_digits.data import (
    DIGITS,
    GRID,
    GRID_CORNERS,
    PLACES,
    MaskedImages,
    square_masks,
    windows,
)
from maskwright.experiments.masked_digits.params import MaskedDigits
from maskwright.shared.datasets import DIGIT_SIDE
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, write_arrays

COMPOSED = ("validation", "test")
"""The splits whose images are composed beforehand."""


def write_masked_digits(settings: MaskedDigits, digits: Path, out: Path) -> None:
    """Write grids and canvases of the validation and the test digits: `out`/grid_SPLIT.npz and canvas_SPLIT.npz.

    The digits are also copied to `out`/digits, since training composes new grids for each epoch. No digit is in two
    splits.

    Args:
        settings: the experiment's section of params.yaml; only `canvas` and `seed` are used.
        digits: the folder that `maskwright generate digits` wrote.
        out: the output folder, replaced as a whole.

    Raises:
        MaskwrightError: a split is missing, or has fewer than four digits.
    """
    splits = {split: read_digits(digits, split) for split in SPLITS}
    with replaced_folder(out) as new:
        (new / DIGITS).mkdir()
        for split in SPLITS:
            shutil.copyfile(digits / f"{split}.npz", new / DIGITS / f"{split}.npz")
        for number, split in enumerate(COMPOSED):
            images, labels = splits[split]
            if len(images) < PLACES:
                raise MaskwrightError(
                    f"{digits / split}.npz: has {len(images)} digits, but an image needs {PLACES}; "
                    f"raise digits.{split}"
                )
            rng = np.random.default_rng([settings.seed % 2**64, number])
            for kind, drawn in (
                ("grid", draw_grids(images, labels, rng)),
                ("canvas", draw_canvases(images, labels, settings.canvas, rng)),
            ):
                write_arrays(new / f"{kind}_{split}.npz", **vars(drawn))


def draw_grids(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> MaskedImages:
    """Return N grids. Each of the N digits is the real one in one grid, together with three random others.

    Args:
        images: (N, 28, 28) uint8, N >= 4.
        labels: (N,).
        rng: source of randomness.
    """
    return _compose(images, labels, np.broadcast_to(GRID_CORNERS, (len(images), PLACES, 2)), GRID, rng)


def draw_canvases(images: np.ndarray, labels: np.ndarray, size: int, rng: np.random.Generator) -> MaskedImages:
    """Return N images of size x size like those of `draw_grids`, but with the digits anywhere, without overlap."""
    return _compose(images, labels, scattered_corners(len(images), size, rng), size, rng)


def scattered_corners(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the positions of 28 x 28 squares that do not overlap. All such positions are equally likely.

    Args:
        count: number of images.
        size: side of the image, at least 84. In a smaller image, hardly any four random positions fit.
        rng: source of randomness.

    Returns:
        (count, 4, 2) int64, row and column of each square's upper left pixel.
    """
    corners = np.zeros((count, PLACES, 2), np.int64)
    missing = np.arange(count)
    while missing.size:
        drawn = rng.integers(0, size - DIGIT_SIDE + 1, (len(missing), PLACES, 2))
        distance = np.abs(drawn[:, :, None] - drawn[:, None]).max(axis=-1)  # (n, 4, 4)
        fits = (distance + DIGIT_SIDE * np.eye(PLACES, dtype=int) >= DIGIT_SIDE).all(axis=(1, 2))
        corners[missing[fits]] = drawn[fits]
        missing = missing[~fits]
    return corners


def _compose(
    images: np.ndarray, labels: np.ndarray, corners: np.ndarray, size: int, rng: np.random.Generator
) -> MaskedImages:
    count = len(images)
    rows = np.arange(count)
    # The others are the next three digits in a random order, so that no digit is in an image twice.
    order = rng.permutation(count)
    chosen = order[(np.argsort(order)[:, None] + rng.permutation(np.arange(1, count))[: PLACES - 1]) % count]
    real, marked = rng.integers(0, PLACES, (2, count))
    places = (real[:, None] + np.arange(PLACES)) % PLACES
    who = np.empty((count, PLACES), np.int64)
    np.put_along_axis(who, places, np.concatenate([rows[:, None], chosen], axis=1), axis=1)
    canvas = np.zeros((count, size, size), np.uint8)
    for place in range(PLACES):
        windows(canvas)[rows, corners[:, place, 0], corners[:, place, 1]] = images[who[:, place]]
    return MaskedImages(
        images=canvas,
        masks=square_masks(corners[rows, real], size),
        random_masks=square_masks(corners[rows, marked], size),
        labels=labels.astype(np.uint8),
        digits=labels[who].astype(np.uint8),
    )
