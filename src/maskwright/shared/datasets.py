"""Reading the data that the pipeline generated. Imports no TensorFlow."""

from pathlib import Path

import numpy as np

from maskwright.shared.errors import MaskwrightError

DIGIT_SIDE = 28
"""Height and width of a handwritten digit, in pixels."""

DIGIT_CLASSES = 10


def read_images(data: Path, split: str, generated: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a split of labelled images, `data`/SPLIT.npz.

    Args:
        data: the folder of the data set.
        split: "train", "validation" or "test".
        generated: the name of the data set, for the message.

    Returns:
        images (N, H, W) or (N, H, W, C) uint8, and labels (N,).

    Raises:
        MaskwrightError: the file is missing.
    """
    arrays = read_arrays(data / f"{split}.npz", generated)
    return arrays["images"], arrays["labels"]


def read_arrays(path: Path, generated: str) -> dict[str, np.ndarray]:
    """Read an .npz file of the generated data set with that name.

    Raises:
        MaskwrightError: the file is missing.
    """
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright generate {generated}` first")
    with np.load(path) as arrays:
        return dict(arrays)
