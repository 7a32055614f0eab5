"""Read IDX files, the format in which MNIST and its relatives are published, plain or gzipped.

A file is two zero bytes, a byte for the type (8: unsigned bytes), a byte for the number of dimensions, each dimension
as a big-endian 32-bit integer, and then the values, the last dimension varying fastest.
http://yann.lecun.com/exdb/mnist/
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from maskwright.shared.datasets import DIGIT_CLASSES, DIGIT_SIDE
from maskwright.shared.errors import MaskwrightError

SIDE = DIGIT_SIDE
CLASSES = DIGIT_CLASSES

_UNSIGNED_BYTE = 8
_PARTS = {"train": "train", "test": "t10k"}


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Return the content of an IDX file of unsigned bytes.

    Args:
        path: the file; its first bytes, not its name, say whether it is gzipped.
        dimensions: the number of dimensions that the array must have: 3 for images, 1 for labels.

    Returns:
        An array of uint8 with that number of dimensions.

    Raises:
        MaskwrightError: the file cannot be read, is of another kind, or is longer or shorter than its header says.
    """
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise MaskwrightError(f"{path}: damaged gzip file; download it again") from None
    except OSError as error:
        raise MaskwrightError(f"{path}: cannot be read: {error.strerror}") from None
    expected = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if content[:4] != expected:
        raise MaskwrightError(
            f"{path}: begins with {content[:4].hex(' ') or 'nothing'}, where an IDX file of {dimensions}-dimensional "
            f"unsigned bytes has {expected.hex(' ')}; is it the right file?"
        )
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise MaskwrightError(f"{path}: ends within its header; download it again")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape):
        raise MaskwrightError(
            f"{path}: holds {len(content) - header:,} bytes, where its header announces {math.prod(shape):,} "
            f"({' x '.join(map(str, shape))}); download it again"
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


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
