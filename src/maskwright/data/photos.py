"""Labelled photographs as arrays, and as the stream of augmented batches that training sees."""

import csv
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from maskwright.data.augment import augment, random_numbers
from maskwright.errors import MaskwrightError
from maskwright.images import read_image, read_mask, resize_image, resize_mask
from maskwright.parallel import available_cores
from maskwright.params import Augmentation


@dataclass(frozen=True)
class Example:
    """One row of a split's index: where the photograph and its index mask lie."""

    image: Path
    mask: Path


@dataclass(frozen=True)
class LabelledImages:
    """Decoded and resized: `images` (N, H, W, 3) uint8, `masks` (N, H, W) uint8 with `IGNORE` where unknown."""

    images: np.ndarray
    masks: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def read_split(masks: Path, root: Path, split: str) -> list[Example]:
    """Return the examples of one split from the index that `maskwright masks` wrote.

    Raises:
        MaskwrightError: there is no such index, or it is empty.
    """
    index = masks / f"{split}.csv"
    if not index.is_file():
        raise MaskwrightError(f"{index}: no such file; run `maskwright masks` first")
    with index.open(newline="", encoding="utf-8") as file:
        examples = [Example(root / row["image"], masks / row["mask"]) for row in csv.DictReader(file)]
    if not examples:
        raise MaskwrightError(f"{index}: lists no image; check annotations.{split} in params.yaml")
    return examples


def read_classes(masks: Path) -> list[str]:
    """Return the class names, background first, that the masks' indices stand for."""
    path = masks / "classes.json"
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright masks` first")
    return json.loads(path.read_text(encoding="utf-8"))


def load_images(examples: list[Example], size: tuple[int, int]) -> LabelledImages:
    """Decode and resize all examples once, in threads (Pillow lets go of the interpreter's lock)."""
    images = np.empty((len(examples), *size, 3), np.uint8)
    masks = np.empty((len(examples), *size), np.uint8)

    def load(index: int) -> None:
        images[index] = resize_image(read_image(examples[index].image), size)
        masks[index] = resize_mask(read_mask(examples[index].mask), size)

    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(load, range(len(examples))):
            pass
    return LabelledImages(images, masks)


def passes_per_epoch(number_of_images: int, epoch_images: int) -> int:
    """Return how often an epoch passes over the data: once, or as often as it takes to see `epoch_images`."""
    return max(1, -(-epoch_images // number_of_images))


def steps_per_epoch(number_of_images: int, epoch_images: int, batch_size: int) -> int:
    """Return the number of full batches in an epoch (at least one)."""
    return max(1, passes_per_epoch(number_of_images, epoch_images) * number_of_images // batch_size)


def training_batches(
    data: LabelledImages,
    *,
    epoch_images: int,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    epochs: tuple[int, int],
) -> tf.data.Dataset:
    """Return the batches of the epochs from `epochs[0]` up to, not including, `epochs[1]`.

    Order and augmentation are functions of the seed and of how many images have been seen since the start of
    epoch 0, so a stream that starts at a later epoch equals the rest of one that started at the first. Every image is
    seen as often as any other within a pass; what does not fill a batch at the end of an epoch is dropped.

    Yields:
        (B, H, W, 3) float32 images in [0, 255] and (B, H, W) int32 masks, `steps_per_epoch` of them an epoch.
    """
    images, masks = tf.constant(data.images), tf.constant(data.masks)

    def fetch(indices: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return augment(tf.gather(images, indices), tf.gather(masks, indices), numbers, augmentation)

    visits = image_visits(len(data), epoch_images=epoch_images, batch_size=batch_size, seed=seed, epochs=epochs)
    return visits.map(fetch, num_parallel_calls=2, deterministic=True).prefetch(2)


def image_visits(
    count: int, *, epoch_images: int, batch_size: int, seed: int, epochs: tuple[int, int]
) -> tf.data.Dataset:
    """Return for each batch, in the order of `training_batches`, which of `count` images it holds, and their numbers.

    Yields:
        (B,) int32 indices, and what `augment.random_numbers` gives for each, (B, NUMBERS) float32.
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


def batches(data: LabelledImages, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (images, masks) slices in order, without augmentation; the last may be smaller."""
    for start in range(0, len(data), batch_size):
        yield data.images[start : start + batch_size], data.masks[start : start + batch_size]
