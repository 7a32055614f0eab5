"""A trained segmentation network as a model for serving, from photographs of any size to class masks."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from maskwright.experiments.segmentation.report.inference import load_trained
from maskwright.serving.resize import resized


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W, 3) uint8 images and returns (B, H, W) uint8 class masks."""
    trained = load_trained(folder)
    return as_served(trained.network, trained.size)


def as_served(model: keras.Model, size: tuple[int, int]) -> keras.Model:
    """Wrap a network so that it takes (B, H, W, 3) uint8 images of any size and returns (B, H, W) uint8 masks."""
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    return keras.Model(images, _Masks(model, size, name="masks", dtype="float32")(images), name=model.name)


class _Masks(keras.layers.Layer):
    """Resize, predict, resize back and choose the class: all steps of `inference.segment` as one graph."""

    def __init__(self, model: keras.Model, size: tuple[int, int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.size = size

    def call(self, images: Any) -> Any:
        probabilities = tf.nn.softmax(self.model(resized(images, self.size), training=False))
        probabilities = tf.image.resize(probabilities, tf.shape(images)[1:3])
        return tf.cast(tf.argmax(probabilities, axis=-1, output_type=tf.int32), tf.uint8)

    def compute_output_spec(self, images: Any) -> Any:
        return keras.KerasTensor(images.shape[:3], dtype="uint8")
