"""Read IDX files, the format in which MNIST and its relatives are published, plain or gzipped.

A file is two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of dimensions, each dimension
as a big-endian 32-bit integer, and then the values, the last dimension varying fastest.
http://yann.lecun.com/exdb/mnist/
"""

import gzip
import math
import struct
import zlib
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from maskwright.shared.datasets import DIGIT_CLASSES, DIGIT_SIDE
from maskwright.shared.errors import MaskwrightError

SIDE = DIGIT_SIDE
CLASSES = DIGIT_CLASSES

_UNSIGNED_BYTE = 8
_GZIP = b"\x1f\x8b"
_MOST_BYTES = 2**30
"""MNIST has 47 million, and EMNIST, the largest set of this form, 547 million."""
_PARTS = {"train": "train", "test": "t10k"}


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the content of an IDX file of unsigned bytes.

    Args:
        path: the file; its first bytes, not its name, say whether it is gzipped.
        dimensions: the number of dimensions that the array must have: 3 for images, 1 for labels.

    Returns:
        An array of uint8 with that number of dimensions.

    Raises:
        MaskwrightError: the file cannot be read, is of another kind, is longer or shorter than its header says, or
            announces more than 1 GiB.
    """
    header = 4 + 4 * dimensions
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP
            file.seek(0)
            with gzip.open(file) if zipped else nullcontext(file) as stream:
                begin = stream.read(header)
                shape = _shape(path, begin, dimensions)
                # One byte more than announced shows that there is more, however much it would be.
                content = stream.read(math.prod(shape) + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise MaskwrightError(f"{path}: damaged gzip file; download it again") from None
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) != math.prod(shape):
        held = f"{len(content):,}" if len(content) < math.prod(shape) else "more"
        raise MaskwrightError(
            f"{path}: holds {held} bytes, where its header announces {math.prod(shape):,} "
            f"({' x '.join(map(str, shape))}); download it again"
        )
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(path: Path, begin: bytes, dimensions: int) -> tuple[int, ...]:
    """Return the shape that a file's first bytes announce."""
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if begin[:4] != expected:
        raise MaskwrightError(
            f"{path}: begins with {begin[:4].hex(' ') or 'nothing'}, where an IDX file of {dimensions}-dimensional "
            f"unsigned bytes has {expected.hex(' ')}; is it the right file?"
        )
    if len(begin) < 4 + 4 * dimensions:
        raise MaskwrightError(f"{path}: ends within its header; download it again")
    shape = struct.unpack(f">{dimensions}I", begin[4:])
    # Also where one of them is 0, so that there is nothing to read: NumPy has a limit of its own.
    if math.prod(max(1, side) for side in shape) > _MOST_BYTES:
        raise MaskwrightError(
            f"{path}: its header announces {' x '.join(map(str, shape))} bytes, more than {_MOST_BYTES >> 30} GiB; "
            "is it the right file?"
        )
    return shape


def read_idx_folder(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Read a folder with MNIST's files, or those of a set of the same form.

    The names are PART-images-idx3-ubyte and PART-labels-idx1-ubyte, PART being train or t10k (the test part, which
    may be missing), with "." or "-" before idx, and with or without .gz.

    Returns:
        For "train", and "test" if there is one: images (N, 28, 28) uint8 and labels (N,) uint8 from 0 to 9.

    Raises:
        MaskwrightError: a file is missing, present twice or unusable, or images and labels do not belong together.
    """
    parts = {}
    for part, prefix in _PARTS.items():
        images, labels = _find(folder, f"{prefix}-images", 3), _find(folder, f"{prefix}-labels", 1)
        if images is None and labels is None and part == "test":
            continue
        if images is None or labels is None:
            name = f"{prefix}-images-idx3-ubyte" if images is None else f"{prefix}-labels-idx1-ubyte"
            raise MaskwrightError(f"{folder}: holds no {name} or {name}.gz; digits.source needs it")
        parts[part] = _checked(images, labels)
    return parts


def _find(folder: Path, name: str, dimensions: int) -> Path | None:
    candidates = [f"{name}{mark}idx{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    found = [folder / candidate for candidate in candidates if (folder / candidate).is_file()]
    if len(found) > 1:
        raise MaskwrightError(f"{folder}: holds {' and '.join(p.name for p in found)}; move all but one away")
    return found[0] if found else None


def _checked(images_file: Path, labels_file: Path) -> tuple[np.ndarray, np.ndarray]:
    images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise MaskwrightError(f"{images_file}: images of {height} x {width} pixels; they must have {SIDE} x {SIDE}")
    if len(images) != len(labels):
        raise MaskwrightError(
            f"{labels_file}: {len(labels):,} labels for the {len(images):,} images of {images_file.name}; "
            "they are not of the same set"
        )
    if len(labels) and labels.max() >= CLASSES:
        place = int((labels >= CLASSES).argmax())
        raise MaskwrightError(
            f"{labels_file}: label {labels[place]} at place {place}; they must be 0 to {CLASSES - 1}"
        )
    return images, labels
