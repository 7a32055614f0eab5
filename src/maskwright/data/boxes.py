"""Photographs with boxes as arrays, and as the stream of augmented batches that a detector learns from."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.boxes import UNKNOWN, Truth
from maskwright.data.augment import recolour, transforms, warp
from maskwright.data.photos import image_visits
from maskwright.errors import MaskwrightError
from maskwright.images import read_image, resize_image
from maskwright.nn.anchors import Anchors, assign_targets
from maskwright.parallel import available_cores
from maskwright.params import Augmentation, Offsets

LEAST_VISIBLE = 0.25
"""An object of whose box less than this share is left in the picture is no longer one to find, nor background."""

_GREY = 127.5


@dataclass(frozen=True)
class Example:
    """A photograph, its size in pixels as shown, and its boxes in those pixels."""

    image: Path
    height: int
    width: int
    truth: Truth


@dataclass(frozen=True)
class BoxedImages:
    """Decoded and resized: `images` (N, H, W, 3) uint8, and all their boxes in a row, in pixels of that size.

    Attributes:
        images: see above.
        boxes: (T, 4) float32 corners.
        classes: (T,) int32, from 1; `UNKNOWN` where something of unknown class is.
        splits: (N + 1,) int64, image i has the boxes from splits[i] up to, not including, splits[i + 1].
    """

    images: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    splits: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def read_boxes(masks: Path, root: Path, split: str) -> list[Example]:
    """Return the examples of one split from the COCO file that `maskwright masks` wrote.

    Raises:
        MaskwrightError: there is no such file, or it lists no image.
    """
    path = masks / f"{split}.coco.json"
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright masks` first")
    coco = json.loads(path.read_text(encoding="utf-8"))
    if not coco["images"]:
        raise MaskwrightError(f"{path}: lists no image; check annotations.{split} in params.yaml")
    rows: dict[int, list[tuple[list[float], int]]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        rows[annotation["image_id"]].append((annotation["bbox"], annotation["category_id"]))
    examples = []
    for image in coco["images"]:
        found = [*rows[image["id"]], *((box, UNKNOWN) for box in image.get("unlabelled", []))]
        boxes = np.array([box for box, _ in found], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        truth = Truth(boxes, np.array([label for _, label in found], np.int32))
        examples.append(Example(root / image["file_name"], image["height"], image["width"], truth))
    return examples


def load_boxed_images(examples: list[Example], size: tuple[int, int]) -> BoxedImages:
    """Decode and resize all examples once, in threads (Pillow lets go of the interpreter's lock)."""
    images = np.empty((len(examples), *size, 3), np.uint8)

    def load(index: int) -> None:
        images[index] = resize_image(read_image(examples[index].image), size)

    with ThreadPoolExecutor(available_cores()) as pool:
        for _ in pool.map(load, range(len(examples))):
            pass
    height, width = size
    boxes = [
        example.truth.boxes * np.tile([width / example.width, height / example.height], 2) for example in examples
    ]
    classes = [example.truth.classes for example in examples]
    return BoxedImages(
        images,
        np.concatenate(boxes).astype(np.float32),
        np.concatenate(classes).astype(np.int32),
        np.cumsum([0, *map(len, boxes)]).astype(np.int64),
    )


def training_batches(
    data: BoxedImages,
    anchors: Anchors,
    *,
    match_iou: float,
    offsets: Offsets,
    epoch_images: int,
    batch_size: int,
    augmentation: Augmentation,
    seed: int,
    epochs: tuple[int, int],
) -> tf.data.Dataset:
    """Return the batches of the epochs from `epochs[0]` up to, not including, `epochs[1]`.

    Order and augmentation are those of `photos.training_batches`.

    Yields:
        (B, H, W, 3) float32 images in [0, 255], and (B, A, 5) float32 targets, see `anchors.assign_targets`.
    """
    images = tf.constant(data.images)
    boxes, classes = _ragged(data.boxes, data.splits), _ragged(data.classes, data.splits)
    assign = partial(assign_targets, anchors=anchors, threshold=match_iou, offsets=offsets)

    def fetch(indices: tf.Tensor, numbers: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        padded = tf.gather(boxes, indices).to_tensor(), tf.gather(classes, indices).to_tensor()
        batch, moved, labels = augment_boxed(tf.gather(images, indices), *padded, numbers, augmentation)
        targets: Any = tf.numpy_function(assign, [moved, labels], tf.float32)
        return batch, tf.ensure_shape(targets, (None, len(anchors.boxes), 5))

    visits = image_visits(len(data), epoch_images=epoch_images, batch_size=batch_size, seed=seed, epochs=epochs)
    return visits.map(fetch, num_parallel_calls=2, deterministic=True).prefetch(2)


def batches(
    data: BoxedImages, anchors: Anchors, batch_size: int, *, match_iou: float, offsets: Offsets
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (images, targets) in order, without augmentation; the last may be smaller."""
    for start in range(0, len(data), batch_size):
        stop = min(start + batch_size, len(data))
        splits = data.splits[start : stop + 1]
        part = slice(splits[0], splits[-1])
        boxes = _ragged(data.boxes[part], splits - splits[0]).to_tensor().numpy()
        classes = _ragged(data.classes[part], splits - splits[0]).to_tensor().numpy()
        yield data.images[start:stop], assign_targets(boxes, classes, anchors, threshold=match_iou, offsets=offsets)


def _ragged(values: np.ndarray, splits: np.ndarray) -> Any:
    return tf.RaggedTensor.from_row_splits(values, splits)  # pyright: ignore[reportAttributeAccessIssue]


def augment_boxed(
    images: Any, boxes: Any, classes: Any, numbers: tf.Tensor, strength: Augmentation
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Vary a batch as `augment.augment` does, and move the boxes with the pixels.

    A turned object's box is taken to be that of the ellipse that fills its old box, turned: of the old corners it
    would be far too large (Kalra et al. 2021, https://arxiv.org/abs/2109.13488). What the warp brings in from outside
    the frame is grey, since a mirrored object would have no box.

    Args:
        images: (B, H, W, 3) uint8 or float in [0, 255].
        boxes: (B, M, 4) float32 corners in pixels.
        classes: (B, M) int32; 0 is padding.
        numbers: (B, NUMBERS) float32 in [0, 1); each row decides its image's variation.
        strength: how much.

    Returns:
        The images as float32; the boxes, cut off at the borders; and their classes: 0 where nothing of a box is left,
        `UNKNOWN` where less than a quarter is.
    """
    images = tf.cast(images, tf.float32)
    if strength.flip or strength.scale or strength.rotate or strength.crop:
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        rows = transforms(height, width, numbers, strength)
        images = warp(images, rows, "BILINEAR", fill_mode="CONSTANT", fill=_GREY)
        boxes, classes = _moved(boxes, classes, rows, height, width)
    if strength.colour:
        images = recolour(images, numbers[:, 5:], strength.colour)
    return images, boxes, classes


def _moved(
    boxes: Any, classes: Any, rows: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    a, b, c, d, e, f = (value[:, None] for value in tf.unstack(rows, axis=1)[:6])
    # The rows lead from a pixel of the result to one of the source, and count pixels by their middles.
    x, y = (boxes[..., 0] + boxes[..., 2]) / 2 - 0.5 - c, (boxes[..., 1] + boxes[..., 3]) / 2 - 0.5 - f
    half_x, half_y = (boxes[..., 2] - boxes[..., 0]) / 2, (boxes[..., 3] - boxes[..., 1]) / 2
    scale = a * e - b * d
    x, y = (e * x - b * y) / scale + 0.5, (a * y - d * x) / scale + 0.5
    reach_x = tf.sqrt(tf.square(e * half_x) + tf.square(b * half_y)) / tf.abs(scale)
    reach_y = tf.sqrt(tf.square(d * half_x) + tf.square(a * half_y)) / tf.abs(scale)
    edges: Any = tf.stack([x - reach_x, y - reach_y, x + reach_x, y + reach_y], axis=-1)
    limits = tf.cast(tf.stack([width, height, width, height]), tf.float32)
    cut: Any = tf.clip_by_value(edges, 0.0, limits)
    sides: Any = cut[..., 2:] - cut[..., :2]
    visible = sides[..., 0] * sides[..., 1]
    mostly_gone = visible < LEAST_VISIBLE * 4 * reach_x * reach_y
    classes = tf.where(mostly_gone & (classes > 0), UNKNOWN, classes)
    return cut, tf.where(tf.reduce_min(sides, axis=-1) > 0, classes, 0)
