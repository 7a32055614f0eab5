"""A trained network as a model for serving, from photographs of any size to objects."""

from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from maskwright.experiments.instances.learn.grouping import group
from maskwright.experiments.instances.report.inference import InstancesFacts, load_trained
from maskwright.serving.resize import resized


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W, 3) uint8 images of any size and returns their objects.

    Returns:
        The model of `as_served`.

    Raises:
        MaskwrightError: the model is missing or incomplete.
    """
    model, about = load_trained(folder)
    return as_served(model, about)


def as_served(model: keras.Model, about: InstancesFacts) -> keras.Model:
    """Wrap a network so that it takes (B, H, W, 3) uint8 images of any size and returns their objects.

    Returns:
        A model with the output (B, H, W, 2) int32: the class of each pixel, and the number of its object, from 1,
        those of the highest score first; 0 is none.
    """
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    return keras.Model(images, _Grouped(model, about, name="objects", dtype="float32")(images), name=model.name)


class _Grouped(keras.layers.Layer):
    """Resize, predict and group: all steps of `report.inference` as one graph."""

    def __init__(self, model: keras.Model, about: InstancesFacts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.about = about

    def call(self, images: Any) -> Any:
        outputs = self.model(resized(images, self.about.size), training=False)
        size, things, grouping = tf.shape(images)[1:3], self.about.things, self.about.grouping

        def one(of_image: Any) -> Any:
            found = group(of_image, size, things, grouping)
            return tf.stack([tf.cast(found.mask, tf.int32), found.numbers], axis=-1)

        return tf.map_fn(one, outputs, fn_output_signature=tf.TensorSpec((None, None, 2), tf.int32))

    def compute_output_spec(self, images: Any) -> Any:
        return keras.KerasTensor((*images.shape[:3], 2), dtype="int32")
