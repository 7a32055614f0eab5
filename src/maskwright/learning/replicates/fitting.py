"""Training small networks by any loss: an epoch is one compiled call, and several networks train side by side.

Adam with decoupled weight decay, all of a network's weights as one vector: with networks this small, an optimizer
that goes from variable to variable would take as long as the convolutions.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

WARM_UP = 0.2
"""Share of the steps over which the learning rate rises to its peak; then it falls to 0. Both in straight lines."""

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.99, 1e-7

Arrays = tuple[np.ndarray, ...]

Epoch = Callable[[int], Arrays]
"""The number of an epoch, from 0 -> what a network is shown in it: arrays of equal length, a row for each example."""

Forward = Callable[[Any], Any]
"""Inputs -> outputs of the network that is trained, with the weights of the step."""

Loss = Callable[[Forward, tuple[Any, ...]], tuple[Any, dict[str, Any]]]
"""Forward, and a batch of what an epoch shows -> the loss, and tensors to report by name, each of a fixed shape."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        epochs: number of them.
        batch_size: examples in a step; what is left over at the end of an epoch is not used in it. An epoch of fewer
            examples is one step.
        learning_rate: peak.
        weight_decay: decoupled, of kernels alone.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float


def one_thread_an_operation() -> None:
    """Let TensorFlow compute each operation in one thread; of no effect once it has computed anything.

    Operations as small as these are done before a second thread is awake. The cores are kept busy by networks that
    train side by side.
    """
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


def stacked(outputs: list[Any]) -> Any:
    """Return the outputs of R networks as one: (B, ...) R times -> (B, R, ...)."""
    rows = [layers.Reshape((1, *output.shape[1:]), name=f"row_{row}")(output) for row, output in enumerate(outputs)]
    return layers.Concatenate(axis=1, name="seeds")(rows) if len(rows) > 1 else rows[0]


def learning_rates(peak: float, steps: int) -> np.ndarray:
    """Return the learning rate of each step, (steps,) float32."""
    warm_up = max(1, round(WARM_UP * steps))
    place = np.arange(1, steps + 1)
    return (peak * np.minimum(place / warm_up, (steps + 1 - place) / max(1, steps - warm_up + 1))).astype(np.float32)


def start_fitting(
    pool: Executor, networks: list[Any], epochs: list[Epoch], loss: Loss, recipe: Recipe
) -> list[Future[dict[str, np.ndarray]]]:
    """Begin to train networks of the same architecture, each on its own examples, as the pool finds time.

    Args:
        pool: of threads: TensorFlow lets go of Python's lock while an epoch runs, and no number depends on what else
            runs at the time.
        networks: R Keras models; each has its trained weights when its future is done.
        epochs: what each network is shown.
        loss: see `Loss`.
        recipe: how to train.

    Returns:
        For each network the mean over the steps of each epoch, (epochs, ...): of the loss, under "loss", and of what
        the loss reports.

    """
    run = _compiled(networks[0], epochs[0](0), loss, recipe)
    return [pool.submit(_fit, network, shown, run, recipe) for network, shown in zip(networks, epochs, strict=True)]


def _fit(network: Any, epoch: Epoch, run: Callable[..., Any], recipe: Recipe) -> dict[str, np.ndarray]:
    weights = tf.concat([tf.reshape(tf.convert_to_tensor(v), [-1]) for v in network.trainable_variables], 0)
    state = (weights, tf.zeros_like(weights), tf.zeros_like(weights))
    others = [tf.convert_to_tensor(variable) for variable in network.non_trainable_variables]
    reported: dict[str, list[np.ndarray]] = {}
    for number in range(recipe.epochs):
        arrays = epoch(number)
        steps = max(1, len(arrays[0]) // recipe.batch_size)
        rates = learning_rates(recipe.learning_rate, steps * recipe.epochs)[number * steps :][:steps]
        # Adam's two corrections for having begun at 0, in the rate.
        counts = number * steps + np.arange(1, steps + 1)
        corrected = rates * np.sqrt(1 - _BETA_2**counts) / (1 - _BETA_1**counts)
        both = tf.constant(np.stack([rates, corrected], axis=1), tf.float32)
        state, others, means = run(state, others, tuple(tf.constant(array) for array in arrays), both)
        for name, value in means.items():
            reported.setdefault(name, []).append(value.numpy())
    for variable, values in zip(network.trainable_variables, _parts(network, state[0]), strict=True):
        variable.assign(values)
    for variable, values in zip(network.non_trainable_variables, others, strict=True):
        variable.assign(values)
    return {name: np.stack(values) for name, values in reported.items()}


def _parts(network: Any, weights: Any) -> list[Any]:
    shapes = [tuple(variable.shape) for variable in network.trainable_variables]
    parts = tf.split(weights, [int(np.prod(shape)) for shape in shapes])
    return [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]


def _compiled(network: Any, example: Arrays, loss: Loss, recipe: Recipe) -> Callable[..., Any]:
    """Return the function that takes and returns weights, moments and other variables, and trains one epoch."""
    size = recipe.batch_size
    # Of kernels alone: on a bias or a scale decay only biases the result.
    decay = tf.concat(
        [
            tf.fill([int(np.prod(v.shape))], recipe.weight_decay * (len(v.shape) > 1))
            for v in network.trainable_variables
        ],
        0,
    )

    def step(state: Any, others: Any, batch: tuple[Any, ...], rates: Any) -> Any:
        weights, mean, square = state
        current = list(others)

        def forward(inputs: Any) -> Any:
            outputs, current[:] = network.stateless_call(_parts(network, weights), current, inputs, training=True)
            return outputs

        with tf.GradientTape() as tape:
            tape.watch(weights)
            value, report = loss(forward, batch)
        gradient: Any = tape.gradient(value, weights)
        mean = _BETA_1 * mean + (1 - _BETA_1) * gradient
        square = _BETA_2 * square + (1 - _BETA_2) * tf.square(gradient)
        weights -= rates[1] * mean / (tf.sqrt(square) + _EPSILON) + rates[0] * decay * weights
        return (weights, mean, square), current, {"loss": value, **report}

    vector = tf.TensorSpec(decay.shape, tf.float32)
    state = (vector, vector, vector)
    others = [tf.TensorSpec(variable.shape, variable.dtype) for variable in network.non_trainable_variables]
    arrays = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in example)
    # Traced here and now, not by whichever thread calls it first: building graphs is not for several threads at once.
    traced = tf.function(step).get_concrete_function(state, others, arrays, tf.TensorSpec((2,), tf.float32))
    reported = traced.structured_outputs[2]

    def run(state: Any, others: Any, arrays: tuple[Any, ...], rates: Any) -> Any:
        steps = tf.shape(rates)[0]
        totals = {name: tf.zeros(spec.shape, spec.dtype) for name, spec in reported.items()}
        for index in tf.range(steps):
            rows = slice(index * size, (index + 1) * size)
            state, others, report = traced(state, others, tuple(array[rows] for array in arrays), rates[index])
            totals = {name: totals[name] + value for name, value in report.items()}
        return state, others, {name: total / tf.cast(steps, total.dtype) for name, total in totals.items()}

    signature = (state, others, arrays, tf.TensorSpec((None, 2), tf.float32))
    return tf.function(run, input_signature=signature).get_concrete_function()
