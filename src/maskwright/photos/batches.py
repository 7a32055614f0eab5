"""Photographs as arrays, and the order in which training visits them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from maskwright.photos.augment import random_numbers
from maskwright.photos.images import read_image, read_mask, resize_image, resize_mask
from maskwright.shared.parallel import available_cores


def decode_images(paths: Sequence[Path], size: tuple[int, int]) -> np.ndarray:
    """Decode photographs and resize them to `size` (height, width), in threads.

    Returns:
        (N, H, W, 3) uint8, in the order of `paths`.

    Raises:
        MaskwrightError: a photograph cannot be read.
    """
    return _decoded(paths, (*size, 3), lambda path: resize_image(read_image(path), size))


def decode_masks(paths: Sequence[Path], size: tuple[int, int]) -> np.ndarray:
    """Decode index masks and resize them to `size` (height, width), in threads.

    Returns:
        (N, H, W) uint8, in the order of `paths`.

    Raises:
        MaskwrightError: one cannot be read.
    """
    return _decoded(paths, size, lambda path: resize_mask(read_mask(path), size))


def _decoded(paths: Sequence[Path], shape: tuple[int, ...], read: Callable[[Path], np.ndarray]) -> np.ndarray:
    arrays = np.empty((len(paths), *shape), np.uint8)

    def load(index: int) -> None:
        arrays[index] = read(paths[index])

    # Pillow releases the interpreter's lock while it decodes.
    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(load, range(len(paths))):
            pass
    return arrays


def passes_per_epoch(number_of_images: int, epoch_images: int) -> int:
    """Return the number of passes over the data in an epoch: at least one, and enough to see `epoch_images`."""
    return max(1, -(-epoch_images // number_of_images))


def steps_per_epoch(number_of_images: int, epoch_images: int, batch_size: int) -> int:
    """Return the number of full batches in an epoch (at least one)."""
    return max(1, passes_per_epoch(number_of_images, epoch_images) * number_of_images // batch_size)


def image_visits(
    count: int, *, epoch_images: int, batch_size: int, seed: int, epochs: tuple[int, int]
) -> tf.data.Dataset:
    """Return the images in each training batch, out of `count` images, with the random numbers to augment them.

    Order and random numbers depend only on the seed and on the number of images seen since the start of epoch 0. A
    stream that starts at a later epoch therefore equals the rest of a stream that starts at epoch 0. Within a pass,
    every image is seen once. Images that do not fill the last batch of an epoch are dropped.

    Args:
        count: the number of images.
        epoch_images: the least number of images in an epoch.
        batch_size: number of images in a batch, B.
        seed: determines order and random numbers.
        epochs: the first epoch (from 0), and the epoch before which the stream ends.

    Yields:
        (B,) int32 indices, and (B, NUMBERS) float32, the result of `augment.random_numbers` for each image. There are
        `steps_per_epoch` batches in an epoch.
    """
    passes = passes_per_epoch(count, epoch_images)
    batch_size = min(batch_size, passes * count)
    shuffle = tf.random.experimental.stateless_shuffle  # pyright: ignore[reportAttributeAccessIssue]

    def visits(epoch: tf.Tensor) -> tf.data.Dataset:
        order = [shuffle(tf.range(count), seed=tf.stack([seed, epoch * passes + turn])) for turn in range(passes)]
        seen = epoch * passes * count + tf.range(passes * count, dtype=tf.int64)
        return tf.data.Dataset.from_tensor_slices((tf.concat(order, 0), seen)).batch(batch_size, drop_remainder=True)

    def numbers(indices: tf.Tensor, seen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        draw = tf.map_fn(lambda n: random_numbers(tf.stack([seed, n])), seen, fn_output_signature=tf.float32)
        return indices, draw

    return tf.data.Dataset.range(*epochs).flat_map(visits).map(numbers)
