"""What the network is to say of each pixel, from the object numbers of a batch, in TensorFlow.

The targets are made after augmentation, from the pixels that are left: the centre of an object that the frame cuts
off is that of its visible part, as in a photograph that cuts it off.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT

SMALL_SHARE = 0.002
"""An object that covers less than this share of the picture is small. In Panoptic-DeepLab 64 x 64 of 1025 x 2049."""

SMALL_WEIGHT = 3.0
"""How much more the class of each pixel of a small object counts (Panoptic-DeepLab, section 3.4)."""

SIGMA_SHARE = 1 / 6
"""Of a large object's Gaussian, as a share of the object's radius."""

GREATEST_SIGMA = 10.0
"""Pixels: that of the largest objects."""

CHANNELS = 7


class Targets(NamedTuple):
    """The targets of a batch, each (B, H, W) or (B, H, W, 2) float32.

    Attributes:
        classes: class indices, or `IGNORE`.
        weights: of the pixel's class: 1, or `SMALL_WEIGHT` on a small object.
        heat: the greatest of exp(-d^2 / (2 s^2)) over all objects, d the distance to the pixel of its centre. s is
            `sigma`, or for a large object `SIGMA_SHARE` of its radius, up to `GREATEST_SIGMA`.
        known: 0 where it is unknown whether there is an object, else 1.
        offsets: down and across to the centre of the pixel's object, in pixels; 0 where there is none.
        radius: of a disc of as many pixels as the pixel's object has, in pixels; 0 where there is none.
    """

    classes: tf.Tensor
    weights: tf.Tensor
    heat: tf.Tensor
    known: tf.Tensor
    offsets: tf.Tensor
    radius: tf.Tensor


def make_targets(classes: Any, objects: Any, things: Any, sigma: float) -> tf.Tensor:
    """Return the targets of a batch as one tensor, to be taken apart by `read_targets`.

    Args:
        classes: (B, H, W) integers, class indices or `IGNORE`.
        objects: (B, H, W) integers, object numbers; 0 for none.
        things: (256,) bool, which classes are divided into objects.
        sigma: of the Gaussian around the centre of an object that is not large, in pixels.

    Returns:
        (B, H, W, CHANNELS) float32.
    """
    classes, objects = tf.cast(classes, tf.int32), tf.cast(objects, tf.int32)
    # A pixel of stuff belongs to no object, whatever its number.
    known = (classes != IGNORE) & (objects != UNKNOWN_OBJECT)
    objects = tf.where(tf.gather(things, classes) & known, objects, 0)
    batch, height, width = tf.unstack(tf.shape(objects))
    most = tf.reduce_max(objects) + 1
    segments = objects + most * tf.range(batch)[:, None, None]  # (B, H, W); each picture's 0 is a segment, too
    count = batch * most
    down = tf.cast(tf.range(height), tf.float32)[None, :, None] + tf.zeros(tf.shape(objects))
    across = tf.cast(tf.range(width), tf.float32)[None, None, :] + tf.zeros(tf.shape(objects))
    areas = tf.math.unsorted_segment_sum(tf.ones(tf.shape(objects)), segments, count)
    sums = [tf.math.unsorted_segment_sum(each, segments, count) for each in (down, across)]
    centres = tf.math.divide_no_nan(tf.stack(sums, axis=-1), areas[:, None])  # (S, 2)
    on_object = objects > 0
    to_centre = tf.gather(centres, segments) - tf.stack([down, across], axis=-1)  # (B, H, W, 2)
    small = tf.gather(areas, segments) < SMALL_SHARE * tf.cast(height * width, tf.float32)
    numbers = tf.range(count)
    there = (numbers % most > 0) & (areas > 0)
    rounded = tf.cast(tf.round(tf.boolean_mask(centres, there)), tf.int32)
    radii = tf.sqrt(areas / np.pi)
    wide = tf.minimum(SIGMA_SHARE * tf.boolean_mask(radii, there), GREATEST_SIGMA)
    of_image = tf.boolean_mask(numbers // most, there)
    heat = _heat(of_image, rounded, tf.maximum(wide, sigma), (batch, height, width))
    masked = tf.cast(on_object, tf.float32)
    channels = [
        tf.cast(classes, tf.float32),
        tf.where(on_object & small, SMALL_WEIGHT, 1.0),
        heat,
        tf.cast(known, tf.float32),
        *tf.unstack(to_centre * masked[..., None], axis=-1),
        tf.gather(radii, segments) * masked,
    ]
    return tf.stack(channels, axis=-1)


def read_targets(targets: Any) -> Targets:
    """Take (B, H, W, CHANNELS) targets apart."""
    classes, weights, heat, known = tf.unstack(targets[..., :4], axis=-1)
    return Targets(classes, weights, heat, known, targets[..., 4:6], targets[..., 6])


def _heat(images: tf.Tensor, centres: tf.Tensor, sigmas: tf.Tensor, shape: tuple[Any, Any, Any]) -> tf.Tensor:
    """Draw a Gaussian around each of n centres, cut off at 3 sigma; where two meet, the greater one counts.

    Args:
        images: (n,) int32, which picture of the batch it is in.
        centres: (n, 2) int32 pixels.
        sigmas: (n,) float32, in pixels.
        shape: of the batch: B, H, W.
    """
    batch, height, width = shape
    reach = tf.cast(tf.math.ceil(3 * tf.reduce_max(tf.concat([sigmas, [0.0]], axis=0))), tf.int32)
    steps = tf.range(-reach, reach + 1)
    around = tf.stack(tf.meshgrid(steps, steps, indexing="ij"), axis=-1)  # (P, P, 2)
    squares = tf.cast(tf.reduce_sum(around**2, axis=-1), tf.float32)
    farthest = tf.cast(tf.reduce_max(tf.abs(around), axis=-1), tf.float32)
    sigmas = sigmas[:, None, None]
    values = tf.where(farthest <= 3 * sigmas, tf.exp(-squares / (2 * sigmas**2)), 0.0)  # (n, P, P)
    # The canvas has a margin, since a Gaussian at the edge reaches beyond it.
    places = centres[:, None, None, :] + around + reach  # (n, P, P, 2)
    canvas = (batch, height + 2 * reach, width + 2 * reach)
    flat = (images[:, None, None] * canvas[1] + places[..., 0]) * canvas[2] + places[..., 1]
    peaks = tf.math.unsorted_segment_max(tf.reshape(values, [-1]), tf.reshape(flat, [-1]), tf.reduce_prod(canvas))
    drawn = tf.reshape(tf.maximum(peaks, 0.0), canvas)  # the maximum of nothing is the least float
    return drawn[:, reach : reach + height, reach : reach + width]
