"""Which pixels belong to which object: masks of object numbers, as files and as run lengths. Imports no TensorFlow.

Objects are numbered from 1 within a photograph; 0 is where no object is.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from maskwright.photos.images import read_channel, write_png

UNKNOWN_OBJECT = 65_535
"""The number of pixels of which it is unknown whether they belong to an object. Their class is `images.IGNORE`."""

MOST_OBJECTS = UNKNOWN_OBJECT - 1
"""The greatest number of objects in a photograph."""


def write_objects(path: Path, objects: np.ndarray) -> None:
    """Write (H, W) object numbers, uint16, as a grey PNG of 16 bits. Folders that are missing are made."""
    rows = objects.astype(">u2").view(np.uint8).reshape(objects.shape[0], -1)  # (H, 2 W): high byte first
    write_png(path, rows, objects.shape[1], 16)


def read_objects(path: Path) -> np.ndarray:
    """Read object numbers as (H, W) uint16.

    Raises:
        ImageError: the file is missing, truncated, or not a single-channel image of 16 bits.
    """
    numbers = read_channel(path, ("I;16", "I;16B", "I;16L", "I"), "object numbers", "one 16-bit channel")
    return numbers.astype(np.uint16)


def resize_objects(objects: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W) uint16 object numbers to `size` (height, width) by the nearest pixel, as masks are."""
    if objects.shape == tuple(size):
        return objects
    height, width = size
    resized = Image.fromarray(objects.astype(np.int32)).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(resized).astype(np.uint16)


def runs_of(objects: np.ndarray) -> dict[int, np.ndarray]:
    """Return the pixels of each object as runs down the columns, one column after another, as COCO counts them.

    Args:
        objects: (H, W) numbers, 0 where no object is.

    Returns:
        For each number that occurs, ascending, (n, 2) int64 starts and ends (exclusive), sorted. A run may go on in
        the next column.

    By hand: column by column these are 0 1 1 2.

    >>> {number: runs.tolist() for number, runs in runs_of(np.array([[0, 1], [1, 2]])).items()}
    {1: [[1, 3]], 2: [[3, 4]]}
    """
    flat = np.ascontiguousarray(objects.T).reshape(-1)
    if not flat.size:
        return {}
    starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
    ends = np.append(starts[1:], flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    order = order[np.searchsorted(values[order], 1) :]  # without 0
    present, first = np.unique(values[order], return_index=True)
    runs = np.stack([starts, ends], axis=1)[order]
    return dict(zip(present.tolist(), np.split(runs, first[1:]), strict=True)) if len(present) else {}


def run_lengths(runs: np.ndarray, height: int, width: int) -> dict[str, object]:
    """Return runs from `runs_of` as COCO's compressed run lengths, with the counts as text."""
    bounds = np.concatenate([[0], runs.reshape(-1), [height * width]])
    unpacked: Any = {"size": [height, width], "counts": np.diff(bounds).tolist()}
    packed: Any = coco_mask.frPyObjects(unpacked, height, width)
    return {"size": [height, width], "counts": packed["counts"].decode("ascii")}


def box_of(runs: np.ndarray, height: int) -> list[int]:
    """Return x, y, width and height, in pixels, of the box around runs from `runs_of`, in an image of this height."""
    first, last = runs[:, 0], runs[:, 1] - 1
    left, right = int(first[0]) // height, int(last[-1]) // height + 1
    # A run that goes on in the next column has that column's first row, and its own column's last one.
    within = first // height == last // height
    top = int((first % height).min()) if within.all() else 0
    bottom = int((last % height).max()) + 1 if within.all() else height
    return [left, top, right - left, bottom - top]
