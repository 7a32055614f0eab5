"""Masks stored as run lengths (RLE), as COCO has them: how many pixels, column by column, are in turn out and in.

They become polygons along the pixels' sides, which cover exactly the same pixels, so that everything else handles
them as drawn outlines.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from maskwright.via.model import Number

RunLengths = Mapping[str, "Number | tuple[Number, ...]"]
"""`rows` and `columns` of pixels, and `counts` (numbers) or `characters` (the codes of pycocotools' text)."""

_LARGEST = 100_000_000
"""Pixels that are unpacked at most; each takes a few bytes."""

# Five bits a character, lowest first; every character of a number but its last is `P` or later. The C code behind
# pycocotools reads on beyond a text that ends within a number.
_WHOLE_NUMBERS = re.compile(rb"(?:[P-o]{0,5}[0-O])*")


def unpack(stored: RunLengths) -> np.ndarray:
    """Return the mask: (height, width) bool.

    Raises:
        ValueError: the run lengths do not make up such a mask, in words that a user understands.
    """
    height, width = _whole(stored.get("rows")), _whole(stored.get("columns"))
    if height < 1 or width < 1:
        raise ValueError("the run lengths (RLE) have no size")
    if height * width > _LARGEST:
        raise ValueError(f"the run lengths (RLE) are for {width} x {height} pixels, more than {_LARGEST:,}")
    packed = _packed(stored, height, width)
    mask = _decoded(packed, height, width)
    # The decoder leaves what too short a list does not reach as it finds it: only a whole one is too long for less.
    if mask is None or _decoded(packed, 1, height * width - 1) is not None:
        raise ValueError(_wrong_sum(height, width))
    return mask.astype(bool)


def outline(mask: np.ndarray) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return one closed line along the sides of a mask's pixels, whose inside by the even-odd rule is the mask.

    Outlines have their inside on the right as one walks along (y points down), holes too. Each further one is joined
    to the one before by a line that is walked there and, at the end, back.

    Args:
        mask: (H, W) bool, with at least one pixel set.

    Returns:
        x and y of the corners, in pixels: the pixel in column c and row r reaches from (c, r) to (c + 1, r + 1).
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    first_row, first_column = int(rows[0]), int(columns[0])
    framed = np.pad(mask[first_row : rows[-1] + 1, first_column : columns[-1] + 1], 1)
    # The four pixels round each corner of a pixel, (H + 1, W + 1).
    above_left, above_right = framed[:-1, :-1], framed[:-1, 1:]
    below_left, below_right = framed[1:, :-1], framed[1:, 1:]
    odd = above_left ^ above_right ^ below_left ^ below_right
    # Where two pixels touch by their corners alone, the outline passes twice.
    twice = (above_left == below_right) & (above_right == below_left) & (above_left != above_right)
    y, x = np.nonzero(odd | twice)
    passes = 1 + twice[y, x]
    y, x = np.repeat(y, passes), np.repeat(x, passes)
    follows = np.empty(len(x), np.int64)
    # Along each row of corners, every second stretch between two corners is a side; along each column, too.
    left, right = np.arange(len(x)).reshape(-1, 2).T
    rightwards = below_right[y[left], x[left]]
    follows[np.where(rightwards, left, right)] = np.where(rightwards, right, left)
    top, bottom = np.lexsort((y, x)).reshape(-1, 2).T
    downwards = below_left[y[top], x[top]]
    follows[np.where(downwards, top, bottom)] = np.where(downwards, bottom, top)
    return _joined(follows.tolist(), (x + first_column).tolist(), (y + first_row).tolist())


def _joined(follows: list[int], x: list[int], y: list[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    path: list[int] = []
    starts: list[int] = []
    seen = bytearray(len(follows))
    for start in range(len(follows)):
        if seen[start]:
            continue
        starts.append(start)
        here = start
        while not seen[here]:
            seen[here] = True
            path.append(here)
            here = follows[here]
        path.append(start)
    path += starts[-2::-1]
    if path[-1] == path[0]:
        path.pop()
    return tuple(x[corner] for corner in path), tuple(y[corner] for corner in path)


def _whole(value: "Number | tuple[Number, ...] | None") -> int:
    """Return a whole number as such, and anything else as -1."""
    return int(value) if isinstance(value, int | float) and value == value // 1 and abs(value) < 2**53 else -1


def _packed(stored: RunLengths, height: int, width: int) -> Any:
    """Return run lengths as pycocotools packs them, once it is sure that its C code can unpack them."""
    characters, counts = stored.get("characters"), stored.get("counts")
    if isinstance(characters, tuple):
        text = bytes(map(int, characters))
        if not _WHOLE_NUMBERS.fullmatch(text):
            raise ValueError("the run lengths (RLE) are damaged: that is not COCO's text for them")
        return {"size": [height, width], "counts": text}
    numbers = [_whole(count) for count in counts] if isinstance(counts, tuple) else []
    if min(numbers, default=-1) < 0 or sum(numbers) != height * width:
        raise ValueError(_wrong_sum(height, width))
    unpacked: Any = {"size": [height, width], "counts": numbers}
    return coco_mask.frPyObjects(unpacked, height, width)


def _decoded(packed: Any, height: int, width: int) -> np.ndarray | None:
    """Return the mask, (height, width) uint8; None if the run lengths are for more pixels."""
    of_size: Any = {**packed, "size": [height, width]}
    try:
        return coco_mask.decode(of_size)
    except ValueError:
        return None


def _wrong_sum(height: int, width: int) -> str:
    return f"the run lengths (RLE) do not add up to {width} x {height} pixels"
