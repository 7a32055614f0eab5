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


def summed(values: Any, places: Any, count: Any) -> Any:
    """Return the same as `unsorted_segment_sum`: (K,) sums of the (N,) values at the same (N,) int32 place.

    TensorFlow takes up to twice as long for it. But every converter writes it as one operation, whereas
    `unsorted_segment_sum` becomes a table of K times the most values at a place in ONNX, which may be gigabytes, and
    takes a second in OpenVINO.
    """
    return tf.tensor_scatter_nd_add(tf.zeros([count], values.dtype), places[:, None], values)


class _Grouped(keras.layers.Layer):
    """Resize, predict and group: all steps of `report.inference` as one graph."""

    def __init__(self, model: keras.Model, about: InstancesFacts, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model
        self.about = about

    def call(self, images: Any) -> Any:
        outputs = self.model(resized(images, self.about.size), training=False)
        size, things, grouping = tf.shape(images)[1:3], self.about.things, self.about.grouping

        def of(place: Any) -> Any:
            found = group(outputs[place], size, things, grouping, summed)
            return tf.stack([tf.cast(found.mask, tf.int32), found.numbers], axis=-1)

        if images.shape[0] == 1:
            return of(0)[None]
        # Not `tf.map_fn`: it collects the results in a list, for which OpenVINO has no operation.
        batch = tf.shape(images)[0]
        _, made = tf.while_loop(
            lambda place, _: place < batch,
            lambda place, made: (place + 1, tf.tensor_scatter_nd_update(made, [[place]], of(place)[None])),
            (tf.constant(0), tf.zeros((batch, size[0], size[1], 2), tf.int32)),
            parallel_iterations=1,
        )
        return made

    def compute_output_spec(self, images: Any) -> Any:
        return keras.KerasTensor((*images.shape[:3], 2), dtype="int32")
