"""The parts of the autoencoder's training: the network with its loss and optimizer, and the batches."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.autoencoder.learn.network import build, run
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.single.schedules import learning_rate
from maskwright.learning.single.training import Fit, keras_fit


class Trainer(NamedTuple):
    """A network and its training loop.

    Attributes:
        model: the autoencoder.
        learner: a compiled model with the same weights, which `fit` trains.
        fit: the training loop.
        steps: number of batches in an epoch.
    """

    model: Any
    learner: Any
    fit: Fit
    steps: int


class _Learner(keras.Model):
    """An autoencoder in training. It adds the weighted divergence to the compiled loss."""

    def __init__(self, autoencoder: Any, kl_weight: float) -> None:
        super().__init__(name="learner")
        self.autoencoder = autoencoder
        self.kl_weight = kl_weight

    def call(self, images: Any, training: bool = False) -> Any:
        """Return the logits."""
        outputs = run(self.autoencoder, images, training=training)
        if outputs.divergence is not None:
            self.add_loss(self.kl_weight * tf.reduce_mean(outputs.divergence))
        return outputs.logits


def new_trainer(settings: Autoencoder, images: np.ndarray) -> Trainer:
    """Return a new network, and the loop that trains it on these images.

    The loss is the mean binary cross-entropy over the pixels, plus `kl_weight` times the mean divergence over the
    images. All later random numbers depend on the settings' seed.

    Args:
        settings: the experiment's section of params.yaml.
        images: (N, H, W, 1) float32 from 0 to 1.
    """
    make_deterministic(settings.seed)
    steps = -(-len(images) // settings.batch_size)
    model: Any = build(settings, images.shape[1:])
    learner: Any = _Learner(model, settings.kl_weight)
    rate: Any = learning_rate(settings, steps)
    optimizer = keras.optimizers.Adam(rate)
    optimizer.build(model.trainable_variables)
    learner.compile(optimizer=optimizer, loss=_cross_entropy)
    learner.build(images.shape)

    def batches_from(epoch: int) -> tf.data.Dataset:
        return _batches(settings, images, steps, epoch)

    return Trainer(model, learner, keras_fit(learner, batches_from, epochs=settings.epochs, steps=steps), steps)


def _cross_entropy(images: Any, logits: Any) -> Any:
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(images, logits))


def _batches(settings: Autoencoder, images: np.ndarray, steps: int, start: int) -> tf.data.Dataset:
    """Return the batches from epoch `start` on: (B, H, W, 1) images, which are inputs and targets alike."""
    everything = tf.constant(images)

    def rows() -> Iterator[np.ndarray]:
        for epoch in range(start, settings.epochs):
            # The order depends on seed and epoch only, so that a training can be resumed.
            order = np.random.default_rng([settings.seed % 2**64, epoch]).permutation(len(images)).astype(np.int32)
            # Equal parts, since the remainder could be a single image, which batch norm would turn into zeros.
            yield from np.array_split(order, steps)

    def pair(chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        batch = tf.gather(everything, chosen)
        return batch, batch

    return tf.data.Dataset.from_generator(rows, output_signature=tf.TensorSpec((None,), tf.int32)).map(pair)
