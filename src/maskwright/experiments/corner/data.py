"""Corners: all binary 3x3 patterns, one of which is a top-left corner, and images of rectangles. No TensorFlow.

The only positive one of the 512 patterns is

    0 0 0
    0 1 1
    0 1 1

Its middle pixel is the top-left corner of a filled area of at least 2 x 2. In an image of filled rectangles that do
not touch each other or the border, the pattern occurs around each rectangle's top-left pixel and nowhere else.
"""

import csv
from pathlib import Path

import numpy as np

from maskwright.experiments.corner.params import Corner, Rectangles
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, write_arrays

CORNER = np.array([[0, 0, 0], [0, 1, 1], [0, 1, 1]], np.uint8)
"""The positive pattern."""

PATTERNS = 512

CORNER_INDEX = 0b000011011
"""The index of the positive pattern among the 512."""

_ATTEMPTS = 200  # at placing one rectangle


def all_patterns() -> tuple[np.ndarray, np.ndarray]:
    """Return every binary 3x3 pattern and whether it is the corner.

    Returns:
        patterns: (512, 3, 3) uint8; the pixels of pattern i, row by row, are the nine binary digits of i.
        labels: (512,) uint8, 1 for `CORNER` alone.
    """
    patterns = (np.arange(512)[:, None] >> np.arange(8, -1, -1)) & 1  # (512, 9)
    return patterns.reshape(512, 3, 3).astype(np.uint8), (np.arange(512) == CORNER_INDEX).astype(np.uint8)


def draw_rectangles(rng: np.random.Generator, size: tuple[int, int], count: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw filled rectangles that touch neither each other nor the border.

    Args:
        rng: source of random positions and sizes.
        size: height and width in pixels.
        count: number of rectangles. Fewer are drawn, but at least one, if no place is found for more.

    Returns:
        image: `size` uint8, 1 inside the rectangles.
        corners: (N, 2) int64, row and column of each rectangle's top-left pixel, sorted.
    """
    image, corners = np.zeros(size, np.uint8), []
    height, width = size
    for _ in range(count):
        for _ in range(_ATTEMPTS):
            sides = rng.integers(2, 1 + np.maximum(2, np.minimum(np.array(size) // 3, np.array(size) - 2)))
            top, left = rng.integers(1, (height - sides[0], width - sides[1]))
            # A margin of one free pixel keeps the rectangles apart, so that each corner matches the pattern.
            if not image[top - 1 : top + sides[0] + 1, left - 1 : left + sides[1] + 1].any():
                image[top : top + sides[0], left : left + sides[1]] = 1
                corners.append((top, left))
                break
    return image, np.array(sorted(corners), np.int64)


def flip_pixels(rng: np.random.Generator, images: np.ndarray, share: float) -> np.ndarray:
    """Return binary images in which each pixel is inverted with probability `share`."""
    return images ^ (rng.random(images.shape) < share).astype(np.uint8)


def write_corner(settings: Corner, out: Path) -> None:
    """Write `out`/patterns.csv, and images of rectangles: `out`/rectangles.npz with `out`/corners.csv."""
    patterns, labels = all_patterns()
    clean, noisy, corners = _rectangles(settings.rectangles, settings.seed)
    with replaced_folder(out) as new:
        with (new / "patterns.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([*(f"pixel_{row}_{column}" for row in range(3) for column in range(3)), "corner"])
            table.writerows(
                [*pattern.ravel().tolist(), label] for pattern, label in zip(patterns, labels.tolist(), strict=True)
            )
        write_arrays(new / "rectangles.npz", clean=clean, noisy=noisy)
        with (new / "corners.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["image", "row", "column"])
            table.writerows(
                [number, int(row), int(column)] for number, places in enumerate(corners) for row, column in places
            )


def _rectangles(settings: Rectangles, seed: int) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    clean, noisy, corners = [], [], []
    for number in range(settings.images):
        # An image depends only on its own number, not on the number of images.
        rng = np.random.default_rng([seed % 2**64, number])
        image, places = draw_rectangles(rng, settings.size, settings.count)
        clean.append(image)
        noisy.append(flip_pixels(rng, image, settings.noise))
        corners.append(places)
    return np.stack(clean), np.stack(noisy), corners


def read_patterns(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the patterns (512, 3, 3) and their labels (512,), as float32.

    Raises:
        MaskwrightError: the file is missing or damaged, or does not hold the 512 patterns.
    """
    path = data / "patterns.csv"
    try:
        rows = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32, ndmin=2)
    except FileNotFoundError:
        raise MaskwrightError(f"{path}: no such file; run `maskwright generate corner` first") from None
    except ValueError as error:
        raise MaskwrightError(f"{path}: damaged ({error}); run `maskwright generate corner` again") from None
    patterns, labels = all_patterns()
    if not np.array_equal(rows, np.column_stack([patterns.reshape(512, 9), labels])):
        raise MaskwrightError(f"{path}: not the 512 patterns in order; run `maskwright generate corner` again")
    return rows[:, :9].reshape(512, 3, 3), rows[:, 9]
