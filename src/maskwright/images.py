"""Reading photographs and reading and writing index masks: the only place that touches image files.

Every photograph is handled as it is *shown*: the EXIF orientation is applied, as VIA and browsers do, so that
annotation coordinates fit. Imports no TensorFlow.
"""

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from maskwright.errors import MaskwrightError

IGNORE = 255
"""The index of pixels whose class is unknown: no loss and no metric counts them."""

MAX_PIXELS = 1_000_000_000
"""Larger images are refused: decoding one needs more than 3 GB."""

_ORIENTATION_TAG = 0x0112
_ORIENTATIONS_THAT_SWAP_SIDES = (5, 6, 7, 8)


class ImageError(MaskwrightError):
    """An image file that cannot be used."""


def image_size(path: Path, *, verify: bool = False) -> tuple[int, int]:
    """Return (height, width) in pixels, as shown.

    Only the header is read, unless `verify` asks for the pixel data to be decoded too, which finds truncated
    files (a JPEG is decoded at 1/8 scale for that, which costs a fraction of a full decode).

    Raises:
        ImageError: the file is missing, not an image, too large, or (with `verify`) truncated.
    """
    with _opened(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION_TAG) in _ORIENTATIONS_THAT_SWAP_SIDES:
            width, height = height, width
        if verify:
            image.draft("L", (max(1, width // 8), max(1, height // 8)))
            _load(image, path)
    return height, width


def read_image(path: Path) -> np.ndarray:
    """Read a photograph as shown.

    Returns:
        (H, W, 3) uint8, RGB. Grey and palette images are converted, transparency is laid over white, 16-bit
        values are scaled to 8 bits, and of an animation the first frame is taken.

    Raises:
        ImageError: the file is missing, not an image, truncated, or too large.
    """
    with _opened(path) as image:
        _load(image, path)
        image = ImageOps.exif_transpose(image)
        return np.asarray(_to_rgb(image))


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to `size` (height, width): bilinear, with anti-aliasing where it shrinks."""
    if image.shape[:2] == tuple(size):
        return image
    height, width = size
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an (H, W) uint8 index mask to `size` (height, width) by the nearest pixel, so no class is invented."""
    if mask.shape == tuple(size):
        return mask
    height, width = size
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def read_mask(path: Path) -> np.ndarray:
    """Read an index mask as (H, W) uint8.

    Raises:
        ImageError: the file is missing, truncated, or not an 8-bit single-channel image.
    """
    with _opened(path) as image:
        _load(image, path)
        if image.mode not in ("P", "L"):
            raise ImageError(f"{path}: not an index mask (mode {image.mode}); expected one 8-bit channel")
        return np.array(image)


def write_mask(path: Path, mask: np.ndarray, palette: np.ndarray) -> None:
    """Write an (H, W) uint8 index mask as a PNG whose `palette` ((n, 3) uint8) gives each index a colour."""
    image = Image.fromarray(mask)
    image.putpalette(palette.astype(np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, compress_level=1)


def class_palette(number_of_classes: int) -> np.ndarray:
    """Return (256, 3) uint8 colours: background black, classes distinct hues, `IGNORE` and unused indices grey."""
    colours = np.full((256, 3), 160, np.uint8)
    colours[0] = 0
    for index in range(1, min(number_of_classes, IGNORE)):
        # The golden ratio keeps neighbouring hues far apart however many classes there are.
        hue = (0.58 + 0.618034 * (index - 1)) % 1.0
        colours[index] = [round(255 * v) for v in colorsys.hsv_to_rgb(hue, 0.85, 0.95)]
    return colours


def _opened(path: Path) -> Image.Image:
    try:
        # Pillow's own guard stops at 179 megapixels, with a warning at half of that; ours is below.
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path)
        finally:
            Image.MAX_IMAGE_PIXELS = limit
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: a folder, not an image") from None
    except UnidentifiedImageError:
        raise ImageError(f"{path}: not an image that can be read (broken, empty or of an unknown format)") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read: {_one_line(error)}") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        image.close()
        raise ImageError(f"{path}: {width} x {height} pixels is too large; scale it below {MAX_PIXELS:,} pixels")
    return image


def _load(image: Image.Image, path: Path) -> None:
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, IndexError) as error:
        raise ImageError(f"{path}: truncated or damaged ({_one_line(error)}); save or copy it again") from None


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.asarray(image, dtype=np.float64)
        # 16-bit scans use the whole range; a file that stays within 8 bits is taken as it is.
        if values.max(initial=0) > 255:
            values = values / 257.0
        image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
