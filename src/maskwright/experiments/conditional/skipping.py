"""Running only the branch that a hard gate opens.

A closed branch sees zeros and returns the same features for every image. These features are computed only once, and
each image then runs through the open branch alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.conditional.learn.parts import seen_by


def skipping(model: Any) -> Callable[[Any], Any]:
    """Return a compiled function that gives the logits of a hard-gated network but runs only one branch per image.

    The images of a batch are grouped by branch. Each branch computes only its own images. For the others it uses the
    constant features that belong to a share of 0.

    Args:
        model: a `learn.network.network` with the gate `hard` or `gumbel`.

    Returns:
        images (B, side, side, channels), from 0 to 1 -> (B, K + F) logits, equal to those of `model` up to rounding.
    """
    return _compiled(model, skip=True)


def running_all(model: Any) -> Callable[[Any], Any]:
    """Return a compiled function that gives the logits of a hard-gated network and runs every branch."""
    return _compiled(model, skip=False)


def _compiled(model: Any, *, skip: bool) -> Callable[[Any], Any]:
    stem = model.get_layer("trunk")
    coarse = stem.output_shape[2][-1]
    branches = [model.get_layer(f"branch_{number}") for number in range(coarse)]
    second = model.get_layer("second")
    # The features that each closed branch returns, (units,) each.
    closed = [
        np.asarray(one([np.zeros((1, *seen.shape[1:]), np.float32) for seen in one.inputs]))[0] for one in branches
    ]

    @tf.function(reduce_retracing=True)
    def logits(images: Any) -> Any:
        if not skip:
            return model(images, training=False)
        middle, last, first = stem(images, training=False)
        chosen = tf.argmax(first, axis=-1, output_type=tf.int32)
        features = []
        for number, one in enumerate(branches):
            rows = tf.where(chosen == number)
            # Without images the convolution is skipped, since it would prepare its weights even for an empty batch.
            opened = tf.cond(
                tf.size(rows) > 0,
                lambda one=one, rows=rows: one(
                    [tf.gather_nd(maps, rows) for maps in seen_by(one, middle, last)], training=False
                ),
                lambda number=number: tf.zeros((0, len(closed[number]))),
            )
            everywhere = tf.repeat(tf.constant(closed[number])[None], tf.shape(images)[0], axis=0)
            features.append(tf.tensor_scatter_nd_update(everywhere, rows, opened))
        return tf.concat([first, second(tf.concat(features, axis=-1))], axis=-1)

    return lambda images: logits(tf.convert_to_tensor(images))
