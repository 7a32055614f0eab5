"""Two views of an image, from which a network learns what they share: the image, and a distorted copy.

A view is a smaller square than the image: 24 of 28 pixels for digits. The first view is the middle of the image. The
second is distorted in the ways that the source lists for G (13.3, below equation 13.2.3), each with a strength:

    rotate        rotation about the image's middle, by up to so many degrees
    crop          a random crop, resized to the view; half of the crops are from the middle
    shear         shear along the rows about the image's middle, by up to so many degrees
    contrast      distance from the view's mean, times up to 1 + or 1 - so much
    brightness    up to so much is added or subtracted, of values from 0 to 1
    edges         this share of the views shows the edges only: the length of Sobel's gradient
    noise         standard deviation of the normal noise of each pixel

A view is either rotated or cropped or sheared, with equal probability for each kind that is on. The others apply to
every view. The source also names normalisation, which does nothing to digits: their values go from 0 to 1 already.

The caller's generator draws the distortion of each image beforehand. The device only applies it, so the same seed
gives the same views, whatever else runs at the same time.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.shared.settings import Views

MARGIN = 2 / 28
"""The width of the border that the first view leaves out, as a share of the image's side."""

CROPS = (2 / 3, 5 / 6, 1)
"""How much smaller than the image a crop is, as shares of `Views.crop`, which is a share of the image's side."""


class Drawn(NamedTuple):
    """How the second views of N images are distorted.

    Attributes:
        transforms: (N, 8) float32, see `sample_views`.
        tones: (N, 3) float32: the factor of the contrast, what is added, and 1 where only edges are shown, else 0.
        seeds: (N, 2) int32. The first is the seed of a batch's noise.
    """

    transforms: np.ndarray
    tones: np.ndarray
    seeds: np.ndarray


def view_margin(side: int) -> int:
    """Return how many pixels the first view leaves out on each side of an image whose side is `side`."""
    return round(side * MARGIN)


def middle_views(images: Any) -> Any:
    """Return the first views of images: (N, H, H, C) -> (N, V, V, C), any dtype."""
    side = int(images.shape[1])
    inside = slice(view_margin(side), side - view_margin(side))
    return images[:, inside, inside]


def random_views(number: int, side: int, views: Views, rng: np.random.Generator) -> Drawn:
    """Draw the distortions of second views.

    Args:
        number: N, the number of views.
        side: side of the images, in pixels.
        views: the strength of each kind of distortion.
        rng: source of randomness. The same number of values is drawn for each view, whichever distortion it gets.
    """
    kind, central, crop, down, across, turn = rng.random((6, number))
    scale, offsets = _crops(side, views.crop, central, crop, (across, down))
    straight, zeros = np.ones(number), np.zeros(number)
    angle = np.deg2rad(views.rotate) * (2 * turn - 1)
    slant = np.tan(np.deg2rad(views.shear) * (2 * turn - 1))
    about_middle = [
        [np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)] if views.rotate else None,
        [straight, slant, zeros, straight] if views.shear else None,
    ]
    rotated, sheared = (None if matrix is None else _about_middle(matrix, side) for matrix in about_middle)
    cropped = np.stack([scale, zeros, offsets[0], zeros, scale, offsets[1]], axis=1) if views.crop else None
    kinds = [transforms for transforms in (rotated, cropped, sheared) if transforms is not None]
    if not kinds:
        kinds = [_about_middle([straight, zeros, zeros, straight], side)]
    chosen = np.stack(kinds)[np.floor(kind * len(kinds)).astype(int), np.arange(number)]
    factor, added, edges = rng.random((3, number))
    tones = [1 + views.contrast * (2 * factor - 1), views.brightness * (2 * added - 1), edges < views.edges]
    return Drawn(
        np.concatenate([chosen, np.zeros((number, 2))], axis=1).astype(np.float32),
        np.stack(tones, axis=1).astype(np.float32),
        rng.integers(2**31, size=(number, 2), dtype=np.int32),
    )


def _crops(
    side: int, strength: float, central: np.ndarray, crop: np.ndarray, places: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the scale of each crop, and where the view's first pixel lies in the image: across and down."""
    # A crop has an integer size and position. Pixel i of the view is at (i + 1/2) crop / view - 1/2 in the crop.
    removed = np.round(strength * np.array(CROPS) * side)[np.floor(crop * len(CROPS)).astype(int)]
    scale = (side - removed) / (side - 2 * view_margin(side))
    starts = [np.where(central < 0.5, np.floor(removed / 2), np.floor(place * (removed + 1))) for place in places]
    return scale, [start + scale / 2 - 0.5 for start in starts]


def _about_middle(matrix: list[np.ndarray], side: int) -> np.ndarray:
    """Return the transforms, (N, 6), that apply a matrix about the image's middle; its four entries are (N,) each."""
    middle, centre = (side - 2 * view_margin(side) - 1) / 2, (side - 1) / 2
    a0, a1, b0, b1 = matrix
    return np.stack([a0, a1, centre - (a0 + a1) * middle, b0, b1, centre - (b0 + b1) * middle], axis=1)


def second_views(images: Any, drawn: Any, views: Views) -> tf.Tensor:
    """Return the second views of images.

    Args:
        images: (N, H, H, C) float32, from 0 to 1.
        drawn: the three arrays of a `Drawn`, of this batch.
        views: the strength of each kind of distortion, as they were drawn with.

    Returns:
        (N, V, V, C) float32, as large as those of `middle_views`; from 0 to 1.
    """
    transforms, tones, seeds = drawn
    seen = sample_views(images, transforms)
    factor, added, edges = (tones[:, column, None, None, None] for column in range(3))
    if views.contrast:
        mean = tf.reduce_mean(seen, axis=(1, 2, 3), keepdims=True)
        seen = mean + factor * (seen - mean)
    if views.brightness:
        seen += added
    if views.edges:
        # A step from 0 to 1 has a gradient of 4, by Sobel's filter.
        gradient = tf.norm(tf.image.sobel_edges(seen), axis=-1) / 4
        seen = tf.where(edges > 0, gradient, seen)
    if views.noise:
        seen += views.noise * tf.random.stateless_normal(tf.shape(seen), seed=seeds[0])
    altered = views.contrast or views.brightness or views.edges or views.noise
    return tf.clip_by_value(seen, 0, 1) if altered else seen


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
