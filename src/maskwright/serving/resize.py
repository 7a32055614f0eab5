"""Resizing photographs of any size inside a model, by operations that every export format has.

`tf.image.resize` with anti-aliasing is an operation of TensorFlow alone: neither ONNX nor LiteRT has it. Here each
axis is resized by a matrix product, whose weights are computed from the photograph's sides. The results are those of
`tf.image.resize(..., antialias=True)` and, but for its rounding to whole numbers, of Pillow's bilinear resizing.
"""

from typing import Any

import tensorflow as tf


def resized(images: Any, size: tuple[int, int]) -> Any:
    """Resize (B, H, W, C) images of any dtype bilinearly to (B, *size, C) float32, anti-aliased where they shrink.

    C must be known; B, H and W need not be.
    """
    height, width = size
    channels = images.shape[-1]
    batch, old_height, old_width = tf.unstack(tf.shape(images)[:3])
    # LiteRT's converter forgets a length that is known but not written out.
    batch = batch if images.shape[0] is None else images.shape[0]
    x = tf.reshape(tf.cast(images, tf.float32), (batch, old_height, old_width * channels))
    down = tf.broadcast_to(_weights(old_height, height)[None], (batch, height, old_height))
    x = tf.reshape(tf.matmul(down, x), (batch, height, old_width, channels))
    x = tf.reshape(tf.transpose(x, (0, 1, 3, 2)), (batch * height * channels, old_width))
    x = tf.reshape(tf.matmul(x, _weights(old_width, width), transpose_b=True), (batch, height, channels, width))
    x = tf.transpose(x, (0, 1, 3, 2))
    x.set_shape((images.shape[0], height, width, channels))  # and it has no `tf.ensure_shape`
    return x


def _weights(old: Any, new: int) -> Any:
    """Return (new, old) float32: in each row the shares of the old positions, a triangle around the new one."""
    length = tf.cast(old, tf.float32)
    scale = length / new
    centres = (tf.range(new, dtype=tf.float32) + 0.5) * scale
    distances = tf.abs(tf.range(length) + 0.5 - centres[:, None])
    shares = tf.maximum(1.0 - distances / tf.maximum(scale, 1.0), 0.0)
    return shares / tf.reduce_sum(shares, axis=1, keepdims=True)
