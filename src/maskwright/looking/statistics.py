"""What the data are like: objects and pixels by class, sizes, positions, and photographs without objects."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from maskwright.looking.masks import Data
from maskwright.looking.measure import GRID, Measured
from maskwright.photos.images import IGNORE

SMALL = 4.0
"""An object whose side is below this, in the network's pixels, is small to it."""

OCTAVES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
"""Between which sides, in the network's pixels, objects are counted together: below the first, ..., from the last."""


@dataclass(frozen=True)
class Statistics:
    """Numbers about all splits. Classes are in index order, without background.

    Attributes:
        photographs: (splits,) int64.
        objects: (splits, classes) int64.
        holding: (splits, classes) int64, photographs with at least one object of the class.
        pixels: (splits, classes + 2) int64: background, the classes, and pixels of unknown class.
        sides: (objects,) float64, in pixels of the network: of the square that is as large as the object, once the
            photograph has the network's size.
        octaves: (classes, len(OCTAVES) + 1) int64, objects by side.
        median_sides: (classes,) float64; NaN for a class without objects.
        small: (classes,) int64, objects with a side below SMALL.
        places: (classes, *GRID) float64, how much of each cell the class covers, on average over the photographs in
            which it occurs.
        empty: positions of the photographs without any object, nor a region of unknown class.
    """

    photographs: np.ndarray
    objects: np.ndarray
    holding: np.ndarray
    pixels: np.ndarray
    sides: np.ndarray
    octaves: np.ndarray
    median_sides: np.ndarray
    small: np.ndarray
    places: np.ndarray
    empty: list[int]


class Tally:
    """Adds up what was measured, photograph by photograph, so that nothing of one need be kept."""

    def __init__(self, data: Data) -> None:
        classes = len(data.classes) - 1
        self._data = data
        self._number = {split: number for number, split in enumerate(data.splits)}
        self._pixels = np.zeros((len(data.splits), classes + 2), np.int64)
        self._places = np.zeros((classes, *GRID))
        self._seen = np.zeros(classes, np.int64)
        self._drawn = np.zeros(len(data.photographs), bool)

    def add(self, position: int, measured: Measured) -> None:
        """Add one photograph, by its position in the data."""
        split = self._number[self._data.photographs[position].split]
        for index, count in measured.pixels.items():
            self._pixels[split, -1 if index == IGNORE else index] += count
        for index, cells in measured.places.items():
            self._places[index - 1] += cells
            self._seen[index - 1] += 1
        self._drawn[position] = any(index != 0 for index in measured.pixels)

    def statistics(self, size: tuple[int, int]) -> Statistics:
        """Return the numbers; `size` is the height and width that the network sees."""
        data, classes = self._data, len(self._data.classes) - 1
        split = np.array([self._number[photograph.split] for photograph in data.photographs], np.int64)
        shape = (len(data.splits), classes)
        objects = np.zeros(shape, np.int64)
        np.add.at(objects, (split[data.owner], data.label - 1), 1)
        holders = np.unique(np.stack([data.owner, data.label - 1], axis=1), axis=0)
        holding = np.zeros(shape, np.int64)
        np.add.at(holding, (split[holders[:, 0]], holders[:, 1]), 1)
        sides = network_sides(data, size)
        octaves = np.zeros((classes, len(OCTAVES) + 1), np.int64)
        np.add.at(octaves, (data.label - 1, np.searchsorted(OCTAVES, sides, side="right")), 1)
        of_class = [sides[data.label == index] for index in range(1, classes + 1)]
        has_object = self._drawn.copy()
        has_object[data.owner] = True  # drawn, and wholly hidden by others
        return Statistics(
            photographs=np.bincount(split, minlength=len(data.splits)),
            objects=objects,
            holding=holding,
            pixels=self._pixels,
            sides=sides,
            octaves=octaves,
            median_sides=np.array([np.median(each) if len(each) else np.nan for each in of_class]),
            small=np.array([np.count_nonzero(each < SMALL) for each in of_class], np.int64),
            places=self._places / np.maximum(self._seen, 1)[:, None, None],
            empty=np.flatnonzero(~has_object).tolist(),
        )


def network_sides(data: Data, size: tuple[int, int]) -> np.ndarray:
    """Return each object's side in the network's pixels, (n,) float64.

    An object of A square pixels in a photograph of H x W has A h w / (H W) of them in a network's h x w, however the
    proportion changes. Its side is the square root of that.

    Args:
        data: with areas in square pixels of each photograph.
        size: the height and width that the network sees, in pixels.
    """
    whole = np.array([photograph.height * photograph.width for photograph in data.photographs], float)
    return np.sqrt(data.area * (size[0] * size[1]) / whole[data.owner])


def octave_names() -> Sequence[str]:
    """Return what to call the columns of `Statistics.octaves`: "<1", "1-2", ..., "64+"."""
    bounds = [f"{bound:g}" for bound in OCTAVES]
    between = [f"{low}–{high}" for low, high in pairwise(bounds)]
    return [f"<{bounds[0]}", *between, f"{bounds[-1]}+"]
