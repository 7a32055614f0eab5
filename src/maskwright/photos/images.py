"""Reading photographs and reading and writing index masks: the only place that touches image files.

Every photograph is handled as it is *shown*: the EXIF orientation is applied, as VIA and browsers do, so that
annotation coordinates fit. Imports no TensorFlow.

Files come from anywhere, so only the kinds in `FORMATS` are opened at all. Pillow knows some forty more, and starts
another program for one of them, PostScript.
"""

import colorsys
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Container, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from maskwright.photos.depth import BITS, eight_bits, strips, tiff_tag
from maskwright.shared.errors import MaskwrightError

IGNORE = 255
"""The index of pixels whose class is unknown. Losses and metrics ignore them."""

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")
"""The kinds of files that are opened, as Pillow names them."""

SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
"""What counts as a photograph in a folder; a file that is named itself may be called anything."""

MEGAPIXELS = 100.0
"""Larger photographs are refused, unless `annotations.megapixels` says otherwise: a pixel takes up to 16 bytes."""

MOST_MEGAPIXELS = 1000.0
"""Larger images are never read, since decoding one needs more than 3 GB."""

# What can be turned into RGB, and not Lab, for one. There are several that begin with "I;16".
_MODES = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "I", "F"}
# How files begin that people take for photographs, or name as such.
_OTHER_KINDS = {
    "HEIC": re.compile(rb"....ftyp(hei[cmsx]|hev[cmsx]|mif1|msf1)", re.DOTALL),
    "AVIF": re.compile(rb"....ftypavi[fs]", re.DOTALL),
    "JPEG XL": re.compile(rb"\xff\x0a|....JXL ", re.DOTALL),
    "JPEG 2000": re.compile(rb"....jP  |\xff\x4f\xff\x51", re.DOTALL),
    "PostScript": re.compile(rb"%!|\xc5\xd0\xd3\xc6"),
    "PDF": re.compile(rb"%PDF"),
    "Photoshop": re.compile(rb"8BPS"),
    "SVG": re.compile(rb"\s*<(\?xml|svg)"),
    "DDS": re.compile(rb"DDS "),
}
_ORIENTATION = 0x0112
_WIDTH, _LENGTH = 256, 257  # TIFF 6.0, section 8
_MARKER_AFTER_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
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


class Verified(NamedTuple):
    """A photograph that can be read.

    Attributes:
        height: in pixels, as shown.
        width: in pixels, as shown.
        scaled: how its values were scaled to 8 bits, in words; empty if they have 8 bits, or use 16 to the full.
    """

    height: int
    width: int
    scaled: str = ""


class _Quiet:
    """Keep Pillow from warning about odd metadata, and from stopping at its own limit of 179 megapixels.

    Both are settings of the whole process. Threads read at the same time, so the last one to end restores them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = ExitStack()

    @contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._before.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                self._before.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
                Image.MAX_IMAGE_PIXELS = None
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if not self._inside:
                    self._before.close()


_quiet = _Quiet()


@_quiet()
def verify_image(path: Path, *, megapixels: float = MEGAPIXELS) -> Verified:
    """Check that a photograph can be read, and return its size as shown.

    The image is decoded, which finds truncated files. A JPEG is decoded only if its segments do not follow one
    another to the end as they should, and at 1/8 scale. (Of 417 damaged JPEGs that full decoding finds, this misses
    24; 21 of these have one wrong byte in the header.)

    Args:
        path: the file.
        megapixels: the greatest number of pixels, in millions.

    Raises:
        ImageError: the file is missing, of no known kind, too large or truncated, or its values make no picture.
    """
    with _opened(path, megapixels, setting="annotations.megapixels") as image:
        size = image.size
        if image.format in ("JPEG", "MPO"):
            if not _is_whole_jpeg(path.read_bytes()):
                image.draft("L", (max(1, size[0] // 8), max(1, size[1] // 8)))
                _load(image, path)
            scaled = ""
        else:
            _load(image, path)
            size = image.size  # only now: Pillow turns a TIFF while it loads it, and some versions say so beforehand
            scaled = _eight_bits(image, path)[1]
        width, height = size[::-1] if _orientation(image) in _ORIENTATIONS_THAT_SWAP_SIDES else size
    return Verified(height, width, scaled)


@_quiet()
def image_size(path: Path) -> tuple[int, int]:
    """Return a photograph's (height, width) in pixels, as shown, from its header alone: it may be damaged.

    Raises:
        ImageError: the file is missing, of no known kind, or too large.
    """
    with _opened(path, MOST_MEGAPIXELS) as image:
        width, height = image.size
        if (
            image.format == "TIFF"
        ):  # of one that is to be turned, some versions of Pillow have turned the size already
            width, height = tiff_tag(image, _WIDTH), tiff_tag(image, _LENGTH)
        return (width, height) if _orientation(image) in _ORIENTATIONS_THAT_SWAP_SIDES else (height, width)


@_quiet()
def read_image(path: Path, *, megapixels: float = MOST_MEGAPIXELS) -> np.ndarray:
    """Read a photograph as shown.

    Args:
        path: the file.
        megapixels: the greatest number of pixels, in millions. A file that `verify_image` has seen needs no limit.

    Returns:
        (H, W, 3) uint8, RGB. Grey and palette images are converted, transparent images are laid over white, values of
        more than 8 bits are scaled as `depth` says, and only the first frame of an animation is read.

    Raises:
        ImageError: the file is missing, of no known kind, too large or truncated, or its values make no picture.
    """
    with _opened(path, megapixels) as image:
        _load(image, path)
        turn = _TURNS.get(_orientation(image))
        flat = _eight_bits(image, path)[0]
        shown = _to_rgb(flat if turn is None else flat.transpose(turn))
        pixels = np.empty((shown.height, shown.width, 3), np.uint8)
        for rows, part in strips(shown):
            pixels[rows] = part
        return pixels


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


def read_mask(path: Path) -> np.ndarray:
    """Read an index mask as (H, W) uint8.

    Raises:
        ImageError: the file is missing, truncated, or not an 8-bit single-channel image.
    """
    return read_channel(path, ("P", "L"), "an index mask", "one 8-bit channel")


@_quiet()
def read_channel(path: Path, modes: Container[str], what: str, expected: str) -> np.ndarray:
    """Read an image of a single channel as it is: (H, W), of the type that its mode has.

    Args:
        path: the file.
        modes: Pillow's names of the modes that are right.
        what: what it should be, for messages.
        expected: what the modes are, for messages.

    Raises:
        ImageError: the file is missing, truncated, or of another mode.
    """
    with _opened(path, MOST_MEGAPIXELS) as image:
        _load(image, path)
        if image.mode not in modes:
            raise ImageError(f"{path}: not {what} (mode {image.mode}); expected {expected}")
        return np.array(image)


def write_mask(path: Path, mask: np.ndarray, palette: np.ndarray) -> None:
    """Write an (H, W) uint8 index mask as a PNG whose `palette` ((n, 3) uint8) gives each index a colour.

    A pixel takes 2, 4 or 8 bits, depending on the largest index. The PNG chunks (ISO/IEC 15948) are assembled here.
    Pillow would take three times as long, a third of the whole time for a mask.
    """
    width = mask.shape[1]
    greatest = int(mask.max(initial=0))
    bits = 2 if greatest < 4 else 4 if greatest < 16 else 8
    write_png(path, _packed(mask, bits), width, bits, palette[: 1 << bits].astype(np.uint8).tobytes())


def write_png(path: Path, rows: np.ndarray, width: int, bits: int, palette: bytes = b"") -> None:
    """Write a PNG of one channel from its packed rows, (H, bytes of a row) uint8: with a palette, or else grey.

    Folders that are missing are made.
    """
    lines = np.zeros((len(rows), 1 + rows.shape[1]), np.uint8)  # each starts with its filter type: 0, none
    lines[:, 1:] = rows
    kind = 3 if palette else 0
    content = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), bits, kind, 0, 0, 0)),
            _png_chunk(b"PLTE", palette) if palette else b"",
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


@contextmanager
def _opened(path: Path, megapixels: float, *, setting: str | None = None) -> Iterator[Image.Image]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: a folder, not an image") from None
    except (OSError, ValueError) as error:
        raise ImageError(f"{path}: cannot be read: {_one_line(error)}") from None
    # A path in place of the file would let Pillow map the file into memory. Of a TIFF that is to be turned, it then
    # takes the rows for columns.
    with file, _identified(file, path) as image:
        width, height = image.size
        if width * height > megapixels * 1e6:
            needed = -(-width * height // 1_000_000)
            cure = f", or set {setting}: {needed} in params.yaml" if setting and needed <= MOST_MEGAPIXELS else ""
            raise ImageError(
                f"{path}: {width} x {height} pixels are too large (over {megapixels:,g} megapixels); "
                f"scale it down{cure}"
            )
        if image.mode not in _MODES and not image.mode.startswith("I;16"):
            raise ImageError(f"{path}: its colours are {image.mode}; export it as RGB")
        yield image


def _identified(file: BinaryIO, path: Path) -> Image.Image:
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        file.seek(0)
        start = file.read(64)
        kind = next((kind for kind, begins in _OTHER_KINDS.items() if begins.match(start)), None)
        known = f"not an image that can be read (broken, empty, or none of {', '.join(FORMATS)})"
        raise ImageError(f"{path}: {kind}; export it as JPEG" if kind else f"{path}: {known}") from None
    except Exception as error:  # damaged files fail in many ways
        raise ImageError(f"{path}: cannot be read: {_one_line(error)}") from None


def _load(image: Image.Image, path: Path) -> None:
    try:
        image.load()
    except Exception as error:  # damaged files fail in many ways
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
        return image.getexif().get(_ORIENTATION, 1)
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


def _eight_bits(image: Image.Image, path: Path) -> tuple[Image.Image, str]:
    try:
        return eight_bits(image, _bits(image, path))
    except ValueError as error:
        raise ImageError(f"{path}: {error}; export it with 8 bits") from None


def _bits(image: Image.Image, path: Path) -> int:
    """Return the bits of a value in the file: Pillow says so of a TIFF only; a PNG's first chunk has it."""
    if image.format == "PNG":
        with path.open("rb") as file:
            return file.read(25)[-1]
    return max(tiff_tag(image, BITS) or (8,))


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in ("RGBA", "LA", "PA", "RGBa"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
