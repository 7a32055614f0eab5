"""Outlines over photographs, in colours and dashes that tell classes apart.

The colours are those of Okabe and Ito, which people with colour blindness tell apart. There are seven, so the next
seven classes have them dashed, and seven more dotted. A thin edge of black or white keeps each line visible on any
photograph.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from maskwright.looking.masks import Outlines
from maskwright.photos.images import IGNORE, resize_image
from maskwright.reporting.figure import BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION, YELLOW

LINE = 3
"""Width of an outline in pixels of the picture; its edge adds one on either side."""

_COLOURS = (ORANGE, SKY, YELLOW, PURPLE, GREEN, BLUE, VERMILION)
_DASHES: tuple[tuple[int, int], ...] = ((1, 0), (10, 6), (3, 5))
_FINER = 2  # drawn so many times as large, and then reduced, which smooths the lines
_GREATEST_ZOOM = 8


class Style(NamedTuple):
    """How a class is drawn: its colour, the colour of the line's edge, and lengths in pixels of dashes and gaps."""

    colour: str
    edge: str
    dash: int
    gap: int


def class_styles(objects: Sequence[int]) -> dict[int, Style]:
    """Return a style for each class index, from 1, and for `IGNORE`, a region of unknown class.

    Where there are more classes than styles, those with the fewest objects share one: solid white.

    Args:
        objects: how many objects each class has, the first one's at 0.
    """
    styles = [_style(colour, *dash) for dash in _DASHES for colour in _COLOURS]
    ranked = sorted(range(len(objects)), key=lambda index: -objects[index])
    own = sorted(ranked[: len(styles)])
    found = {index + 1: _style("#ffffff", *_DASHES[0]) for index in range(len(objects))}
    found |= {index + 1: style for index, style in zip(own, styles, strict=False)}
    return {**found, IGNORE: _style("#ffffff", *_DASHES[1])}


def _style(colour: str, dash: int, gap: int) -> Style:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    dark = 0.299 * red + 0.587 * green + 0.114 * blue < 110
    return Style(colour, "#ffffff" if dark else "#000000", dash, gap)


def draw_outlines(
    image: np.ndarray, outlines: Outlines, styles: Mapping[int, Style], box: tuple[int, int]
) -> Image.Image:
    """Return a photograph with its outlines, as large as fits a box.

    Args:
        image: (H, W, 3) uint8.
        outlines: in its pixels; later ones are drawn over earlier ones, as in masks.
        styles: of each class index, and of `IGNORE`.
        box: height and width in pixels.
    """
    height, width = image.shape[:2]
    zoom = min(box[0] / height, box[1] / width, _GREATEST_ZOOM)
    size = max(1, round(height * zoom)), max(1, round(width * zoom))
    picture = Image.fromarray(resize_image(image, (size[0] * _FINER, size[1] * _FINER)))
    scale = np.array([size[1] * _FINER / width, size[0] * _FINER / height])
    lines = [(points, styles[index]) for index, points in outlines.objects]
    for x, y, w, h in outlines.unknown:
        lines.append((np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)], float), styles[IGNORE]))
    pen = ImageDraw.Draw(picture)
    for points, style in lines:
        draw_line(pen, np.vstack([points, points[:1]]) * scale, style, _FINER)
    return picture.reduce(_FINER)


def draw_line(pen: ImageDraw.ImageDraw, points: np.ndarray, style: Style, finer: int = 1) -> None:
    """Draw a line through (n, 2) points (x, y) in a style; `finer` multiplies its widths and dashes."""
    pieces = [points] if style.gap == 0 else list(_dashed(points, style.dash * finer, style.gap * finer))
    for colour, width in ((style.edge, LINE + 2), (style.colour, LINE)):
        for piece in pieces:
            pen.line([tuple(point) for point in piece.tolist()], fill=colour, width=width * finer, joint="curve")


def _dashed(points: np.ndarray, dash: float, gap: float) -> Iterator[np.ndarray]:
    """Yield the dashes of a line, each (m, 2)."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    starts = np.arange(0.0, along[-1], dash + gap)
    for start, end in zip(starts, np.minimum(starts + dash, along[-1]), strict=True):
        inner = points[(along > start) & (along < end)]
        ends = np.stack([np.interp([start, end], along, points[:, axis]) for axis in (0, 1)], axis=1)
        yield np.vstack([ends[:1], inner, ends[1:]])
