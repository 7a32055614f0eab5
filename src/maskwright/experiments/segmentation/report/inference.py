"""From a trained network to masks of photographs of any size."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from PIL import Image
from pydantic import Field

import maskwright.learning.common.attention
import maskwright.learning.common.layers  # noqa: F401  the layers that a stored architecture may name
from maskwright.learning.common.saved import Facts, load_model
from maskwright.photos.images import resize_image
from maskwright.photos.inference import frozen
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Size

Forward = Callable[[np.ndarray], np.ndarray]

_STRIP_PIXELS = 2_000_000


class SegmentationFacts(Facts):
    """What is stored with a network: the names of its classes, background first, and the size of its input."""

    classes: Annotated[list[str], Field(min_length=2, max_length=255)]
    size: Size


class Trained(NamedTuple):
    """A trained network.

    Attributes:
        network: (B, H, W, 3) in [0, 255] -> (B, H, W, C) float32 logits.
        classes: C names in index order, background first.
        size: height and width of the training images, in pixels.
    """

    network: keras.Model
    classes: list[str]
    size: tuple[int, int]


def load_trained(folder: Path) -> Trained:
    """Read a trained model.

    Raises:
        MaskwrightError: a file is missing or damaged, or the files are not those of one network.
    """
    network, about = load_model(folder, SegmentationFacts)
    shapes: Any = (network.input_shape, network.output_shape)
    # Four dimensions each: (B, H, W, 3) and (B, H, W, C).
    if [len(shape) for shape in shapes] != [4, 4] or [shape[3] for shape in shapes] != [3, len(about.classes)]:
        raise MaskwrightError(f"{folder}: its network is not one of {len(about.classes)} classes; train it again")
    return Trained(network, about.classes, about.size)


def compiled(model: keras.Model, *, flip: bool = False) -> Forward:
    """Return a function (B, h, w, 3) uint8 -> (B, h, w, C) float32 class probabilities; see `frozen`.

    Args:
        model: a network that returns logits.
        flip: average the probabilities for the image and for its mirror image.
    """
    forward = frozen(model)

    @tf.function(reduce_retracing=True)
    def probabilities(images: tf.Tensor) -> tf.Tensor:
        images = tf.cast(images, tf.float32)
        if not flip:
            return tf.nn.softmax(forward(images))
        result, mirrored = tf.split(tf.nn.softmax(forward(tf.concat([images, images[:, :, ::-1]], 0))), 2)
        return (result + mirrored[:, :, ::-1]) / 2

    return lambda images: probabilities(tf.constant(images)).numpy()


def segment(
    forward: Forward, images: Iterable[np.ndarray], size: tuple[int, int], *, batch_size: int = 16
) -> Iterator[np.ndarray]:
    """Yield the (H, W) uint8 mask of each (H, W, 3) uint8 image at its own resolution.

    The image is resized to `size`, the probabilities are interpolated bilinearly back to (H, W), and each pixel gets
    the most probable class. Only one image at a time is held at full resolution, so there may be many large images.
    """
    resized = ((image.shape[:2], resize_image(image, size)) for image in images)
    while batch := list(islice(resized, batch_size)):
        probabilities = forward(np.stack([image for _, image in batch]))
        for ((height, width), _), map_ in zip(batch, probabilities, strict=True):
            yield most_probable(map_, (height, width))


def segment_tiled(
    forward: Forward, image: np.ndarray, size: tuple[int, int], tile: int, *, batch_size: int = 8
) -> np.ndarray:
    """Return the (H, W) uint8 mask of one image, predicted in overlapping tiles `tile` pixels wide.

    This is for images whose objects would be tiny if the whole image were resized to `size`. Every tile fills the
    network's input. Tiles overlap by half. Their probabilities are averaged with weights that fall towards a tile's
    edge, where the network sees least of the surroundings.
    """
    height, width = size
    scale = width / tile
    canvas = resize_image(
        image, (max(height, round(image.shape[0] * scale)), max(width, round(image.shape[1] * scale)))
    )
    rows = _starts(canvas.shape[0], height)
    columns = _starts(canvas.shape[1], width)
    corners = [(row, column) for row in rows for column in columns]
    weight = np.outer(_tent(height), _tent(width))[..., None].astype(np.float32)
    total: np.ndarray | None = None
    weights = np.zeros((*canvas.shape[:2], 1), np.float32)
    for start in range(0, len(corners), batch_size):
        batch = corners[start : start + batch_size]
        tiles = forward(np.stack([canvas[r : r + height, c : c + width] for r, c in batch]))
        if total is None:
            total = np.zeros((*canvas.shape[:2], tiles.shape[-1]), np.float32)
        for (r, c), probabilities in zip(batch, tiles, strict=True):
            total[r : r + height, c : c + width] += weight * probabilities
            weights[r : r + height, c : c + width] += weight
    assert total is not None  # there is at least one tile
    total /= weights
    return most_probable(total, (image.shape[0], image.shape[1]))


def most_probable(probabilities: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Interpolate (h, w, C) float32 probabilities to `size` and return the (H, W) uint8 index of the largest.

    It works in strips of rows, so that the interpolated probabilities of a large photograph are never in memory as a
    whole.
    """
    height, width = size
    rows, columns, classes = probabilities.shape
    maps = [Image.fromarray(np.ascontiguousarray(probabilities[..., c])) for c in range(classes)]
    result = np.empty(size, np.uint8)
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        bottom = min(height, top + step)
        box = (0, top * rows / height, columns, bottom * rows / height)
        strip = [np.asarray(map_.resize((width, bottom - top), Image.Resampling.BILINEAR, box=box)) for map_ in maps]
        result[top:bottom] = np.argmax(np.stack(strip), axis=0)
    return result


def _starts(length: int, window: int) -> list[int]:
    """Return evenly spaced starts of windows that cover `length` and overlap by at least half."""
    count = max(1, -(-2 * (length - window) // window) + 1)
    return [round(i * (length - window) / max(1, count - 1)) for i in range(count)]


def _tent(length: int) -> np.ndarray:
    """Return weights that rise from the edges to the middle and are never zero."""
    distance = np.minimum(np.arange(length) + 1, length - np.arange(length))
    return distance / distance.max()
