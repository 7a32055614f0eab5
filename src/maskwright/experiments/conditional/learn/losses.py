"""The training loss of the networks."""

from typing import Any

import tensorflow as tf

from maskwright.experiments.conditional.params import ORACLE
from maskwright.learning.replicates.fitting import Loss, Network


def two_level_loss(variant: str, classes: tuple[int, int], coarse_weight: float) -> Loss:
    """Return the loss: the second head's cross-entropy, plus the weighted cross-entropy of the first head.

    Args:
        variant: the variant to train.
        classes: K and F, the numbers of coarse and fine classes.
        coarse_weight: weight of the first head's cross-entropy.
    """
    coarse_classes, fine_classes = classes

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images, coarse, fine = tf.cast(batch[0], tf.float32) / 255, batch[1], batch[2]
        truth = tf.one_hot(coarse, coarse_classes)
        logits = network([images, truth] if variant == ORACLE else images)
        second = logits[:, coarse_classes:]
        if variant == "routed":
            # Each specialist learns only from the images of its own coarse class.
            specialists = tf.reshape(second, (-1, coarse_classes, fine_classes))
            second = tf.reduce_sum(truth[..., None] * specialists, axis=1)
        of_first = tf.nn.sparse_softmax_cross_entropy_with_logits(coarse, logits[:, :coarse_classes])
        of_second = tf.nn.sparse_softmax_cross_entropy_with_logits(fine, second)
        return tf.reduce_mean(of_second) + coarse_weight * tf.reduce_mean(of_first), {}

    return loss
