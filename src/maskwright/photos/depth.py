"""Photographs of more than 8 bits a value, in 8 bits.

Grey values of more than 8 bits are scaled by one rule. White is the first of these that no value exceeds: 1 (floats
only), 255, 1,023, 4,095, 16,383, 65,535. They are the depths of cameras, scanners and files, so the photographs of a
series are mostly scaled alike. Where a value is negative, or larger, or none reaches 1/32 of that white, the least
value becomes black and the greatest white. Of floats the finite ones decide; infinity is white, and what is no number
is black. Of colours of 16 bits Pillow keeps the upper 8, so those that use the lower ones alone are refused.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

BITS = 258
"""The tag BitsPerSample (TIFF 6.0, section 8)."""

_PHOTOMETRIC, _SAMPLE_FORMAT = 262, 339  # sections 8 and 19
_DEPTHS = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)
# A picture in so few shades, of so many values, is nearly all black or all white.
_FEWEST_SHADES, _MANY_VALUES = 8, 32
_STRIP = 1 << 20


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


def strips(image: Image.Image) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the rows of a loaded image as arrays, about a million pixels at a time, and which rows they are.

    The whole image as an array would take its memory twice, since Pillow joins it from pieces.
    """
    width, height = image.size
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        bottom = min(top + step, height)
        yield slice(top, bottom), np.asarray(image if step >= height else image.crop((0, top, width, bottom)))


def _scaled(image: Image.Image) -> tuple[Image.Image, str]:
    values = _Values(image)
    low, high, finite = values.extent()
    if not finite:
        raise ValueError("none of its values is a finite number")
    black, white = 0.0, next((white for white in _DEPTHS[image.mode != "F" :] if high <= white), 0.0)
    if low < 0 or high < white / 32 or not white:
        black, white = low, high
    slope = 255 / (white - black) if white > black else 0.0
    shades = np.empty(image.size[::-1], np.uint8)
    counts = np.zeros(256, np.int64)
    for rows, part in values:
        part = np.nan_to_num(part.astype(np.float64), nan=black, posinf=white, neginf=black)
        shades[rows] = np.clip(np.rint((part - black) * slope), 0, 255)
        counts += np.bincount(shades[rows].ravel(), minlength=256)
    if np.count_nonzero(counts) < _FEWEST_SHADES and values.are_many():
        raise ValueError(f"most of its values, from {low:,.6g} to {high:,.6g}, would become one shade")
    if tiff_tag(image, _PHOTOMETRIC) == 0:
        np.subtract(255, shades, out=shades)  # such a TIFF's 0 is white, which Pillow heeds only with 8 bits
    told = []
    if (black, white) != (0, 255) and (image.mode == "F" or (black, white) != (0, 65535)):
        scale = f"{black:,.6g} is black, {white:,.6g} white"
        told.append(f"values from {low:,.6g} to {high:,.6g}, scaled to 8 bits: {scale}")
    if finite < shades.size:
        told.append(f"{shades.size - finite:,} of {shades.size:,} values not finite")
    return Image.fromarray(shades), ", and ".join(told)


class _Values:
    """The values of a grey image, in strips."""

    def __init__(self, image: Image.Image) -> None:
        self._image = image
        # Pillow takes all 32 bits for signed.
        tiff = image.mode == "I" and image.format == "TIFF"
        self._unsigned = tiff and max(tiff_tag(image, _SAMPLE_FORMAT) or (1,)) == 1

    def __iter__(self) -> Iterator[tuple[slice, np.ndarray]]:
        for rows, part in strips(self._image):
            yield rows, part.view(np.uint32) if self._unsigned else part

    def extent(self) -> tuple[float, float, int]:
        """Return the least and the greatest finite value, and how many are finite."""
        low, high, count = np.inf, -np.inf, 0
        for _, part in self:
            finite = part[np.isfinite(part)] if part.dtype.kind == "f" else part
            if finite.size:
                low, high, count = min(low, float(finite.min())), max(high, float(finite.max())), count + finite.size
        return low, high, count

    def are_many(self) -> bool:
        """Return whether there are many different values."""
        found = np.empty(0)
        for _, part in self:
            found = np.unique(np.concatenate([found, np.unique(part)]))
            if len(found) >= _MANY_VALUES:
                return True
        return False


def _extrema(image: Image.Image) -> list[tuple[int, int]]:
    """Return the least and the greatest value of each band but the alpha channel."""
    found: Any = image.getextrema()  # of a single band, a pair alone
    names = image.getbands()
    return [pair for pair, name in zip(found if len(names) > 1 else [found], names, strict=True) if name not in "Aa"]
