"""Two views of an image, from which a network learns what they share: the image, and a distorted copy.

As in the source, a view is a smaller square than the image: 24 of 28 pixels for digits. The first view is the middle
of the image. The second is, with equal probability, a random crop that is resized to the view (8, 10 or 12 of the 28
pixels smaller; half of the crops are from the middle), or the image rotated about its middle by up to 20 degrees.

The caller's generator draws the distortion of each image beforehand, as the eight numbers of a projective transform.
The device only samples, so the same seed gives the same views, whatever else runs at the same time.
"""

from typing import Any

import numpy as np
import tensorflow as tf

MARGIN = 2 / 28
"""The width of the border that the first view leaves out, as a share of the image's side."""

CROPS = (8 / 28, 10 / 28, 12 / 28)
"""How much smaller a crop is than the image, as shares of the image's side."""

ROTATION = 20.0
"""The largest rotation in either direction, in degrees."""


def view_margin(side: int) -> int:
    """Return how many pixels the first view leaves out on each side of an image whose side is `side`."""
    return round(side * MARGIN)


def middle_views(images: Any) -> Any:
    """Return the first views of images: (N, H, H, C) -> (N, V, V, C), any dtype."""
    side = int(images.shape[1])
    inside = slice(view_margin(side), side - view_margin(side))
    return images[:, inside, inside]


def random_views(number: int, side: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the transforms of second views.

    Args:
        number: N, the number of views.
        side: side of the images, in pixels.
        rng: source of randomness. The same number of values is drawn for each view, whichever distortion it gets.

    Returns:
        (N, 8) float32, see `sample_views`.
    """
    rotated, central, crop, down, across, turn = rng.random((6, number))
    view = side - 2 * view_margin(side)
    # The crop has an integer size and position. Pixel i of the view is at (i + 1/2) crop / view - 1/2 in the crop.
    removed = np.round(np.array(CROPS) * side)[np.floor(crop * len(CROPS)).astype(int)]
    scale = (side - removed) / view
    places = [
        np.where(central < 0.5, np.floor(removed / 2), np.floor(place * (removed + 1))) for place in (across, down)
    ]
    zeros = np.zeros(number)
    offsets = [place + scale / 2 - 0.5 for place in places]
    crops = np.stack([scale, zeros, offsets[0], zeros, scale, offsets[1], zeros, zeros], axis=1)
    angle = np.deg2rad(ROTATION) * (2 * turn - 1)
    cosine, sine, middle, centre = np.cos(angle), np.sin(angle), (view - 1) / 2, (side - 1) / 2
    rotations = np.stack(
        [
            cosine,
            -sine,
            centre - (cosine - sine) * middle,
            sine,
            cosine,
            centre - (sine + cosine) * middle,
            zeros,
            zeros,
        ],
        axis=1,
    )
    return np.where(rotated[:, None] < 0.5, rotations, crops).astype(np.float32)


def sample_views(images: Any, transforms: Any) -> Any:
    """Sample views bilinearly; pixels outside the image are 0.

    Args:
        images: (N, H, H, C) float32.
        transforms: (N, 8) float32: a0 a1 a2 b0 b1 b2 c0 c1. They map pixel (x, y) of the view to
            ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) in the image, with k = c0 x + c1 y + 1.

    Returns:
        (N, V, V, C) float32, as large as those of `middle_views`.
    """
    side = int(images.shape[1]) - 2 * view_margin(int(images.shape[1]))
    views = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.constant([side, side]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(views, (None, side, side, images.shape[-1]))
