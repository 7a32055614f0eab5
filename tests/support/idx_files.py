"""IDX files, the format in which MNIST is published."""

import gzip
import struct

import numpy as np


def idx(array):
    """Return the bytes of an IDX file of unsigned bytes."""
    array = np.asarray(array, np.uint8)
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def images(number):
    """Return images (number, 28, 28), all different."""
    return np.arange(number * 784).reshape(number, 28, 28) % 251


def write_set(folder, *, part="train", number=2, labels=None, gzipped=False, mark="-"):
    """Write a part of a set as files named as MNIST's, and return the folder."""
    folder.mkdir(exist_ok=True)
    labels = [3, 7] if labels is None else labels
    for name, content in (
        (f"{part}-images{mark}idx3-ubyte", idx(images(number))),
        (f"{part}-labels{mark}idx1-ubyte", idx(labels)),
    ):
        path = folder / (name + (".gz" if gzipped else ""))
        path.write_bytes(gzip.compress(content) if gzipped else content)
    return folder
