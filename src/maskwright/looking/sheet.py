"""The contact sheet as one picture: photographs with their outlines, side by side, under a legend."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maskwright.looking.masks import Remark
from maskwright.looking.outlines import Style, draw_line
from maskwright.pages.lettering import in_lines, letters
from maskwright.reporting.figure import INK, shorten
from maskwright.via.source import printable

# Of the line under a photograph, by its worst finding: dark enough for small letters on white.
_COLOURS = {"refused": "#a3001b", "leak": "#6a1fb0", "warning": "#7a5000", "note": "#4d5560"}
TILE = 200, 240
"""Greatest height and width of a photograph in the picture, in pixels."""

_COLUMNS = 6
_GAP, _MARGIN = 12, 16
_LETTERS, _HEADING = 12, 20
_ROW = 16  # height of a line of text
_LINES = 2  # of a finding


class Tile(NamedTuple):
    """A photograph with its outlines, within TILE (None if there is none), its name, and what is said of it."""

    picture: Image.Image | None
    name: str
    remarks: Sequence[Remark]


def contact_sheet(
    title: str, subtitle: str, legend: Sequence[tuple[str, Style]], tiles: Sequence[Tile]
) -> Image.Image:
    """Return the sheet, RGB. Its height grows with the number of tiles.

    Args:
        title: the first line.
        subtitle: the line below it.
        legend: the name and style of each class.
        tiles: in the order of reading.
    """
    font, heading = letters(_LETTERS), letters(_HEADING)
    width = 2 * _MARGIN + _COLUMNS * TILE[1] + (_COLUMNS - 1) * _GAP
    places, legend_height = _legend_places(legend, font, width)
    top = _MARGIN + _HEADING + 10 + _ROW + 8 + legend_height + _GAP
    height_of_row = TILE[0] + (1 + _LINES) * _ROW + 4 + _GAP
    rows = -(-len(tiles) // _COLUMNS)
    sheet = Image.new("RGB", (width, top + rows * height_of_row + _MARGIN - _GAP), "white")
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), title, font=heading, fill=INK)
    pen.text((_MARGIN, _MARGIN + _HEADING + 10), subtitle, font=font, fill=INK)
    above = top - legend_height - _GAP
    for (name, style), (x, y) in zip(legend, places, strict=True):
        middle = above + y + _ROW / 2
        draw_line(pen, np.array([(x, middle), (x + 28, middle)]), style)
        pen.text((x + 34, above + y + 1), shorten(printable(name)), font=font, fill=INK)
    for number, tile in enumerate(tiles):
        row, column = divmod(number, _COLUMNS)
        place = _MARGIN + column * (TILE[1] + _GAP), top + row * height_of_row
        _paste(sheet, pen, tile, place, font)
    return sheet


def _paste(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, tile: Tile, place: tuple[int, int], font: ImageFont.FreeTypeFont
) -> None:
    x, y = place
    height, width = TILE
    if tile.picture is None:
        pen.rectangle((x, y, x + width - 1, y + height - 1), outline="#999999", fill="#eeeeee")
        pen.text((x + width / 2, y + height / 2), "no picture", font=font, fill="#555555", anchor="mm")
    else:
        # At the bottom of its place, next to its name.
        sheet.paste(tile.picture, (x + (width - tile.picture.width) // 2, y + height - tile.picture.height))
    pen.text((x, y + height + 3), _fitting(printable(tile.name), font, width), font=font, fill=INK)
    for worst in tile.remarks[:1]:
        region = "" if worst.region is None else f"region {worst.region}: "
        said = printable(f"{worst.severity}: {region}{worst.message}", 400)
        for line, text in enumerate(_lines(said, font, width)):
            place = x, y + height + 3 + (1 + line) * _ROW
            pen.text(place, text, font=font, fill=_COLOURS[worst.severity])


def _legend_places(
    legend: Sequence[tuple[str, Style]], font: ImageFont.FreeTypeFont, width: int
) -> tuple[list[tuple[float, int]], int]:
    """Return where each entry goes, (x, y) from the legend's top, and the legend's height."""
    widths = [34 + round(font.getlength(shorten(printable(name)))) + 20 for name, _ in legend]
    return in_lines(widths, width=width - _MARGIN, height=_ROW, left=_MARGIN)


def _fitting(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """Return the text, with its middle left out if it is wider than `width` pixels."""
    if font.getlength(text) <= width:
        return text
    limit = len(text) - 1
    while limit > 4 and font.getlength(shorten(text, limit)) > width:
        limit -= 1
    return shorten(text, limit)


def _lines(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Break a text into at most _LINES lines of `width` pixels; the last one may end in dots."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) < _LINES:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} …"
            break
    return [_fitting(line, font, width) for line in lines]
