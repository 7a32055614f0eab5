"""Labelled photographs, as arrays and as the stream of augmented batches for training."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from maskwright.photos.augment import augment
from maskwright.photos.batches import decode_images, decode_masks, image_visits
from maskwright.photos.splits import Example
from maskwright.shared.settings import Augmentation


@dataclass(frozen=True)
class LabelledImages:
    """Decoded and resized `images`, (N, H, W, 3) uint8, and `masks`, (N, H, W) uint8, with `IGNORE` where unknown."""

    images: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def load_images(examples: Sequence[Example], size: tuple[int, int]) -> LabelledImages:
    """Decode all examples and resize them to `size` (height, width).

    Raises:
        MaskwrightError: a photograph or a mask cannot be read.
    """
    return LabelledImages(
        decode_images([example.image for example in examples], size),
        decode_masks([example.mask for example in examples], size),
    )


def labelled_batches(
    data: LabelledImages,
    *,
    epoch_images: int,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    epochs: tuple[int, int],
) -> tf.data.Dataset:
    """Return the augmented batches of the epochs from `epochs[0]` up to, not including, `epochs[1]`.

    `photos.batches.image_visits` determines order and augmentation.

    Yields:
        (B, H, W, 3) float32 images in [0, 255] and (B, H, W) int32 masks, `steps_per_epoch` times in each epoch.
    """
    images, masks = tf.constant(data.images), tf.constant(data.masks)

    def fetch(indices: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return augment(tf.gather(images, indices), tf.gather(masks, indices), numbers, augmentation)

    visits = image_visits(len(data), epoch_images=epoch_images, batch_size=batch_size, seed=seed, epochs=epochs)
    return visits.map(fetch, num_parallel_calls=2, deterministic=True).prefetch(2)


def plain_batches(data: LabelledImages, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield batches (images, masks) in order, without augmentation; the last one may be smaller."""
    for start in range(0, len(data), batch_size):
        yield data.images[start : start + batch_size], data.masks[start : start + batch_size]
