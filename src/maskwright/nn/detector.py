"""From a trained detector to boxes in photographs of any size, and to a model that can be served."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maskwright.boxes import Found
from maskwright.images import resize_image
from maskwright.nn.anchors import decode, make_anchors
from maskwright.nn.inference import frozen
from maskwright.nn.nms import Detections, detect
from maskwright.nn.ssd import feature_maps
from maskwright.params import Nms, Offsets

LEAST_SCORE = 0.01
"""Predictions that are less probable are not kept: they hardly change an average precision, and are many."""


class Scheme(NamedTuple):
    """How a detector's outputs are to be read.

    Attributes:
        size: height and width of its input, in pixels.
        anchor_sizes: see `anchors.make_anchors`.
        offsets: see `anchors.encode`.
    """

    size: tuple[int, int]
    anchor_sizes: tuple[float, float]
    offsets: Offsets


def read_outputs(outputs: Any, anchors: Any, offsets: Offsets) -> tuple[tf.Tensor, tf.Tensor]:
    """Return boxes (B, A, 4) in pixels of the input and class probabilities (B, A, C) of (B, A, C + 4) outputs."""
    return decode(outputs[..., -4:], anchors, offsets), tf.nn.softmax(outputs[..., :-4])


def detector(
    model: keras.Model, scheme: Scheme, variants: Sequence[Nms], least_score: float = LEAST_SCORE
) -> Callable[[np.ndarray], list[Detections]]:
    """Return a compiled function: (B, H, W, 3) uint8, of the input's size -> its detections for each variant of NMS.

    The network runs once, whatever the number of variants. Its weights are taken as they are now.
    """
    forward = frozen(model)
    anchors = make_anchors(feature_maps(model), scheme.size, scheme.anchor_sizes).boxes

    # Of any batch size, so that a smaller last batch needs no graph of its own.
    @tf.function(input_signature=[tf.TensorSpec((None, *scheme.size, 3), tf.uint8)])
    def run(images: tf.Tensor) -> list[Detections]:
        boxes, probabilities = read_outputs(forward(tf.cast(images, tf.float32)), anchors, scheme.offsets)
        return [detect(boxes, probabilities, nms, least_score) for nms in variants]

    return lambda images: [Detections(*(part.numpy() for part in variant)) for variant in run(tf.constant(images))]


def detect_objects(
    run: Callable[[np.ndarray], list[Detections]],
    images: Iterable[np.ndarray],
    size: tuple[int, int],
    *,
    batch_size: int = 16,
) -> Iterator[list[Found]]:
    """Yield what is found in each (H, W, 3) uint8 image, in its own pixels, for each variant of NMS.

    Boxes are cut off at the image's borders. Of the images only one at a time is held, so they may be large and many.
    """
    resized = ((image.shape[:2], resize_image(image, size)) for image in images)
    while batch := list(islice(resized, batch_size)):
        variants = run(np.stack([image for _, image in batch]))
        for number, (shape, _) in enumerate(batch):
            yield [found_in(variant, number, size, shape) for variant in variants]


def found_in(detections: Detections, number: int, size: tuple[int, int], shape: tuple[int, ...]) -> Found:
    """Return one image's detections with boxes in pixels of an image of another shape, (H, W)."""
    there = detections.classes[number] > 0
    height, width = shape
    boxes = detections.boxes[number][there] * np.tile([width / size[1], height / size[0]], 2)
    boxes = np.clip(boxes, 0, [width, height, width, height])
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    scores, classes = detections.scores[number][there], detections.classes[number][there]
    return Found(boxes[kept], scores[kept], classes[kept])


def as_served(model: keras.Model, scheme: Scheme, nms: Nms, least_score: float) -> keras.Model:
    """Wrap a detector so that it takes (B, H, W, 3) uint8 images of any size and returns its detections.

    (B, D, 6) float32, D = nms.most: x_min, y_min, x_max, y_max in the image's pixels, score and class; the class is 0
    where there are fewer.
    """
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    outputs = _Detections(model, scheme, nms, least_score, name="detections", dtype="float32")(images)
    return keras.Model(images, outputs, name=model.name)


class _Detections(keras.layers.Layer):
    """Resize, predict, suppress, resize back: the whole of `detect_objects` as one graph."""

    def __init__(self, model: keras.Model, scheme: Scheme, nms: Nms, least_score: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.scheme = scheme
        self.nms = nms
        self.least_score = least_score
        self.anchors = make_anchors(feature_maps(model), scheme.size, scheme.anchor_sizes).boxes

    def call(self, images: Any) -> Any:
        height, width = self.scheme.size
        resized = tf.image.resize(images, (height, width), antialias=True)
        outputs = self.model(resized, training=False)
        found = detect(*read_outputs(outputs, self.anchors, self.scheme.offsets), self.nms, self.least_score)
        sides = tf.cast(tf.shape(images)[1:3], tf.float32)
        limits = tf.stack([sides[1], sides[0], sides[1], sides[0]])
        boxes = tf.clip_by_value(found.boxes * (limits / [width, height, width, height]), 0.0, limits)
        others = tf.stack([found.scores, tf.cast(found.classes, tf.float32)], axis=-1)
        return tf.concat([boxes, others], axis=-1)

    def compute_output_spec(self, images: Any) -> Any:
        return keras.KerasTensor((images.shape[0], self.nms.most, 6), dtype="float32")
