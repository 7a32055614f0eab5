"""A detector that always says the same, and photographs for it."""

import keras
import numpy as np

from maskwright.experiments.detection.learn.anchors import encode, make_anchors
from maskwright.experiments.detection.params import Nms
from maskwright.experiments.detection.report.inference import Scheme

SIZE = (32, 64)
SCHEME = Scheme(SIZE, (0.25, 0.5), "normalised")
HARD, SOFT = Nms(most=5), Nms(kind="soft", most=5)


@keras.saving.register_keras_serializable("tests")
class Fixed(keras.layers.Layer):
    """Says of every image the same, brighter ones with more certainty."""

    def __init__(self, outputs, **kwargs):
        super().__init__(**kwargs)
        self.outputs = np.asarray(outputs, np.float32)

    def call(self, image):
        bright = keras.ops.mean(image, axis=(1, 2, 3))[:, None, None] / 100
        return bright * self.outputs[None]

    def compute_output_shape(self, shape):
        return (shape[0], *self.outputs.shape)


def network():
    """One level of 1 x 2: the first anchor sees a dog in its place, the second one the same dog, less surely."""
    boxes = make_anchors([(1, 2)], SIZE, (0.25, 0.5)).boxes
    outputs = np.zeros((8, 3 + 4), np.float32)
    outputs[:, 0] = 9
    outputs[0, :3] = [0, 0, 3]
    outputs[4, :3] = [0, 0, 2]
    outputs[4, 3:] = encode(boxes[0], boxes[4], "normalised")
    image = keras.Input((*SIZE, 3))
    marker = keras.layers.Conv2D(16, 1, name="offsets_0")(keras.layers.AveragePooling2D((32, 32))(image))
    fixed = Fixed(outputs)(image)
    zero = keras.ops.sum(marker, axis=(1, 2, 3))[:, None, None] * 0
    return keras.Model(image, fixed + zero), boxes


def images():
    """Of 100 as brightness, so that the logits are those above; the second is twice as large."""
    return [np.full((32, 64, 3), 100, np.uint8), np.full((64, 128, 3), 100, np.uint8)]
