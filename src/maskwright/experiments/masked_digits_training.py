"""Training small networks on masked digits: an epoch is one compiled call, and several networks train side by side.

Adam with decoupled weight decay, all of a network's weights as one vector: with networks this small, an optimizer
that goes from variable to variable would take as long as the convolutions.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.params import MaskedDigits

WARM_UP = 0.2
"""Share of the steps over which the learning rate rises to its peak; then it falls to 0. Both in straight lines."""

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.99, 1e-7

Epoch = tuple[np.ndarray, np.ndarray]
"""Images (N, H, W) uint8 and, for each of an image's M masks, what share each class has among the labels that it may
have: (N, M, classes) float32, one-hot where the label is certain; (N, 1, classes) where the mask does not matter."""

_State = tuple[Any, Any, Any]


def one_thread_an_operation() -> None:
    """Let TensorFlow compute each operation in one thread; of no effect once it has computed anything.

    Operations as small as these are done before a second thread is awake. The cores are kept busy by networks that
    train side by side.
    """
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


def learning_rates(peak: float, steps: int) -> np.ndarray:
    """Return the learning rate of each step, (steps,) float32."""
    warm_up = max(1, round(WARM_UP * steps))
    place = np.arange(1, steps + 1)
    return (peak * np.minimum(place / warm_up, (steps + 1 - place) / max(1, steps - warm_up + 1))).astype(np.float32)


def start_fitting(
    pool: Executor, networks: list[Any], epochs: list[Iterator[Epoch]], masks: np.ndarray, settings: MaskedDigits
) -> list[Future[np.ndarray]]:
    """Begin to train networks of the same architecture, each on its own images, as the pool finds time.

    Args:
        pool: of threads: TensorFlow lets go of Python's lock while an epoch runs, and no number depends on what else
            runs at the time.
        networks: R models [images (B, 1, H, W, 1), masks (1, M, H, W, 1)] -> logits (B, M or 1, classes); each has
            its trained weights when its future is done.
        epochs: what each network is shown, epoch by epoch; see `Epoch`.
        masks: (M, H, W), those of every image.
        settings: epochs, batch size, learning rate, decay.

    Returns:
        For each network the mean loss of each epoch, (epochs,).
    """
    images_a_step = settings.batch_size // len(masks)
    run = _compiled(networks[0], masks, images_a_step, settings.weight_decay)
    pairs = zip(networks, epochs, strict=True)
    return [pool.submit(_fit, network, shown, run, images_a_step, settings) for network, shown in pairs]


def _fit(
    network: Any, epochs: Iterator[Epoch], run: Callable[..., Any], images_a_step: int, settings: MaskedDigits
) -> np.ndarray:
    weights = tf.concat([tf.reshape(tf.convert_to_tensor(v), [-1]) for v in network.trainable_variables], 0)
    state = (weights, tf.zeros_like(weights), tf.zeros_like(weights))
    losses = []
    for number, (images, targets) in enumerate(epochs):
        steps = max(1, len(images) // images_a_step)
        rates = learning_rates(settings.learning_rate, steps * settings.epochs)[number * steps :][:steps]
        # Adam's two corrections for having begun at 0, in the rate.
        counts = number * steps + np.arange(1, steps + 1)
        corrected = rates * np.sqrt(1 - _BETA_2**counts) / (1 - _BETA_1**counts)
        both = tf.constant(np.stack([rates, corrected], axis=1), tf.float32)
        *state, loss = run(*state, tf.constant(images), tf.constant(targets), both)
        losses.append(float(loss))
    for variable, values in zip(network.trainable_variables, _parts(network, state[0]), strict=True):
        variable.assign(values)
    return np.array(losses)


def _parts(network: Any, weights: tf.Tensor) -> list[tf.Tensor]:
    shapes = [tuple(variable.shape) for variable in network.trainable_variables]
    parts = tf.split(weights, [int(np.prod(shape)) for shape in shapes])
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def _compiled(network: Any, masks: np.ndarray, images_a_step: int, weight_decay: float) -> Callable[..., Any]:
    """Return the function that takes and returns weights and Adam's two moments, and trains one epoch."""
    # Of kernels alone: on a bias or a scale decay only biases the result.
    decay = tf.concat(
        [tf.fill([int(np.prod(v.shape))], weight_decay * (len(v.shape) > 1)) for v in network.trainable_variables], 0
    )
    all_masks = tf.constant(masks[None, ..., None], tf.float32)
    vector = tf.TensorSpec(decay.shape, tf.float32)
    signature = (
        *[vector] * 3,
        tf.TensorSpec((None, *masks.shape[1:]), tf.uint8),
        tf.TensorSpec((None, None, network.output_shape[-1]), tf.float32),
        tf.TensorSpec((None, 2), tf.float32),
    )

    def step(state: _State, images: Any, targets: Any, rates: Any) -> Any:
        weights, mean, square = state
        with tf.GradientTape() as tape:
            tape.watch(weights)
            inputs = [(tf.cast(images, tf.float32) * (1 / 255))[:, None, ..., None], all_masks]
            logits, _ = network.stateless_call(_parts(network, weights), [], inputs, training=True)
            loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits))
        gradient: Any = tape.gradient(loss, weights)
        mean = _BETA_1 * mean + (1 - _BETA_1) * gradient
        square = _BETA_2 * square + (1 - _BETA_2) * tf.square(gradient)
        weights -= rates[1] * mean / (tf.sqrt(square) + _EPSILON) + rates[0] * decay * weights
        return (weights, mean, square), loss

    def run(
        weights: tf.Tensor,
        mean: tf.Tensor,
        square: tf.Tensor,
        images: tf.Tensor,
        targets: tf.Tensor,
        rates: tf.Tensor,
    ) -> Any:
        state, total = (weights, mean, square), tf.constant(0.0)
        for index in tf.range(tf.shape(rates)[0]):
            rows = slice(index * images_a_step, (index + 1) * images_a_step)
            state, loss = step(state, images[rows], targets[rows], rates[index])
            total += loss
        return *state, total / tf.cast(tf.shape(rates)[0], tf.float32)

    # Traced here and now, not by whichever thread calls it first: building graphs is not for several threads at once.
    return tf.function(run, input_signature=signature).get_concrete_function()
