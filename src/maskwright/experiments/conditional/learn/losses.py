"""The training loss of the networks."""

from typing import Any

import tensorflow as tf

from maskwright.experiments.conditional.params import ORACLE, SEPARATE
from maskwright.learning.replicates.fitting import Loss, Network


def two_level_loss(variant: str, classes: tuple[int, int], weights: tuple[float, float]) -> Loss:
    """Return the loss: the weighted sum of the cross-entropies of the first head and of the second head.

    Of separate networks, the second cross-entropy is the mean over those that name the fine class. In `specialists`
    each image counts only in the network of its own coarse class.

    Args:
        variant: the variant to train.
        classes: K and F, the numbers of coarse and fine classes.
        weights: of the first head and of the second head.
    """
    coarse_classes, fine_classes = classes

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images, coarse, fine = tf.cast(batch[0], tf.float32) / 255, batch[1], batch[2]
        truth = tf.one_hot(coarse, coarse_classes)
        logits = network([images, truth] if variant == ORACLE else images)
        second = logits[:, coarse_classes:]
        if variant in SEPARATE:
            second = tf.reshape(second, (-1, coarse_classes, fine_classes))  # (B, K, F)
            if variant == "specialists":
                second = tf.reduce_sum(truth[..., None] * second, axis=1, keepdims=True)
            fine = tf.repeat(fine[:, None], second.shape[1], axis=1)
        of_first = tf.nn.sparse_softmax_cross_entropy_with_logits(coarse, logits[:, :coarse_classes])
        of_second = tf.nn.sparse_softmax_cross_entropy_with_logits(fine, second)
        return weights[0] * tf.reduce_mean(of_first) + weights[1] * tf.reduce_mean(of_second), {}

    return loss
