"""Photographs of more than 8 bits a value, in 8 bits.

Grey values of more than 8 bits are scaled by one rule. White is the first of these that no value exceeds: 1 (floats
only), 255, 1,023, 4,095, 16,383, 65,535. They are the depths of cameras, scanners and files, so the photographs of a
series are mostly scaled alike. Where a value is negative, or larger, or none reaches 1/32 of that white, the least
value becomes black and the greatest white. Of floats the finite ones decide; infinity is white, and what is no number
is black. Of colours of 16 bits Pillow keeps the upper 8, so those that use the lower ones alone are refused.
"""

from typing import Any

import numpy as np
from PIL import Image

BITS = 258
"""The tag BitsPerSample (TIFF 6.0, section 8)."""

_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339  # sections 8 and 19
_DEPTHS = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
# A picture in so few shades, of so many values, is nearly all black or all white.
_FEWEST_SHADES, _MANY_VALUES = 8, 32
_BLOCK = 1 << 20


def eight_bits(image: Image.Image, bits: int) -> tuple[Image.Image, str]:
    """Return a loaded image with 8 bits a value.

    Args:
        image: of any mode.
        bits: the bits of a value in its file.

    Returns:
        the image itself if it has 8 bits already, else a grey one; and how its values were scaled, in words: empty if
        they have 8 bits, or use 16 to the full.

    Raises:
        ValueError: the values make no picture in 8 bits.
    """
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _scaled(image)
    if bits == 16:
        greatest = max(high for _, high in _extrema(image))
        if greatest < 64:
            raise ValueError(f"colours of 16 bits that use only the lower {8 + greatest.bit_length()}")
    return image, ""


def tiff_tag(image: Image.Image, tag: int) -> Any:
    """Return a tag's value; None if the image has no such tag, or is no TIFF."""
    return getattr(image, "tag_v2", {}).get(tag)


def _scaled(image: Image.Image) -> tuple[Image.Image, str]:
    values = np.asarray(image)
    if image.mode == "I" and image.format == "TIFF" and max(tiff_tag(image, _SAMPLE_FORMAT) or (1,)) == 1:
        values = values.view(np.uint32)  # Pillow takes all 32 bits for signed
    low, high, finite = _range(values)
    if not finite:
        raise ValueError("none of its values is a finite number")
    black, white = 0.0, next((white for white in _DEPTHS[image.mode != "F" :] if high <= white), 0.0)
    if low < 0 or high < white / 32 or not white:
        black, white = low, high
    slope = 255 / (white - black) if white > black else 0.0
    shades = np.empty(values.shape, np.uint8)
    rows = max(1, _BLOCK // values.shape[1])
    for top in range(0, len(values), rows):  # all at once, 64-bit numbers would take several times the memory
        part = np.nan_to_num(values[top : top + rows].astype(np.float64), nan=black, posinf=white, neginf=black)
        shades[top : top + rows] = np.clip(np.rint((part - black) * slope), 0, 255)
    if np.count_nonzero(np.bincount(shades.ravel(), minlength=256)) < _FEWEST_SHADES:
        some = values.ravel()[:: max(1, values.size // _BLOCK)]
        if len(np.unique(some)) >= _MANY_VALUES:
            raise ValueError(f"most of its values, from {low:,.6g} to {high:,.6g}, would become one shade")
    if tiff_tag(image, _PHOTOMETRIC) == 0:
        shades = 255 - shades  # such a TIFF's 0 is white, which Pillow heeds only with 8 bits
    told = []
    if (black, white) != (0, 255) and (image.mode == "F" or (black, white) != (0, 65535)):
        told.append(
            f"values from {low:,.6g} to {high:,.6g}, scaled to 8 bits: {black:,.6g} is black, {white:,.6g} white"
        )
    if finite < values.size:
        told.append(f"{values.size - finite:,} of {values.size:,} values not finite")
    return Image.fromarray(shades), ", and ".join(told)


def _range(values: np.ndarray) -> tuple[float, float, int]:
    """Return the least and the greatest finite value, and how many are finite."""
    low, high, finite = np.inf, -np.inf, 0
    for row in values:
        if values.dtype.kind == "f":
            row = row[np.isfinite(row)]
        if row.size:
            low, high, finite = min(low, float(row.min())), max(high, float(row.max())), finite + row.size
    return low, high, finite


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """Return the least and the greatest value of each band but the alpha channel."""
    found: Any = image.getextrema()  # of a single band, a pair alone
    names = image.getbands()
    return [pair for pair, name in zip(found if len(names) > 1 else [found], names, strict=True) if name not in "Aa"]
