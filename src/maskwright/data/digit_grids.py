"""Four digits in an image, one of which is the real one, and a mask that marks it. Imports no TensorFlow.

The label is the real digit, and nothing but the mask says which that is. In a *grid* the four stand in the quarters
of a 56 x 56 image; on a *canvas*, which no network sees in training, anywhere in a larger one.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.digits import SPLITS, read_arrays, read_digits
from maskwright.data.idx import SIDE
from maskwright.errors import MaskwrightError
from maskwright.outputs import replaced_folder
from maskwright.params import MaskedDigits

PLACES = 4
GRID = 2 * SIDE
GRID_CORNERS = np.array([[0, 0], [0, SIDE], [SIDE, 0], [SIDE, SIDE]])
"""Row and column of each quarter's upper left pixel."""

EVALUATED = ("validation", "test")
DIGITS = "digits"
"""The folder, beside the composed images, of the digits they are made of."""


@dataclass(frozen=True)
class MaskedImages:
    """Images of four digits with what is known of them.

    Attributes:
        images: (N, H, W) uint8, digits bright on black.
        masks: (N, H, W) uint8, 1 in the 28 x 28 square of the real digit, else 0.
        random_masks: the same for a digit drawn at random, the real one or another: a mask that says nothing.
        labels: (N,) uint8, the real digit.
        digits: (N, 4) uint8, all four.
    """

    images: np.ndarray
    masks: np.ndarray
    random_masks: np.ndarray
    labels: np.ndarray
    digits: np.ndarray


def draw_grids(images: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> MaskedImages:
    """Return N grids, in which each of N digits is the real one once, among three others at random.

    Args:
        images: (N, 28, 28) uint8, N >= 4.
        labels: (N,).
        rng: decides everything.
    """
    return _compose(images, labels, np.broadcast_to(GRID_CORNERS, (len(images), PLACES, 2)), GRID, rng)


def draw_canvases(images: np.ndarray, labels: np.ndarray, size: int, rng: np.random.Generator) -> MaskedImages:
    """Return N images of size x size, as `draw_grids`, but with the digits anywhere; their squares do not overlap."""
    return _compose(images, labels, scattered_corners(len(images), size, rng), size, rng)


def scattered_corners(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return (count, 4, 2) rows and columns of squares of 28 x 28 that do not overlap, evenly among all such.

    Args:
        count: number of images.
        size: side of the image, at least 84, since in less room hardly any four drawn at random would fit.
        rng: decides everything.
    """
    corners = np.zeros((count, PLACES, 2), np.int64)
    missing = np.arange(count)
    while missing.size:
        drawn = rng.integers(0, size - SIDE + 1, (len(missing), PLACES, 2))
        distance = np.abs(drawn[:, :, None] - drawn[:, None]).max(axis=-1)  # (n, 4, 4)
        fits = (distance + SIDE * np.eye(PLACES, dtype=int) >= SIDE).all(axis=(1, 2))
        corners[missing[fits]] = drawn[fits]
        missing = missing[~fits]
    return corners


def _compose(
    images: np.ndarray, labels: np.ndarray, corners: np.ndarray, size: int, rng: np.random.Generator
) -> MaskedImages:
    count = len(images)
    rows = np.arange(count)
    # The others are three digits that follow in a random order, so that no digit stands twice in an image.
    order = rng.permutation(count)
    chosen = order[(np.argsort(order)[:, None] + rng.permutation(np.arange(1, count))[: PLACES - 1]) % count]
    real, marked = rng.integers(0, PLACES, (2, count))
    places = (real[:, None] + np.arange(PLACES)) % PLACES
    who = np.empty((count, PLACES), np.int64)
    np.put_along_axis(who, places, np.concatenate([rows[:, None], chosen], axis=1), axis=1)
    canvas = np.zeros((count, size, size), np.uint8)
    for place in range(PLACES):
        _windows(canvas)[rows, corners[:, place, 0], corners[:, place, 1]] = images[who[:, place]]
    return MaskedImages(
        images=canvas,
        masks=square_masks(corners[rows, real], size),
        random_masks=square_masks(corners[rows, marked], size),
        labels=labels.astype(np.uint8),
        digits=labels[who].astype(np.uint8),
    )


def square_masks(corners: np.ndarray, size: int) -> np.ndarray:
    """Return (N, size, size) uint8 masks that are 1 in the square of 28 x 28 below and right of (N, 2) `corners`."""
    masks = np.zeros((len(corners), size, size), np.uint8)
    _windows(masks)[np.arange(len(corners)), corners[:, 0], corners[:, 1]] = 1
    return masks


def _windows(canvas: np.ndarray) -> np.ndarray:
    """(N, H, W) -> a writable view (N, H - 27, W - 27, 28, 28) of every square of 28 x 28."""
    return np.lib.stride_tricks.sliding_window_view(canvas, (SIDE, SIDE), axis=(1, 2), writeable=True)


def training_grids(
    images: np.ndarray, labels: np.ndarray, shift: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return an epoch of grids in which each digit stands once (up to three are left out), moved a little.

    Args:
        images: (N, 28, 28) uint8.
        labels: (N,).
        shift: each digit is moved by up to so many pixels each way; what leaves its quarter is cut off.
        rng: decides everything.

    Returns:
        images: (N // 4, 56, 56) uint8.
        digits: (N // 4, 4): the digit in each quarter, the label for a mask that marks it.
    """
    chosen = rng.permutation(len(images))[: len(images) // PLACES * PLACES]
    quarters = shifted(images[chosen], shift, rng).reshape(-1, 2, 2, SIDE, SIDE)
    grids = quarters.transpose(0, 1, 3, 2, 4).reshape(-1, GRID, GRID)
    return grids, labels[chosen].reshape(-1, PLACES)


def shifted(images: np.ndarray, shift: int, rng: np.random.Generator) -> np.ndarray:
    """Return (N, H, W) images, each moved by -shift to shift pixels down and across, with zeros moving in."""
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (shift, shift), (shift, shift)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    down, across = rng.integers(0, 2 * shift + 1, (2, len(images)))
    return windows[np.arange(len(images)), down, across]


def guessing_ceiling(digits: np.ndarray) -> float:
    """Return the greatest accuracy without knowing which of the digits is the real one.

    Whoever recognises all four perfectly does best to name the most frequent of them, and is right as often as it is
    among the four: the mean over images of (count of the most frequent digit) / 4.

    Args:
        digits: (N, 4) integers from 0 to 9.

    Example:
        Of the digits 3 1 3 7, half are 3; of 0 1 2 3, a quarter is each. For these two images: 0.375.
    """
    counts = (digits[:, :, None] == np.arange(10)).sum(axis=1)
    return float(counts.max(axis=1).mean() / digits.shape[1])


def write_masked_digits(params: MaskedDigits, digits: Path, out: Path) -> None:
    """Write grids and canvases of the validation and the test digits: `out`/grid_SPLIT.npz and canvas_SPLIT.npz.

    The digits themselves are copied to `out`/digits: training composes its grids anew for each epoch. No digit is in
    two splits.

    Args:
        params: `canvas` and `seed` matter.
        digits: the folder that `write_digits` wrote.
        out: replaced whole.

    Raises:
        MaskwrightError: a split is missing, or has fewer than four digits.
    """
    splits = {split: read_digits(digits, split) for split in SPLITS}
    with replaced_folder(out) as new:
        (new / DIGITS).mkdir()
        for split in SPLITS:
            shutil.copyfile(digits / f"{split}.npz", new / DIGITS / f"{split}.npz")
        for number, split in enumerate(EVALUATED):
            images, labels = splits[split]
            if len(images) < PLACES:
                raise MaskwrightError(
                    f"{digits / split}.npz: has {len(images)} digits, and an image needs {PLACES}; "
                    f"raise digits.{split}"
                )
            rng = np.random.default_rng([params.seed % 2**64, number])
            for kind, drawn in (
                ("grid", draw_grids(images, labels, rng)),
                ("canvas", draw_canvases(images, labels, params.canvas, rng)),
            ):
                np.savez_compressed(new / f"{kind}_{split}.npz", **vars(drawn))


def read_masked_digits(data: Path, kind: str, split: str) -> MaskedImages:
    """Read what `write_masked_digits` wrote.

    Args:
        data: its folder.
        kind: "grid" or "canvas".
        split: "validation" or "test".

    Raises:
        MaskwrightError: the file is missing.
    """
    return MaskedImages(**read_arrays(data / f"{kind}_{split}.npz", "masked_digits"))
