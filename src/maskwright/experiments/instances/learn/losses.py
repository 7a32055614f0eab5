"""The training loss: classes by cross-entropy on hard pixels, centres by squares, offsets by absolute errors."""

from typing import Any

import keras
import tensorflow as tf

from maskwright.experiments.instances.learn.network import read_outputs
from maskwright.experiments.instances.learn.targets import read_targets
from maskwright.experiments.instances.params import InstancesLoss
from maskwright.photos.images import IGNORE

_LEAST_HEAT = 50.0
"""The sum of a Gaussian with a standard deviation of 2.8 pixels."""


_BINS = 2**16


@keras.saving.register_keras_serializable("maskwright")
class CentresLoss(keras.losses.Loss):
    """The loss of a batch (Cheng et al. 2020, https://arxiv.org/abs/1911.10194, section 3.4).

        classes + centres * heat + offsets * to_centre

        classes    mean of w_i (-ln p_i) over the k pixels where it is greatest, k = `hardest` of the labelled pixels,
                   rounded up
        heat       sum_i known_i (h_i - h*_i)^2 / sum_i known_i h*_i
        to_centre  sum_i (|dy_i - dy*_i| + |dx_i - dx*_i|) / r_i / sum_i 1

    over the pixels i of the whole batch (of one replica), in the last term over those on objects only. p_i is the
    probability of the true class, r_i the radius of the pixel's object, and the rest is as in `targets.Targets`. What
    has no pixel is 0.

    The paper divides the heat's errors by all pixels, and offsets by nothing. Here neither term depends on how many
    objects there are, nor on the size of objects or photographs, so that the same weights fit a crowd of cans and one
    dog. A batch with hardly any object counts as if it had a small one, of `_LEAST_HEAT`.

    Args:
        hardest: share of the labelled pixels, above 0; with 1, all count.
        centres: weight of the second term.
        offsets: weight of the third term.
    """

    def __init__(
        self, hardest: float, centres: float, offsets: float, name: str = "centres_loss", **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.hardest = hardest
        self.centres = centres
        self.offsets = offsets

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of (B, H, W, CHANNELS) targets and (B, H, W, C + FURTHER) outputs, as (1,) float32."""
        logits, heat, offsets = read_outputs(tf.cast(y_pred, tf.float32))
        truth = read_targets(y_true)
        squares = truth.known * tf.square(heat - truth.heat)
        all_heat = tf.reduce_sum(truth.known * truth.heat)
        distances = tf.reduce_sum(tf.abs(offsets - truth.offsets), axis=-1)
        on_objects = tf.cast(truth.radius > 0, tf.float32)
        loss = (
            self._of_classes(logits, truth.classes, truth.weights)
            + self.centres * tf.reduce_sum(squares) / tf.maximum(all_heat, _LEAST_HEAT)
            + self.offsets * _ratio(tf.math.divide_no_nan(distances, truth.radius), on_objects)
        )
        # A vector of one value: Keras divides a loss by the number of replicas only if it is not a scalar.
        return tf.reshape(loss, (1,))

    def _of_classes(self, logits: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        count = logits.shape[-1]
        # Classes first, as in segmentation's loss: a third of the time.
        rows = tf.transpose(tf.reshape(logits, (-1, count)))  # (C, N)
        labels = tf.cast(tf.reshape(classes, [-1]), tf.int32)  # (N,)
        targets = tf.one_hot(labels, count, axis=0)  # (C, N), zeros where unlabelled
        rows = rows - tf.stop_gradient(tf.reduce_max(rows, axis=0))
        entropy = tf.math.log(tf.reduce_sum(tf.exp(rows), axis=0)) - tf.reduce_sum(targets * rows, axis=0)
        labelled = tf.cast(labels != IGNORE, tf.float32)
        losses = entropy * labelled * tf.reshape(weights, [-1])
        if self.hardest == 1:
            return _ratio(losses, labelled)
        wanted = tf.cast(tf.math.ceil(self.hardest * tf.reduce_sum(labelled)), tf.int32)
        least = kth_greatest(tf.stop_gradient(losses), tf.maximum(wanted, 1))
        # Of pixels as hard as the last one, each has its share, so that the result depends on no order.
        above, equal = (tf.cast(which, tf.float32) for which in (losses > least, (losses == least) & (labelled > 0)))
        share = tf.math.divide_no_nan(tf.cast(wanted, tf.float32) - tf.reduce_sum(above), tf.reduce_sum(equal))
        chosen = above + equal * share
        return _ratio(losses * chosen, chosen)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "hardest": self.hardest, "centres": self.centres, "offsets": self.offsets}


def centres_loss(loss: InstancesLoss) -> keras.losses.Loss:
    """Build the loss of the settings."""
    return CentresLoss(loss.hardest, loss.centres, loss.offsets)


def kth_greatest(values: Any, k: Any) -> tf.Tensor:
    """Return the k-th greatest of (N,) float32 that are not negative, k from 1 to N; a tenth of the time of `top_k`.

    Read as integers, the bits of such floats have the same order. So 2^16 bins find the upper half of the bits that
    are sought, and another 2^16 the lower half.
    """
    bits = tf.bitcast(values, tf.int32)
    found = tf.constant(0)
    for low in (16, 0):  # bits below those that are sought
        # Bin 0 has what is less than all of the others, and the last one what is greater.
        bins = tf.clip_by_value(tf.bitwise.right_shift(bits - found, low) + 1, 0, _BINS + 1)
        counts = tf.math.bincount(bins, minlength=_BINS + 2, maxlength=_BINS + 2)
        at_least = tf.cumsum(counts, reverse=True)
        place = tf.reduce_sum(tf.cast(at_least >= k, tf.int32)) - 2
        found += place * 2**low
    return tf.bitcast(found, tf.float32)


def _ratio(parts: tf.Tensor, whole: tf.Tensor) -> Any:
    return tf.math.divide_no_nan(tf.reduce_sum(parts), tf.reduce_sum(whole))
