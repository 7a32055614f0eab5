"""A trained detector as a model for serving that takes photographs of any size."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from maskwright.experiments.detection.learn.anchors import make_anchors
from maskwright.experiments.detection.learn.detector import read_outputs
from maskwright.experiments.detection.learn.network import feature_maps
from maskwright.experiments.detection.params import Nms
from maskwright.experiments.detection.report.inference import Scheme, load_detector
from maskwright.experiments.detection.report.metrics import SHOWN_SCORE
from maskwright.experiments.detection.suppression import detect_in_steps
from maskwright.serving.resize import resized


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W, 3) uint8 images of any size and returns their objects.

    Returns:
        The model of `as_served`. Objects with a score below `SHOWN_SCORE` are left out.

    Raises:
        MaskwrightError: the model is missing or incomplete.
    """
    model, about = load_detector(folder)
    return as_served(model, about.scheme, about.nms, SHOWN_SCORE)


def as_served(model: keras.Model, scheme: Scheme, nms: Nms, least_score: float) -> keras.Model:
    """Wrap a detector so that it takes (B, H, W, 3) uint8 images of any size and returns its detections.

    Returns:
        A model with the output (B, D, 6) float32, D = nms.most: x_min, y_min, x_max and y_max in the image's pixels,
        score and class. If there are fewer detections, the class is 0.
    """
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    outputs = _Detections(model, scheme, nms, least_score, name="detections", dtype="float32")(images)
    return keras.Model(images, outputs, name=model.name)


class _Detections(keras.layers.Layer):
    """Resize, predict, suppress and resize back: all steps of `inference.detect_objects` as one graph."""

    def __init__(self, model: keras.Model, scheme: Scheme, nms: Nms, least_score: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.scheme = scheme
        self.nms = nms
        self.least_score = least_score
        self.anchors = make_anchors(feature_maps(model), scheme.size, scheme.anchor_sizes).boxes

    def call(self, images: Any) -> Any:
        height, width = self.scheme.size
        outputs = self.model(resized(images, (height, width)), training=False)
        read = read_outputs(outputs, self.anchors, self.scheme.offsets)
        found = detect_in_steps(*read, self.nms, self.least_score)
        sides = tf.cast(tf.shape(images)[1:3], tf.float32)
        limits = tf.stack([sides[1], sides[0], sides[1], sides[0]])
        boxes = tf.clip_by_value(found.boxes * (limits / [width, height, width, height]), 0.0, limits)
        others = tf.stack([found.scores, tf.cast(found.classes, tf.float32)], axis=-1)
        return tf.concat([boxes, others], axis=-1)

    def compute_output_spec(self, images: Any) -> Any:
        return keras.KerasTensor((images.shape[0], self.nms.most, 6), dtype="float32")
