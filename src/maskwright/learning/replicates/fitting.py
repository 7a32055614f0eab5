"""Training networks with many seeds. An epoch is one compiled call, and several networks train in parallel.

The networks may be R networks that are stacked in one (see `layers`), or R Keras models of the same architecture,
which share one compiled graph and train in threads.

The graph takes a network's weights as one vector and returns the new vector. Keras's optimizers cannot do that with
TensorFlow, since they change variables. Each network would need its own graph, and building the graphs takes longer
than such short trainings. Updating the variables one by one would also take as long as the convolutions of such small
networks. `benchmarks/fitting.py` compares the two.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers

WARM_UP = 0.2
"""The share of the steps during which the `triangular` rates rise."""

Arrays = tuple[np.ndarray, ...]

Epochs = Iterable[Arrays]
"""The data that a network is trained on: for each epoch, arrays (steps, ...), of which each step gets one slice."""


class Network:
    """A network with its weights at a given step.

    Attributes:
        weights: the trainable weights, in the order of `trainable_variables`.
    """

    def __init__(self, model: Any, weights: list[Any], others: list[Any]) -> None:
        self._model = model
        self.weights = weights
        self.others = others

    def __call__(self, inputs: Any, *, training: bool = True) -> Any:
        """Return the outputs. In training, also update moving averages and other non-trainable state."""
        outputs, others = self._model.stateless_call(self.weights, self.others, inputs, training=training)
        if training:
            self.others = others
        return outputs


Loss = Callable[[Network, tuple[Any, ...]], tuple[Any, dict[str, Any]]]
"""(network, a step's slice of the arrays) -> the loss, and named tensors to report, each with a fixed shape."""

Measure = Callable[[Network], dict[str, Any]]
"""The network after an epoch -> named tensors to report."""


@dataclass(frozen=True)
class Rule:
    """How a step changes the weights.

    Attributes:
        rates: (steps, K) float32, a row for each step of the whole training, which `update` gets.
        moments: number of vectors that are carried from step to step. Each is as long as the weights and is
            initially 0.
        update: (weights, gradient, moments, row of rates, mask of the kernels' weights) -> weights, moments.
    """

    rates: np.ndarray
    moments: int
    update: Callable[[Any, Any, tuple[Any, ...], Any, Any], tuple[Any, tuple[Any, ...]]]


def sgd(rates: np.ndarray) -> Rule:
    """Return stochastic gradient descent with the given learning rate for each step, (steps,)."""

    def update(weights: Any, gradient: Any, moments: tuple[Any, ...], rate: Any, kernels: Any) -> Any:
        return weights - rate[0] * gradient, moments

    return Rule(rates.astype(np.float32)[:, None], 0, update)


def adam(rates: np.ndarray, *, beta_2: float, weight_decay: float = 0.0) -> Rule:
    """Return Adam with decoupled weight decay (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).

    Args:
        rates: the learning rate of each step, (steps,).
        beta_2: decay rate of the mean squared gradient; that of the mean gradient is 0.9.
        weight_decay: applied to kernels only, since decaying a bias or a scale only biases the result.
    """
    beta_1, epsilon = 0.9, 1e-7
    counts = np.arange(1, len(rates) + 1)
    # The rate includes both corrections for moments that start at 0.
    corrected = rates * np.sqrt(1 - beta_2**counts) / (1 - beta_1**counts)

    def update(weights: Any, gradient: Any, moments: tuple[Any, ...], rate: Any, kernels: Any) -> Any:
        mean, square = moments
        mean = beta_1 * mean + (1 - beta_1) * gradient
        square = beta_2 * square + (1 - beta_2) * tf.square(gradient)
        decay = weight_decay * kernels
        weights -= rate[1] * mean / (tf.sqrt(square) + epsilon) + rate[0] * decay * weights
        return weights, (mean, square)

    return Rule(np.stack([rates, corrected], axis=1).astype(np.float32), 2, update)


def adam_up_and_down(
    learning_rate: float, weight_decay: float, *, epochs: int, examples: int, batch_size: int
) -> Rule:
    """Return Adam with `beta_2` 0.99 and `triangular` rates over the whole training."""
    steps = epochs * max(1, examples // batch_size)
    return adam(triangular(learning_rate, steps), beta_2=0.99, weight_decay=weight_decay)


def triangular(peak: float, steps: int) -> np.ndarray:
    """Return learning rates that rise linearly to `peak` over a fifth of the steps and then fall linearly to 0.

    Returns:
        (steps,) float32.
    """
    warm_up = max(1, round(WARM_UP * steps))
    place = np.arange(1, steps + 1)
    return (peak * np.minimum(place / warm_up, (steps + 1 - place) / max(1, steps - warm_up + 1))).astype(np.float32)


def in_batches(arrays: Arrays, batch_size: int) -> Arrays:
    """Cut (N, ...) arrays into (steps, batch_size, ...).

    Examples that do not fill the last batch are dropped. If there are fewer than `batch_size`, they form one step.
    """
    size = min(batch_size, len(arrays[0]))
    steps = len(arrays[0]) // size
    return tuple(array[: steps * size].reshape(steps, size, *array.shape[1:]) for array in arrays)


def one_thread_an_operation() -> None:
    """Let TensorFlow compute each operation in one thread. This has no effect once it has computed anything.

    Operations as small as these end before a second thread has started. Networks that train in parallel keep the
    cores busy.
    """
    with suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(1)


def stacked(outputs: list[Any]) -> Any:
    """Stack the outputs of R networks: R tensors (B, ...) -> (B, R, ...)."""
    rows = [layers.Reshape((1, *output.shape[1:]), name=f"row_{row}")(output) for row, output in enumerate(outputs)]
    return layers.Concatenate(axis=1, name="seeds")(rows) if len(rows) > 1 else rows[0]


def start_fitting(
    pool: Executor,
    networks: Sequence[Any],
    epochs: Sequence[Epochs],
    loss: Loss,
    rule: Rule,
    *,
    measure: Measure | None = None,
    xla: bool = False,
) -> list[Future[dict[str, np.ndarray]]]:
    """Start training networks of the same architecture, each on its own examples, in the threads of a pool.

    Args:
        pool: a pool of threads. TensorFlow releases Python's global interpreter lock while an epoch runs. The results
            do not depend on what else runs at the same time.
        networks: Keras models; each has its trained weights when its future is done.
        epochs: the training data of each network.
        loss: see `Loss`.
        rule: how a step changes the weights.
        measure: see `Measure`.
        xla: compile the epoch with XLA. This is for networks with so few weights that TensorFlow's overhead for each
            operation would exceed the computation.

    Returns:
        For each network a dictionary of arrays (epochs, ...). It has the mean over each epoch's steps of the loss, as
        "loss", and of the tensors that the loss reports. It also has the tensors that `measure` returned after each
        epoch; these replace means of the same name.
    """
    first = iter(epochs[0])
    example = next(first)
    run = _compiled(networks[0], example, loss, rule, measure, xla=xla)
    shown = [chain([example], first), *epochs[1:]]
    return [pool.submit(_fit, network, own, run, rule) for network, own in zip(networks, shown, strict=True)]


def _fit(network: Any, epochs: Epochs, run: Callable[..., Any], rule: Rule) -> dict[str, np.ndarray]:
    weights = tf.concat([tf.reshape(tf.convert_to_tensor(v), [-1]) for v in network.trainable_variables], 0)
    state = (weights, *(tf.zeros_like(weights) for _ in range(rule.moments)))
    others = [tf.convert_to_tensor(variable) for variable in network.non_trainable_variables]
    reported: dict[str, list[np.ndarray]] = {}
    done = 0
    for arrays in epochs:
        rates = rule.rates[done : done + len(arrays[0])]
        done += len(rates)
        state, others, numbers = run(state, others, tuple(map(tf.constant, arrays)), tf.constant(rates))
        for name, value in numbers.items():
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


def _compiled(
    model: Any, example: Arrays, loss: Loss, rule: Rule, measure: Measure | None, *, xla: bool
) -> Callable[..., Any]:
    """Return a function that trains one epoch. It takes and returns weights, moments and other variables."""
    kernels = tf.concat(
        [tf.fill([int(np.prod(v.shape))], float(len(v.shape) > 1)) for v in model.trainable_variables], 0
    )

    def step(state: Any, others: Any, batch: tuple[Any, ...], rates: Any) -> Any:
        weights, *moments = state
        with tf.GradientTape() as tape:
            tape.watch(weights)
            network = Network(model, _parts(model, weights), list(others))
            value, report = loss(network, batch)
        gradient = tape.gradient(value, weights)
        weights, moments = rule.update(weights, gradient, tuple(moments), rates, kernels)
        return (weights, *moments), network.others, {"loss": value, **report}

    vector = tf.TensorSpec(kernels.shape, tf.float32)
    state = (vector,) * (1 + rule.moments)
    others = [tf.TensorSpec(variable.shape, variable.dtype) for variable in model.non_trainable_variables]
    arrays = tuple(tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in example)
    batch = tuple(tf.TensorSpec(array.shape[1:], array.dtype) for array in example)
    # Traced here, not in the thread that calls it first: several threads must not build graphs at the same time.
    traced = tf.function(step).get_concrete_function(state, others, batch, tf.TensorSpec(rule.rates.shape[1:]))
    reported = traced.structured_outputs[2]

    def run(state: Any, others: Any, arrays: tuple[Any, ...], rates: Any) -> Any:
        steps = tf.shape(rates)[0]
        totals = {name: tf.zeros(spec.shape, spec.dtype) for name, spec in reported.items()}
        for index in tf.range(steps):
            state, others, report = traced(state, others, tuple(array[index] for array in arrays), rates[index])
            totals = {name: totals[name] + value for name, value in report.items()}
        means = {name: total / tf.cast(steps, total.dtype) for name, total in totals.items()}
        measured = measure(Network(model, _parts(model, state[0]), others)) if measure else {}
        return state, others, {**means, **measured}

    signature = (state, others, arrays, tf.TensorSpec((None, *rule.rates.shape[1:])))
    return tf.function(run, input_signature=signature, jit_compile=xla).get_concrete_function()
