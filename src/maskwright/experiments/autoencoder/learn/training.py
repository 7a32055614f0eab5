"""The autoencoder's training loop.

It is a loop of its own in place of Keras's `fit`. Much of a short training is the making of graphs, and this loop
makes one graph only, that of a step.
"""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.autoencoder.learn.network import build, run
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.single.fused_adam import FusedAdam
from maskwright.learning.single.schedules import learning_rate


def steps_per_epoch(settings: Autoencoder, images: int) -> int:
    """Return how many batches an epoch of so many training images has."""
    return -(-images // settings.batch_size)


def compiled_network(settings: Autoencoder, images: np.ndarray) -> Any:
    """Build the network, and give it its optimizer with the learning rates for these training images.

    All random numbers from here on follow from the settings' seed.

    Args:
        settings: the experiment's section of params.yaml.
        images: (N, H, W, 1), of which the number and the shape count.
    """
    make_deterministic(settings.seed)
    model: Any = build(settings, images.shape[1:])
    optimizer = FusedAdam(learning_rate(settings, steps_per_epoch(settings, len(images))))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer)
    return model


def fit(
    model: Any,
    images: np.ndarray,
    settings: Autoencoder,
    *,
    start: int = 0,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Train a compiled model from epoch `start` to the last.

    The loss is the binary cross-entropy, mean over pixels, plus `kl_weight` times the divergence, mean over images.

    Args:
        model: an autoencoder; changed.
        images: (N, H, W, 1) float32 from 0 to 1.
        settings: epochs, batch size, weight of the divergence and seed.
        start: the first epoch to run, from 0; those before must have been run.
        callbacks: are told when training begins, and when batches and epochs end.
    """
    steps = steps_per_epoch(settings, len(images))
    step = _training_step(model, images, settings.kl_weight)
    callbacks = list(callbacks)
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    for epoch in range(start, settings.epochs):
        # A function of seed and epoch, so that a training can go on in the middle.
        order = np.random.default_rng([settings.seed % 2**64, epoch]).permutation(len(images)).astype(np.int32)
        losses = []
        # In equal parts: a rest could be one image, of which batch norm would make nothing but zeros.
        for number, rows in enumerate(np.array_split(order, steps)):
            losses.append(step(tf.constant(rows)))
            for callback in callbacks:
                callback.on_train_batch_end(number)
        loss = float(np.mean([value.numpy() for value in losses]))
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"loss": loss})


def _training_step(model: Any, images: np.ndarray, kl_weight: float) -> Callable[[tf.Tensor], tf.Tensor]:
    variables = model.trainable_variables
    everything = tf.constant(images)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)], autograph=False)
    def step(rows: tf.Tensor) -> tf.Tensor:
        batch: Any = tf.gather(everything, rows)
        with tf.GradientTape() as tape:
            logits, _, divergence = run(model, batch, training=True)
            loss: Any = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(batch, logits))
            if divergence is not None:
                loss += kl_weight * tf.reduce_mean(divergence)
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step
