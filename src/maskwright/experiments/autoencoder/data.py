"""The digits on which the autoencoder is trained and scored. Imports no TensorFlow."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.shared.datasets import read_images
from maskwright.shared.errors import MaskwrightError


class Digits(NamedTuple):
    """A split: images (N, 28, 28, 1), float32 from 0 to 1, and labels (N,), uint8."""

    images: np.ndarray
    labels: np.ndarray


def read_split(settings: Autoencoder, data: Path, split: str) -> Digits:
    """Read a split of the digits; only the first `settings.images` of the training split.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.
        split: "train", "validation" or "test".

    Raises:
        MaskwrightError: the file is missing, or there are fewer than `settings.images` training images.
    """
    images, labels = read_images(data, split, "digits")
    wanted = settings.images
    if split == "train" and wanted is not None:
        if wanted > len(images):
            raise MaskwrightError(
                f"autoencoder.images: {wanted:,} are wanted, and {data} has {len(images):,} to train on; lower it"
            )
        images, labels = images[:wanted], labels[:wanted]
    return Digits(images[..., None].astype(np.float32) / 255, labels)
