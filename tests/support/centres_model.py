"""A network of instances whose answers are known without a training: they stand in the colours of the picture."""

import keras
import numpy as np

CLASSES = ["background", "cup", "can"]
SIZE = (32, 48)
RED = (0, 100, 200)
"""Of each class; green and blue are 128 and the offset down and across, in pixels."""


def centres_model() -> keras.Model:
    """Return a network that reads classes off red, and offsets off green and blue; centres are where both are 0.

    The heat is 1 - (|down| + |across|) / 4.
    """
    image = keras.Input((None, None, 3), name="image")
    # Logits 40, r - 50 and 2 r - 200: the greatest is the first to r = 90, and the last from r = 150 on.
    reads = keras.layers.Conv2D(9, 1)
    read = reads(image)
    parts = keras.layers.ReLU()(read)
    joins = keras.layers.Conv2D(6, 1)
    model = keras.Model(image, joins(parts), name="colours")
    kernel, bias = np.zeros((3, 9), np.float32), np.zeros(9, np.float32)
    kernel[0, :2], bias[:2] = (1, 2), (-50, -200)
    kernel[0, 8], bias[8] = 0, 1  # always 1
    for place, (channel, sign) in enumerate([(1, 1), (1, -1), (2, 1), (2, -1)], start=2):
        kernel[channel, place], bias[place] = sign, -128 * sign
    reads.set_weights([kernel.reshape(1, 1, 3, 9), bias])
    out = np.zeros((9, 6), np.float32)
    out[8, 0], out[0, 1], out[1, 2] = 40, 1, 1
    out[2:6, 3], out[8, 3] = -0.25, 1
    out[[2, 3], 4] = 1, -1
    out[[4, 5], 5] = 1, -1
    joins.set_weights([out.reshape(1, 1, 9, 6), np.zeros(6, np.float32)])
    return model


def picture(mask: np.ndarray, numbers: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the picture that makes the network see these objects.

    Args:
        mask: (H, W) class indices.
        numbers: (H, W) which of the centres, from 1, a pixel points to; 0 points far away.
        centres: (K, 2) pixels, down and across.
    """
    image = np.zeros((*mask.shape, 3), np.uint8)
    image[..., 0] = np.array(RED)[mask]
    image[..., 1:] = 255
    rows, columns = np.indices(mask.shape)
    for number, (down, across) in enumerate(centres, start=1):
        where = numbers == number
        image[where, 1] = (128 + down - rows)[where]
        image[where, 2] = (128 + across - columns)[where]
    return image


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the mask, numbers and picture of three objects: two cups that touch, and a can on their right."""
    mask, numbers = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint16)
    for number, (label, left, right) in enumerate([(1, 4, 15), (1, 15, 26), (2, 34, 45)], start=1):
        mask[8:25, left:right], numbers[8:25, left:right] = label, number
    return mask, numbers, picture(mask, numbers, np.array([(16, 9), (16, 20), (16, 39)]))
