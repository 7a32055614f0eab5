"""A legend below a picture, which covers nothing of it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from maskwright.pages.lettering import in_lines, letters
from maskwright.reporting.figure import INK, shorten
from maskwright.via.source import printable

_SMALLEST, _LARGEST = 12, 26  # letters, in pixels
_SIDES = 55
"""So many letters, one above the other, are as high as the longer side: they look alike on any picture."""
_MOST = 40


def with_legend(picture: np.ndarray, entries: Sequence[tuple[str, Sequence[int]]]) -> np.ndarray:
    """Return a picture with a strip below it that names the colours.

    Args:
        picture: (H, W, 3) uint8.
        entries: a name and its colour (3 integers up to 255) for each line of the legend, 40 at most; the others are
            counted. Without any, the strip says that there are no objects.

    Returns:
        (H', W', 3) uint8 with the picture at its upper left: higher by the strip, and wider only where a name needs
        it.
    """
    height, width = picture.shape[:2]
    size = min(max(round(max(height, width) / _SIDES), _SMALLEST), _LARGEST)
    font, margin, swatch = letters(size), round(0.6 * size), round(1.1 * size)
    shown: list[tuple[str, Sequence[int] | None]] = [(shorten(printable(name)), c) for name, c in entries[:_MOST]]
    if len(entries) > _MOST:
        shown.append((f"and {len(entries) - _MOST} more", None))
    shown = shown or [("no objects", None)]
    room = [(swatch + margin if colour is not None else 0) + font.getlength(name) for name, colour in shown]
    total = max(width, round(max(room)) + 2 * margin + 1)
    line = round(1.6 * size)
    places, lines = in_lines([each + 2 * margin for each in room], width=total, height=line, left=margin)
    drawn = Image.new("RGB", (total, height + lines + 2 * margin), "white")
    drawn.paste(Image.fromarray(picture), (0, 0))
    pen = ImageDraw.Draw(drawn)
    for (name, colour), (x, y) in zip(shown, places, strict=True):
        middle = height + margin + y + line / 2
        if colour is not None:
            box = (x, middle - swatch / 2, x + swatch, middle + swatch / 2)
            pen.rectangle(box, fill=tuple(int(value) for value in colour), outline=INK)
            x += swatch + margin
        pen.text((x, middle), name, font=font, fill=INK, anchor="lm")
    return np.asarray(drawn)
