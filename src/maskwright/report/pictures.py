"""The pictures of a report, made small enough to be mailed."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from maskwright.pages.embedded import as_jpeg, as_png
from maskwright.shared.errors import MaskwrightError

_WIDEST = 1600
"""Pixels: what a page of 1,180 pixels still shows sharply, and a dialog on a common screen."""
_HIGHEST = 2400
_DRAWING = 8_192
"""The most colours of a drawing. Its lines and letters are shades of a few; a photograph has many more."""
_COLOURS = 96


class Picture(NamedTuple):
    """A picture inside the page: its address, which holds it, its size in pixels, and what it shows."""

    address: str
    width: int
    height: int
    caption: str


def embedded_picture(path: Path, caption: str) -> Picture:
    """Read a picture, and return it as small as it may be: photographs as JPEG, drawings with a palette.

    Raises:
        MaskwrightError: the file is missing, or is not a picture.
    """
    try:
        with Image.open(path, formats=["PNG", "JPEG"]) as image:
            picture = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        problem = getattr(error, "strerror", None) or "not a picture, or damaged"
        raise MaskwrightError(f"{path}: {problem}; run the stage that makes it again") from None
    drawing = picture.getcolors(_DRAWING) is not None
    if picture.width > _WIDEST or picture.height > _HIGHEST:
        picture.thumbnail((_WIDEST, _HIGHEST), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if drawing:
        palette = picture.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        address = as_png(palette)
    else:
        address = as_jpeg(picture, quality=78)
    return Picture(address, *picture.size, caption)
