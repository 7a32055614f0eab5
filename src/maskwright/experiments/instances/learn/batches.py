"""Photographs with object numbers, as arrays and as the stream of augmented batches for training."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from maskwright.experiments.instances.learn.targets import make_targets
from maskwright.photos.augment import cut_out, recolour, rectangles, transforms, warp
from maskwright.photos.batches import decode_images, decode_masks, image_visits
from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT, read_objects, resize_objects
from maskwright.photos.splits import NUMBERS, Example, numbers_of, read_split
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.parallel import available_cores
from maskwright.shared.settings import Augmentation

_GREY = 127.5


@dataclass(frozen=True)
class NumberedImages:
    """Decoded and resized photographs of a split.

    Attributes:
        images: (N, H, W, 3) uint8.
        masks: (N, H, W) uint8 class indices, `IGNORE` where unknown.
        objects: (N, H, W) uint16 object numbers, 0 for none, `UNKNOWN_OBJECT` where unknown.
    """

    images: np.ndarray
    masks: np.ndarray
    objects: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def load_split(folder: Path, size: tuple[int, int]) -> NumberedImages:
    """Decode a split's images, masks and object numbers, and resize them to `size` (height, width).

    Args:
        folder: the split's folder, which `maskwright masks` wrote.
        size: see above.

    Raises:
        MaskwrightError: a file is missing or cannot be read.
    """
    examples = read_split(folder)
    paths = objects_of(folder, examples)
    numbers = np.empty((len(examples), *size), np.uint16)

    def load(index: int) -> None:
        numbers[index] = resize_objects(read_objects(paths[index]), size)

    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(load, range(len(examples))):
            pass
    images = decode_images([example.image for example in examples], size)
    return NumberedImages(images, decode_masks([example.mask for example in examples], size), numbers)


def objects_of(folder: Path, examples: list[Example]) -> list[Path]:
    """Return the file of the object numbers of each example of a split.

    Raises:
        MaskwrightError: the split was written without object numbers.
    """
    if not (folder / NUMBERS).is_dir():
        raise MaskwrightError(f"{folder / NUMBERS}: no such folder; run `maskwright masks` again")
    return [folder / numbers_of(example.mask.relative_to(folder).as_posix()) for example in examples]


def numbered_batches(
    data: NumberedImages,
    things: np.ndarray,
    *,
    sigma: float,
    epoch_images: int,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    epochs: tuple[int, int],
) -> tf.data.Dataset:
    """Return the augmented batches of the epochs from `epochs[0]` up to, not including, `epochs[1]`.

    `photos.batches.image_visits` determines the images in each batch and their augmentation.

    Args:
        data: the training images.
        things: (256,) bool, which classes are divided into objects.
        sigma: see `targets.make_targets`.
        epoch_images: the least number of images in an epoch.
        batch_size: number of images in a batch, B.
        augmentation: strength of the augmentation.
        seed: determines order and augmentation.
        epochs: see above.

    Yields:
        (B, H, W, 3) float32 images in [0, 255], and (B, H, W, CHANNELS) float32 targets, see `targets`.
    """
    images, masks, objects = tf.constant(data.images), tf.constant(data.masks), tf.constant(data.objects)
    divided = tf.constant(things)

    def fetch(indices: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picked, known, numbered = (tf.gather(array, indices) for array in (images, masks, objects))
        batch, classes, moved = augment_numbered(picked, known, numbered, numbers, augmentation)
        return batch, make_targets(classes, moved, divided, sigma)

    visits = image_visits(len(data), epoch_images=epoch_images, batch_size=batch_size, seed=seed, epochs=epochs)
    return visits.map(fetch, num_parallel_calls=2, deterministic=True).prefetch(2)


def augment_numbered(
    images: tf.Tensor, masks: tf.Tensor, objects: tf.Tensor, numbers: tf.Tensor, strength: Augmentation
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Augment a batch as `augment.augment` does, and move the objects with the pixels.

    Pixels from outside the frame are grey, and unknown: a mirrored object would have the number of the true one.

    Args:
        images: (B, H, W, 3) uint8 or float in [0, 255].
        masks: (B, H, W) integer class indices.
        objects: (B, H, W) integer object numbers.
        numbers: (B, NUMBERS) float32 in [0, 1); each row determines the augmentation of its image.
        strength: strength of each kind of augmentation.

    Returns:
        (B, H, W, 3) float32 images in [0, 255], and (B, H, W) int32 masks and object numbers.
    """
    images = tf.cast(images, tf.float32)
    masks, objects = tf.cast(masks, tf.int32), tf.cast(objects, tf.int32)
    if strength.flip or strength.scale or strength.rotate or strength.crop:
        rows = transforms(tf.shape(images)[1], tf.shape(images)[2], numbers, strength)
        images = warp(images, rows, "BILINEAR", fill_mode="CONSTANT", fill=_GREY)
        # By the nearest pixel, so that no number is invented.
        masks, objects = (
            warp(tf.expand_dims(values, -1), rows, "NEAREST", fill_mode="CONSTANT", fill=fill)[..., 0]
            for values, fill in ((masks, IGNORE), (objects, UNKNOWN_OBJECT))
        )
    if strength.colour:
        images = recolour(images, numbers[:, 5:9], strength.colour)
    if strength.cutout:
        images = cut_out(images, rectangles(tf.shape(images)[1], tf.shape(images)[2], numbers, strength))
    return images, masks, objects
