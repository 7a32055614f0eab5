"""Photographs with boxes, as arrays and as the stream of augmented batches on which a detector is trained."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.detection.learn.anchors import Anchors, assign_targets
from maskwright.experiments.detection.learn.boxes import UNKNOWN, Truth
from maskwright.experiments.detection.params import Detection, Offsets
from maskwright.photos.augment import cut_out, recolour, rectangles, transforms, warp
from maskwright.photos.batches import decode_images, image_visits
from maskwright.photos.splits import BOXES, INDEX, read_split
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Augmentation

LEAST_VISIBLE = 0.25
"""If less than this share of a box is left in the picture, or not cut out of it, its class becomes `UNKNOWN`."""

_GREY = 127.5


@dataclass(frozen=True)
class BoxedExample:
    """The path of a photograph, its size in pixels as shown, and its boxes in the same pixels."""

    image: Path
    height: int
    width: int
    truth: Truth


@dataclass(frozen=True)
class BoxedImages:
    """Decoded and resized photographs, and their boxes, with the boxes of all images in one array.

    Attributes:
        images: (N, H, W, 3) uint8.
        boxes: (T, 4) float32 corners, in pixels of `images`.
        classes: (T,) int32, from 1, or `UNKNOWN`.
        splits: (N + 1,) int64; image i has the boxes from splits[i] up to, not including, splits[i + 1].
    """

    images: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray
    splits: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def read_boxes(folder: Path) -> list[BoxedExample]:
    """Return the examples of one split, in the order of its index.

    Args:
        folder: the split's folder, such as data/masks/train, which `maskwright masks` wrote. Photographs are read
            from index.csv, and boxes from boxes.coco.json, which lists the same images in the same order.

    Raises:
        MaskwrightError: a file is missing, no image is listed, or the two files list different numbers of images.
    """
    path = folder / BOXES
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright masks` first")
    coco = json.loads(path.read_text(encoding="utf-8"))
    listed = read_split(folder)
    if len(listed) != len(coco["images"]):
        raise MaskwrightError(
            f"{path}: lists {len(coco['images'])} images, but {INDEX} {len(listed)}; run `maskwright masks` again"
        )
    rows: dict[int, list[tuple[list[float], int]]] = {image["id"]: [] for image in coco["images"]}
    for annotation in coco["annotations"]:
        rows[annotation["image_id"]].append((annotation["bbox"], annotation["category_id"]))
    examples = []
    for photograph, image in zip(listed, coco["images"], strict=True):
        found = [*rows[image["id"]], *((box, UNKNOWN) for box in image.get("unlabelled", []))]
        boxes = np.array([box for box, _ in found], np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        truth = Truth(boxes, np.array([label for _, label in found], np.int32))
        examples.append(BoxedExample(photograph.image, image["height"], image["width"], truth))
    return examples


def training_boxes(settings: Detection, data: Path) -> list[BoxedExample]:
    """Return the photographs to train on: all of the split, or `settings.images` of them, drawn by the seed.

    Args:
        settings: the section `detection` of params.yaml.
        data: the folder that `maskwright masks` wrote.

    Raises:
        MaskwrightError: there are fewer than `settings.images`, or as `read_boxes`.
    """
    examples = read_boxes(data / "train")
    wanted = settings.images
    if wanted is None:
        return examples
    if wanted > len(examples):
        raise MaskwrightError(
            f"detection.images: {wanted:,} are wanted, and {data / 'train'} has {len(examples):,}; lower it"
        )
    chosen = np.random.default_rng([settings.seed % 2**64, 2]).permutation(len(examples))[:wanted]
    return [examples[number] for number in sorted(chosen)]


def load_boxed_images(examples: Sequence[BoxedExample], size: tuple[int, int]) -> BoxedImages:
    """Decode all photographs and resize them, with their boxes, to `size` (height, width).

    Raises:
        MaskwrightError: a photograph cannot be read.
    """
    images = decode_images([example.image for example in examples], size)
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


def boxed_batches(
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
    """Return the augmented batches of the epochs from `epochs[0]` up to, not including, `epochs[1]`.

    `photos.batches.image_visits` determines the images in each batch and their augmentation.

    Args:
        data: the training images.
        anchors: A anchors.
        match_iou: see `anchors.match`.
        offsets: see `anchors.encode`.
        epoch_images: the least number of images in an epoch.
        batch_size: number of images in a batch, B.
        augmentation: strength of the augmentation.
        seed: determines order and augmentation.
        epochs: see above.

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


def ordered_batches(
    data: BoxedImages, anchors: Anchors, batch_size: int, *, match_iou: float, offsets: Offsets
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the images and targets of each batch in order, without augmentation; the last batch may be smaller.

    Yields:
        (B, H, W, 3) uint8 images, and (B, A, 5) float32 targets, see `anchors.assign_targets`.
    """
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
    """Augment a batch as `augment.augment` does, and move the boxes with the pixels.

    The box of a rotated object is the box of the rotated ellipse that filled the old box. A box around the rotated
    corners would be far too large (Kalra et al. 2021, https://arxiv.org/abs/2109.13488). Pixels from outside the
    frame are grey, since a mirrored object would have no box.

    Args:
        images: (B, H, W, 3) uint8 or float in [0, 255].
        boxes: (B, M, 4) float32 corners in pixels.
        classes: (B, M) int32; 0 is padding.
        numbers: (B, NUMBERS) float32 in [0, 1); each row determines the augmentation of its image.
        strength: strength of each kind of augmentation.

    Returns:
        The images as float32, the boxes, clipped at the borders, and their classes: 0 if nothing of a box is left,
        `UNKNOWN` if less than a quarter is left, or if more than three quarters of what is left are cut out: such an
        object can hardly be recognised, but is no background either. A box does not change by what is cut out.
    """
    images = tf.cast(images, tf.float32)
    if strength.flip or strength.scale or strength.rotate or strength.crop:
        height, width = tf.shape(images)[1], tf.shape(images)[2]
        rows = transforms(height, width, numbers, strength)
        images = warp(images, rows, "BILINEAR", fill_mode="CONSTANT", fill=_GREY)
        boxes, classes = _moved(boxes, classes, rows, height, width)
    if strength.colour:
        images = recolour(images, numbers[:, 5:9], strength.colour)
    if strength.cutout:
        cut = rectangles(tf.shape(images)[1], tf.shape(images)[2], numbers, strength)
        images, classes = cut_out(images, cut), _hidden(boxes, classes, cut)
    return images, boxes, classes


def _hidden(boxes: Any, classes: Any, cut: tf.Tensor) -> tf.Tensor:
    """Return the classes, `UNKNOWN` where a box has less than `LEAST_VISIBLE` of its area outside the rectangle."""
    low = tf.maximum(boxes[..., :2], cut[:, None, :2])
    high = tf.minimum(boxes[..., 2:], cut[:, None, 2:])
    shared = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
    whole = tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
    return tf.where((whole - shared < LEAST_VISIBLE * whole) & (classes > 0), UNKNOWN, classes)


def _moved(
    boxes: Any, classes: Any, rows: tf.Tensor, height: tf.Tensor, width: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    a, b, c, d, e, f = (value[:, None] for value in tf.unstack(rows, axis=1)[:6])
    # The rows map a pixel of the result to a pixel of the source, with coordinates at the pixels' centres.
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
