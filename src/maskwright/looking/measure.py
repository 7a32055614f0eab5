"""What a look at one photograph finds: its hash, how many pixels each class has, and where."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from maskwright.looking.hashing import Hash, perceptual_hash
from maskwright.looking.masks import Photograph
from maskwright.photos.images import IGNORE, read_image, read_mask

GRID = (24, 32)
"""Rows and columns of the map of positions, whatever a photograph's proportion."""


class Measured(NamedTuple):
    """Of one photograph.

    Attributes:
        hash: of the picture.
        pixels: the number of pixels of each class index that occurs, `IGNORE` included.
        places: for each class that occurs, but background: GRID float32, the share of each cell that it covers.
    """

    hash: Hash
    pixels: dict[int, int]
    places: dict[int, np.ndarray]


def measure(photograph: Photograph) -> Measured:
    """Read one photograph and its mask, and keep a few kilobytes about them.

    Raises:
        ImageError: one of the two is missing or damaged.
    """
    mask = read_mask(photograph.mask)
    counts = np.bincount(mask.reshape(-1), minlength=IGNORE + 1)
    present = np.flatnonzero(counts).tolist()
    places = {index: _cells(mask == index) for index in present if index not in (0, IGNORE)}
    return Measured(perceptual_hash(read_image(photograph.image)), {i: int(counts[i]) for i in present}, places)


def _cells(covered: np.ndarray) -> np.ndarray:
    """Return the share of each cell of GRID that is covered, of an (H, W) bool array."""
    height, width = GRID
    picture = Image.fromarray(covered.view(np.uint8) * np.uint8(255))
    # Each cell is the mean of its pixels: an object of one pixel counts as much as it covers.
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX), np.float32) / 255
