"""The loss of invariant information clustering."""

from typing import Any

import tensorflow as tf

from maskwright.experiments.clustering.learn.network import head_groups
from maskwright.experiments.clustering.params import Clustering
from maskwright.learning.replicates.fitting import Loss, Network
from maskwright.learning.views.mutual_information import joint_information, soft_joint
from maskwright.learning.views.sampling import middle_views, second_views


def information_loss(settings: Clustering) -> Loss:
    """Return the loss: the mean over the heads of -I(Z; Z'), from the symmetrised joint distribution of the batch.

    A batch consists of images (B, H, H, C) uint8 and the three arrays of a `Drawn`, for their second views. The loss
    reports `information`, (heads + over_heads,) in nats, and `joint`, the joint distributions of the heads that are
    scored, (heads, K, K).
    """
    groups = head_groups(settings)
    widths = [heads * clusters for heads, clusters in groups]

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images = tf.cast(batch[0], tf.float32) / 255
        both = network(tf.concat([middle_views(images), second_views(images, batch[1:], settings.views)], axis=0))
        first, second = (tf.split(part, widths, axis=-1) for part in tf.split(both, 2))
        joints = [
            soft_joint(tf.reshape(one, (-1, *group)), tf.reshape(other, (-1, *group)))
            for group, one, other in zip(groups, first, second, strict=True)
        ]
        information = tf.concat([joint_information(joint) for joint in joints], axis=0)  # (heads + over_heads,)
        return -tf.reduce_mean(information), {"information": information, "joint": joints[0]}

    return loss
