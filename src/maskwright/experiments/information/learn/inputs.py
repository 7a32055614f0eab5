"""Reading the digits, for training and for the report. Imports no TensorFlow."""

from pathlib import Path

import numpy as np

from maskwright.shared.datasets import read_images


def read_split(data: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read a split of the digits.

    Args:
        data: the folder that `maskwright generate digits` wrote.
        split: "train", "validation" or "test".

    Returns:
        images (N, 28, 28, 1) uint8, and labels (N,).

    Raises:
        MaskwrightError: the file is missing.
    """
    images, labels = read_images(data, split, "digits")
    return images[..., None], labels
