"""A network of segmentation whose answers are known without a training."""

import keras
import numpy as np


def colour_model() -> keras.Model:
    """Return a network that takes the strongest of red, green and blue as the class."""
    image = keras.Input((None, None, 3), name="image")
    layer = keras.layers.Conv2D(3, 1)
    model = keras.Model(image, layer(image), name="colours")
    layer.set_weights([np.eye(3, dtype=np.float32).reshape(1, 1, 3, 3) / 30, np.zeros(3, np.float32)])
    return model
