"""Letters in pictures, with a font that is the same on every computer."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
from PIL import ImageFont


def letters(size: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which matplotlib brings, at a height in pixels."""
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)


def in_lines(
    widths: Iterable[float], *, width: float, height: int, left: float = 0
) -> tuple[list[tuple[float, int]], int]:
    """Return where things go that stand side by side in as many lines as they need, and the height of the lines.

    Args:
        widths: of the things, in pixels, each with the room to the next one.
        width: where a line ends, in pixels.
        height: of a line, in pixels.
        left: where a line begins.

    Returns:
        (x, y) of each thing, from the top of the first line; and the height of all lines.
    """
    places: list[tuple[float, int]] = []
    x, y = left, 0
    for needed in widths:
        if x > left and x + needed > width:
            x, y = left, y + height
        places.append((x, y))
        x += needed
    return places, y + height
