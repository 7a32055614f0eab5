"""Reading photographs and reading and writing index masks: the only place that touches image files.

Every photograph is handled as it is *shown*: the EXIF orientation is applied, as VIA and browsers do, so that
annotation coordinates fit. Imports no TensorFlow.
"""

import colorsys
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from maskwright.shared.errors import MaskwrightError

IGNORE = 255
"""The index of pixels whose class is unknown. Losses and metrics ignore them."""

MAX_PIXELS = 1_000_000_000
"""Larger images are refused, since decoding one needs more than 3 GB."""

_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_ORIENTATION_TAG = 0x0112
_ORIENTATIONS_THAT_SWAP_SIDES = (5, 6, 7, 8)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class ImageError(MaskwrightError):
    """An image file that cannot be used."""


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow from warning about odd metadata, and from stopping at its own limit of 179 megapixels."""
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


@_quiet()
def image_size(path: Path, *, verify: bool = False) -> tuple[int, int]:
    """Return (height, width) in pixels, as shown.

    Only the header is read. With `verify` the pixel data are checked too, which finds truncated files. The image is
    then decoded; a JPEG is decoded only if its segments do not follow one another to the end as they should, and at
    1/8 scale. (Of 417 damaged JPEGs that full decoding finds, this misses 24; 21 of these have one wrong byte in the
    header.)

    Raises:
        ImageError: the file is missing, not an image, too large, or (with `verify`) truncated.
    """
    with _opened(path) as image:
        width, height = image.size
        if _orientation(image) in _ORIENTATIONS_THAT_SWAP_SIDES:
            width, height = height, width
        if verify and not (image.format == "JPEG" and _is_whole_jpeg(path.read_bytes())):
            image.draft("L", (max(1, width // 8), max(1, height // 8)))
            _load(image, path)
    return height, width


@_quiet()
def read_image(path: Path) -> np.ndarray:
    """Read a photograph as shown.

    Returns:
        (H, W, 3) uint8, RGB. Grey and palette images are converted, transparent images are laid over white, 16-bit
        values are scaled to 8 bits, and only the first frame of an animation is read.

    Raises:
        ImageError: the file is missing, not an image, truncated, or too large.
    """
    with _opened(path) as image:
        _load(image, path)
        turn = _TURNS.get(_orientation(image))
        return np.asarray(_to_rgb(image if turn is None else image.transpose(turn)))


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize (H, W, 3) uint8 to `size` (height, width) bilinearly, with anti-aliasing when it shrinks."""
    if image.shape[:2] == tuple(size):
        return image
    height, width = size
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Resize an (H, W) uint8 index mask to `size` (height, width) by the nearest pixel, which invents no class."""
    if mask.shape == tuple(size):
        return mask
    height, width = size
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


@_quiet()
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
    """Write an (H, W) uint8 index mask as a PNG whose `palette` ((n, 3) uint8) gives each index a colour.

    A pixel takes 2, 4 or 8 bits, depending on the largest index. The PNG chunks (ISO/IEC 15948) are assembled here.
    Pillow would take three times as long, a third of the whole time for a mask.
    """
    height, width = mask.shape
    greatest = int(mask.max(initial=0))
    bits = 2 if greatest < 4 else 4 if greatest < 16 else 8
    packed = _packed(mask, bits)
    lines = np.zeros((height, 1 + packed.shape[1]), np.uint8)  # each starts with its filter type: 0, none
    lines[:, 1:] = packed
    colours = palette[: 1 << bits].astype(np.uint8).tobytes()
    content = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)),
            _png_chunk(b"PLTE", colours),
            _png_chunk(b"IDAT", zlib.compress(lines.tobytes(), 1)),
            _png_chunk(b"IEND", b""),
        ]
    )
    try:
        path.write_bytes(content)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def class_palette(number_of_classes: int) -> np.ndarray:
    """Return (256, 3) uint8 colours: black background, distinct hues for classes, grey for `IGNORE` and the rest."""
    colours = np.full((256, 3), 160, np.uint8)
    colours[0] = 0
    for index in range(1, min(number_of_classes, IGNORE)):
        # The golden ratio keeps the hues of neighbouring indices far apart, however many classes there are.
        hue = (0.58 + 0.618034 * (index - 1)) % 1.0
        colours[index] = [round(255 * v) for v in colorsys.hsv_to_rgb(hue, 0.85, 0.95)]
    return colours


def _opened(path: Path) -> Image.Image:
    try:
        image = Image.open(path)
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


def _packed(mask: np.ndarray, bits: int) -> np.ndarray:
    """Pack 4 pixels of 2 bits, or 2 of 4, into each byte, the first one highest: (H, ceil(W * bits / 8)) uint8."""
    if bits == 8:
        return mask
    together = 8 // bits
    over = -mask.shape[1] % together
    padded = np.pad(mask, ((0, 0), (0, over))) if over else np.ascontiguousarray(mask)
    word = np.dtype(f"<u{together}")
    # Pixel i starts at bit 8 i of its word. A shift up by (8 + bits) (together - 1 - i) puts it in its place in the
    # highest byte. One multiplication does all these shifts at once.
    moves = sum(1 << (8 + bits) * place for place in range(together))
    return (padded.view(word) * word.type(moves) >> word.type(8 * together - 8)).astype(np.uint8)


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # damaged metadata fails in many ways, and browsers show such an image unrotated
        return 1


def _is_whole_jpeg(content: bytes) -> bool:
    """Return whether a JPEG's segments follow one another from its start to its end marker (ITU-T T.81, annex B)."""
    position = 2
    while content[position : position + 1] == b"\xff":
        marker = content[position + 1 : position + 2]
        if marker == b"\xd9":
            return True
        position += 2 + int.from_bytes(content[position + 2 : position + 4])
        if marker == b"\xda":  # a scan: its data extend to the next marker other than a restart
            found = _MARKER_AFTER_SCAN.search(content, position)
            position = found.start() if found else len(content)
    return False


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.asarray(image, dtype=np.float64)
        # 16-bit scans use the whole range. The values of a file that stays within 8 bits are not scaled.
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
