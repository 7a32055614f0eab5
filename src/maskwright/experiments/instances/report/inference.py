"""From a trained network to the objects in photographs of any size."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from pydantic import Field

import maskwright.learning.common.attention
import maskwright.learning.common.layers  # noqa: F401  the layers that a stored architecture may name
from maskwright.experiments.instances.learn.grouping import Objects, grouper, things_of
from maskwright.experiments.instances.learn.network import FURTHER
from maskwright.experiments.instances.params import Grouping
from maskwright.learning.common.saved import Facts, load_model
from maskwright.photos.images import resize_image, resize_mask
from maskwright.photos.inference import frozen
from maskwright.photos.objects import resize_objects
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Size

GROUPED_PIXELS = 2_000_000
"""Larger photographs are grouped at this size, and their masks enlarged: the network saw far fewer pixels anyway."""


class InstancesFacts(Facts):
    """What is stored with a network: its classes, background first, its input's size, and how pixels are grouped."""

    network: str
    classes: Annotated[list[str], Field(min_length=2, max_length=255)]
    size: Size
    stuff: list[str]
    grouping: Grouping

    @property
    def things(self) -> np.ndarray:
        """Which class indices are divided into objects: (256,) bool."""
        return things_of(self.classes, self.stuff)


class Seen(NamedTuple):
    """What the network says of one photograph.

    Attributes:
        outputs: (h, w, C + FURTHER) float32; see `learn.network.read_outputs`.
        size: the photograph's height and width in pixels.
    """

    outputs: np.ndarray
    size: tuple[int, int]

    @property
    def grouped_size(self) -> tuple[int, int]:
        """The height and width at which the pixels are grouped: those of the photograph, or fewer pixels."""
        height, width = self.size
        scale = min(1.0, math.sqrt(GROUPED_PIXELS / (height * width)))
        return max(1, round(height * scale)), max(1, round(width * scale))


def load_trained(folder: Path) -> tuple[keras.Model, InstancesFacts]:
    """Read a trained model.

    Raises:
        MaskwrightError: a file is missing or damaged, or the files are not those of one network.
    """
    network, about = load_model(folder, InstancesFacts)
    shapes: Any = (network.input_shape, network.output_shape)
    if [len(shape) for shape in shapes] != [4, 4] or [shape[3] for shape in shapes] != [
        3,
        len(about.classes) + FURTHER,
    ]:
        raise MaskwrightError(
            f"{folder}: its network is not one that divides {len(about.classes)} classes; train it again"
        )
    return network, about


def compiled(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function (B, h, w, 3) uint8 -> (B, h, w, C + FURTHER) float32; see `frozen`."""
    forward = frozen(model)

    @tf.function(reduce_retracing=True)
    def run(images: tf.Tensor) -> tf.Tensor:
        return forward(tf.cast(images, tf.float32))

    return lambda images: run(tf.constant(images)).numpy()


def look_at(
    forward: Callable[[np.ndarray], np.ndarray],
    images: Iterable[np.ndarray],
    size: tuple[int, int],
    *,
    batch_size: int = 16,
) -> Iterator[Seen]:
    """Yield what the network says of each (H, W, 3) uint8 image, resized to `size`.

    Only one image at a time is held at full resolution, so there may be many large images.
    """
    resized = ((image.shape[:2], resize_image(image, size)) for image in images)
    while batch := list(islice(resized, batch_size)):
        for outputs, (shape, _) in zip(forward(np.stack([image for _, image in batch])), batch, strict=True):
            yield Seen(outputs, (shape[0], shape[1]))


def finder(about: InstancesFacts) -> Callable[[Seen], Objects]:
    """Return a function that groups what was seen into objects, at the photograph's own size."""
    run = grouper(about.things, about.grouping)

    def find(seen: Seen) -> Objects:
        found = run(seen.outputs, seen.grouped_size)
        return enlarged(found._replace(numbers=found.numbers.astype(np.uint16)), seen.size)

    return find


def enlarged(found: Objects, size: tuple[int, int]) -> Objects:
    """Return objects at `size` (height, width), enlarged by the nearest pixel; `numbers` must be uint16."""
    if found.mask.shape == tuple(size):
        return found
    scale = np.array(size) / found.mask.shape
    return found._replace(
        mask=resize_mask(found.mask, size),
        numbers=resize_objects(found.numbers, size),
        centres=(found.centres * scale).astype(np.float32),
    )
