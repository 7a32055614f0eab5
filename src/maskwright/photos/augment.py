"""Augmentation of a batch of images and index masks: one warp, one colour matrix and one rectangle for each image.

Every function is pure. Random numbers are arguments, and the same numbers give the same picture, eagerly and in
`tf.data`. Images are (B, H, W, 3) with values in [0, 255], and masks are (B, H, W) class indices.
"""

import math
from typing import Any

import tensorflow as tf

from maskwright.shared.settings import Augmentation

NUMBERS = 14
"""Number of uniform random numbers for each image: mirror, zoom, rotation, shift in x and y, and four for colour; for
the rectangle that is cut out whether, area, shape, and place in x and y."""

# ITU-R BT.601: how much red, green and blue each contribute to perceived brightness.
_LUMA = (0.299, 0.587, 0.114)
_RGB_TO_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))
_MAX_HUE_TURN = math.pi / 6

_CUT_AREAS = (0.02, 0.25)
_CUT_SHAPES = (0.3, 1 / 0.3)


def random_numbers(seed: tf.Tensor) -> tf.Tensor:
    """Return (NUMBERS,) float32 in [0, 1), which depend only on the (2,) integer seed."""
    return tf.random.stateless_uniform((NUMBERS,), seed=seed)


def augment(images: Any, masks: Any, numbers: tf.Tensor, strength: Augmentation) -> tuple[tf.Tensor, tf.Tensor]:
    """Augment a batch: mirror, zoom, rotate and shift images and masks alike, then recolour the images and cut out.

    What is cut out keeps its labels, as in both of its sources (see `cut_out`): they would have the network infer
    what is hidden from what is around it.

    Args:
        images: (B, H, W, 3) uint8 or float in [0, 255].
        masks: (B, H, W) integer class indices.
        numbers: (B, NUMBERS) float32 in [0, 1); each row determines the augmentation of its image.
        strength: strength of each kind of augmentation; zero turns it off.

    Returns:
        (B, H, W, 3) float32 images in [0, 255] and (B, H, W) int32 masks. Outside the frame, image and mask are
        mirrored at the edge, so every pixel keeps a true label. Images are interpolated bilinearly, masks by the
        nearest pixel.
    """
    images, masks = tf.cast(images, tf.float32), tf.cast(masks, tf.int32)
    if strength.scale or strength.rotate or strength.crop:
        rows = transforms(tf.shape(images)[1], tf.shape(images)[2], numbers, strength)
        images = warp(images, rows, "BILINEAR")
        masks = warp(masks[..., None], rows, "NEAREST")[..., 0]
    elif strength.flip:
        mirrored = numbers[:, 0] < strength.flip
        images = tf.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        masks = tf.where(mirrored[:, None, None], masks[:, :, ::-1], masks)
    if strength.colour:
        images = recolour(images, numbers[:, 5:9], strength.colour)
    if strength.cutout:
        images = cut_out(images, rectangles(tf.shape(images)[1], tf.shape(images)[2], numbers, strength))
    return images, masks


def transforms(height: tf.Tensor, width: tf.Tensor, numbers: tf.Tensor, strength: Augmentation) -> tf.Tensor:
    """Return (B, 8) rows [a b c d e f 0 0] that map an output pixel (x, y) to input (ax + by + c, dx + ey + f)."""
    height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    mirror = tf.where(numbers[:, 0] < strength.flip, -1.0, 1.0)
    largest = -math.log1p(-strength.scale)
    zoom = tf.exp((2 * numbers[:, 1] - 1) * largest)  # from 1 - scale to 1 / (1 - scale), log-uniform
    angle = (2 * numbers[:, 2] - 1) * math.radians(strength.rotate)
    shift_x = (2 * numbers[:, 3] - 1) * strength.crop * width
    shift_y = (2 * numbers[:, 4] - 1) * strength.crop * height
    a, b = tf.cos(angle) / zoom, -tf.sin(angle) / zoom
    d, e = tf.sin(angle) / zoom, tf.cos(angle) / zoom
    a, d = a * mirror, d * mirror
    # The window rotates and zooms about its centre.
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    c = centre_x + shift_x - a * centre_x - b * centre_y
    f = centre_y + shift_y - d * centre_x - e * centre_y
    zero = tf.zeros_like(a)
    return tf.stack([a, b, c, d, e, f, zero, zero], axis=1)


def warp(images: Any, rows: Any, interpolation: str, *, fill_mode: str = "REFLECT", fill: float = 0.0) -> Any:
    """Warp (B, H, W, C) images by the (B, 8) rows of `transforms`; `fill_mode` determines the pixels from outside."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=rows,
        output_shape=tf.shape(images)[1:3],
        fill_value=fill,
        interpolation=interpolation,
        fill_mode=fill_mode,
    )


def recolour(images: tf.Tensor, numbers: tf.Tensor, strength: float) -> tf.Tensor:
    """Change brightness, contrast, saturation and hue by one 3x3 matrix and one offset for each image."""
    spread = 2 * numbers - 1  # (B, 4) in [-1, 1)
    brightness, contrast, saturation = (tf.exp(spread[:, i] * strength) for i in range(3))
    turn = spread[:, 3] * strength * _MAX_HUE_TURN
    cosine, sine, one, zero = tf.cos(turn), tf.sin(turn), tf.ones_like(turn), tf.zeros_like(turn)
    # In YIQ brightness is the first axis, so hue is a rotation about it and saturation a scaling away from it.
    rotation = tf.reshape(tf.stack([one, zero, zero, zero, cosine, -sine, zero, sine, cosine], axis=1), (-1, 3, 3))
    stretch = tf.linalg.diag(tf.stack([one, saturation, saturation], axis=1))
    to_yiq = tf.constant(_RGB_TO_YIQ)
    matrix = tf.linalg.inv(to_yiq) @ stretch @ rotation @ to_yiq  # (B, 3, 3)
    matrix = matrix * (brightness * contrast)[:, None, None]
    mean = tf.einsum("bc,c->b", tf.reduce_mean(images, axis=(1, 2)), tf.constant(_LUMA))
    offset = (brightness * (1 - contrast)) * mean  # (B,); keeps the mean grey when contrast changes
    changed = tf.einsum("bhwc,bdc->bhwd", images, matrix) + offset[:, None, None, None]
    return tf.clip_by_value(changed, 0.0, 255.0)


def rectangles(height: Any, width: Any, numbers: tf.Tensor, strength: Augmentation) -> tf.Tensor:
    """Return (B, 4) float32 rectangles to cut out: x_min, y_min, x_max and y_max in whole pixels; all 0 for none.

    As in Random Erasing (Zhong et al. 2017, https://arxiv.org/abs/1708.04896), `strength.cutout` is the share of
    images that have one. Its area is 2 to 25 % of the image's (theirs goes up to 40 %), its height 0.3 to 1 / 0.3 of
    its width, evenly on a logarithmic scale, and it lies within the image.
    """
    height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    least, greatest = _CUT_AREAS
    area = (least + numbers[:, 10] * (greatest - least)) * height * width
    low, high = map(math.log, _CUT_SHAPES)
    shape = tf.exp(low + numbers[:, 11] * (high - low))
    down = tf.minimum(tf.floor(tf.sqrt(area * shape)), height)
    across = tf.minimum(tf.floor(tf.sqrt(area / shape)), width)
    left = tf.floor(numbers[:, 12] * (width - across + 1))
    top = tf.floor(numbers[:, 13] * (height - down + 1))
    found = tf.stack([left, top, left + across, top + down], axis=1)
    return tf.where((numbers[:, 9] < strength.cutout)[:, None], found, 0.0)


def cut_out(images: tf.Tensor, cut: tf.Tensor) -> tf.Tensor:
    """Fill a rectangle of each image with the image's mean colour.

    DeVries and Taylor 2017, https://arxiv.org/abs/1708.04552, fill it with 0, which is the mean of their normalised
    images.

    Args:
        images: (B, H, W, 3) float32.
        cut: (B, 4), from `rectangles`.
    """
    rows = tf.range(tf.shape(images)[1], dtype=tf.float32)
    columns = tf.range(tf.shape(images)[2], dtype=tf.float32)
    down = (rows >= cut[:, 1:2]) & (rows < cut[:, 3:4])  # (B, H)
    across = (columns >= cut[:, 0:1]) & (columns < cut[:, 2:3])  # (B, W)
    inside = down[:, :, None] & across[:, None, :]
    mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
    return tf.where(inside[..., None], mean, images)
