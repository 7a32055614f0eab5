"""The loss of the networks of the corner experiment, and the measures taken during training."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.corner.data import CORNER_INDEX
from maskwright.experiments.corner.learn.variants import Setting


class Objective:
    """The loss and measures of a stack of networks, each with its own setting.

    Args:
        settings: the settings in the stack; each has `number` networks, one after the other.
        number: the number of seeds.
    """

    def __init__(self, settings: Sequence[Setting], number: int) -> None:
        self._settings, self._number = settings, number
        self._cross_entropy = settings[0].loss == "cross_entropy"
        self._hard = self.each(lambda setting: setting.head == "hard_sigmoid") > 0
        self._posted = self.each(lambda setting: setting.labels == "posted") > 0
        self._corner_weight = self.each(lambda setting: setting.corner_weight)

    def each(self, value: Callable[[Setting], float]) -> tf.Tensor:
        """Return a value of its setting for each network, (R,) float32."""
        return tf.constant(np.repeat([float(value(setting)) for setting in self._settings], self._number), tf.float32)

    def loss(self, truth: tf.Tensor, times: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of a batch, (R,).

        Args:
            truth: (512, 1) labels.
            times: (512, R), the number of times that each pattern is in each network's batch.
            logits: (512, R).
        """
        size = tf.reduce_sum(times, 0) if self._settings[0].balanced else float(self._settings[0].batch_size)

        def mean(values: tf.Tensor) -> tf.Tensor:
            return tf.reduce_sum(times * values, 0) / size

        weight = 1 + (self._corner_weight - 1) * truth
        if self._cross_entropy:
            return mean(weight * (tf.nn.softplus(logits) - truth * logits))
        score = self._score(logits)
        own = mean(weight * tf.square(truth - score))
        if not any(setting.labels == "posted" for setting in self._settings):
            return own
        # Labels (B,) against outputs (B, 1, 1, 1): the mean over all pairs of a label and an output, and all weights.
        label = mean(truth)
        pairs = mean(weight) * (mean(tf.square(score)) - 2 * label * mean(score) + label)
        return tf.where(self._posted, pairs, own)

    def measure(self, truth: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measure networks on all 512 patterns: truth (512, 1), logits (512, R) -> numbers, each (R,).

        - `loss`: each output against its own label, every pattern once and with the same weight;
        - `recall`: 1 if the corner is found, else 0;
        - `false_positives`: their number among the other 511 patterns;
        - `gradient`: share of the patterns for which the activation passes any gradient;
        - `pull`: size of the gradient of the corner's own loss with respect to its logit. If it is 0, the corner
          cannot be learned.
        """
        score = self._score(logits)
        found = tf.cast(score > 0.5, tf.float32)
        slope = tf.where(self._hard, tf.where(tf.abs(logits) < 3, 1 / 6, 0.0), score * (1 - score))
        if self._cross_entropy:
            loss, pull = tf.nn.softplus(logits) - truth * logits, 1 - score
        else:
            loss, pull = tf.square(truth - score), 2 * (1 - score) * slope
        return {
            "loss": tf.reduce_mean(loss, 0),
            "recall": found[CORNER_INDEX],
            "false_positives": tf.reduce_sum(found * (1 - truth), 0),
            "gradient": tf.reduce_mean(tf.cast(slope > 0, tf.float32), 0),
            "pull": pull[CORNER_INDEX],
        }

    def _score(self, logits: tf.Tensor) -> Any:
        heads = {setting.head == "hard_sigmoid" for setting in self._settings}
        hard: Any = keras.activations.hard_sigmoid(logits)
        if heads == {True}:
            return hard
        return tf.sigmoid(logits) if heads == {False} else tf.where(self._hard, hard, tf.sigmoid(logits))
