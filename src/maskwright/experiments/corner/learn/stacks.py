"""Training the networks of the corner experiment in stacks.

Runs with equal batches and optimizer train as one stack of replicates, so that little time is spent on compiling.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.corner.data import PATTERNS
from maskwright.experiments.corner.learn.network import apply_convolutions, hand_set_weights
from maskwright.experiments.corner.learn.objective import Objective
from maskwright.experiments.corner.learn.orders import draw_batches, steps_per_epoch
from maskwright.experiments.corner.learn.variants import Setting
from maskwright.learning.replicates.fitting import Network, adam, start_fitting
from maskwright.shared.parallel import available_cores

_REPORTS = 200  # the greatest number of rows in the history of a run


@dataclass(frozen=True)
class Trained:
    """The networks of one run after their training.

    Attributes:
        weights: the weights in the order of `detector(...).get_weights()`.
        history: for each measure of `Objective.measure` an array (reports, R).
        epochs: the epochs after which there is a report; the last one ends the training.
    """

    weights: list[np.ndarray]
    history: dict[str, np.ndarray]
    epochs: list[int]

    @property
    def solved_epochs(self) -> list[int | None]:
        """Return for each network the first reported epoch from which all 512 patterns stay right, or None."""
        right = (self.history["recall"] == 1) & (self.history["false_positives"] == 0)
        stays = np.logical_and.accumulate(right[::-1])[::-1]
        return [self.epochs[own.argmax()] if own.any() else None for own in stays.T]


def train_all(
    runs: Mapping[Any, Setting], seeds: Sequence[int], patterns: np.ndarray, labels: np.ndarray
) -> dict[Any, Trained]:
    """Train the networks of every run. A seed has the same initial weights and the same batches in each run.

    Runs with the same setting are trained only once.

    Args:
        runs: settings by name.
        seeds: the seeds of each run's networks.
        patterns: (512, 3, 3) float32.
        labels: (512,) float32.
    """
    stacks: dict[Any, list[Setting]] = {}
    for setting in dict.fromkeys(runs.values()):
        stacks.setdefault(setting.stack, []).append(setting)
    trained: dict[Setting, Trained] = {}
    # Compiling takes much of the time, on one core. It runs in threads, since neither it nor a step holds the GIL.
    with ThreadPoolExecutor(available_cores()) as pool:
        started = [_start_stack(pool, settings, seeds, patterns, labels) for settings in stacks.values()]
        for settings, stack in zip(stacks.values(), started, strict=True):
            trained |= dict(zip(settings, _trained(stack, len(seeds)), strict=True))
    return {name: trained[setting] for name, setting in runs.items()}


class _Stack(NamedTuple):
    """A stack of networks in training, the epochs after which it reports, and its future reports."""

    network: Any
    epochs: list[int]
    reported: Future[dict[str, np.ndarray]]


def _start_stack(
    pool: Executor, settings: Sequence[Setting], seeds: Sequence[int], patterns: np.ndarray, labels: np.ndarray
) -> _Stack:
    first, number = settings[0], len(seeds)
    inputs = keras.Input((number * len(settings), 3, 3, 1))
    model: Any = keras.Model(inputs, apply_convolutions(first, list(seeds) * len(settings), inputs))
    weights = model.get_weights()
    for place, setting in enumerate(settings):
        if setting.by_hand:
            for weight, values in zip(weights, hand_set_weights(number), strict=True):
                weight[place * number : (place + 1) * number] = values
    model.set_weights(weights)
    pixels, truth = tf.constant(patterns.reshape(PATTERNS, 9)), tf.constant(labels)[:, None]
    objective = Objective(settings, number)
    centred = objective.each(lambda setting: setting.centred)

    def logits(network: Network) -> tf.Tensor:
        # With nothing between them, the two convolutions are one linear map, and all networks see the same 512
        # patterns. One product of (512, 9) and (9, R) is therefore enough, and much faster than a pass per example.
        kernel, bias, last_kernel, last_bias = network.weights
        if first.units == 2:
            last_kernel, last_bias = (v[..., 1:] - v[..., :1] for v in (last_kernel, last_bias))
        weights = tf.reduce_sum(tf.reshape(kernel, (-1, 9, first.filters)) * last_kernel[:, None, :, 0], -1)  # (R, 9)
        offset = tf.reduce_sum(bias * last_kernel[..., 0], -1) + last_bias[:, 0]  # (R,)
        offset -= centred * tf.reduce_sum(weights, -1)
        return tf.matmul(pixels, weights * (1 + centred)[:, None], transpose_b=True) + offset  # (512, R)

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        return tf.reduce_sum(objective.loss(truth, _times(batch[0]), logits(network))), {}

    def measure(network: Network) -> dict[str, Any]:
        return objective.measure(truth, logits(network))

    epochs = report_epochs(first.epochs)
    batches = draw_batches(settings, seeds, np.diff(epochs, prepend=0).tolist())
    rates = np.full(first.epochs * steps_per_epoch(first), first.learning_rate)
    (reported,) = start_fitting(
        pool, [model], [((part,) for part in batches)], loss, adam(rates, beta_2=0.999), measure=measure, xla=True
    )
    return _Stack(model, epochs, reported)


def _trained(stack: _Stack, number: int) -> list[Trained]:
    """Wait for a stack, and return each setting's part of it; a part has `number` networks."""
    history = stack.reported.result()
    weights = stack.network.get_weights()
    parts = [slice(at, at + number) for at in range(0, len(weights[0]), number)]
    return [
        Trained([w[part] for w in weights], {name: values[:, part] for name, values in history.items()}, stack.epochs)
        for part in parts
    ]


def report_epochs(epochs: int) -> list[int]:
    """Return the epochs after which a training reports, at equal intervals; the last interval may be shorter."""
    interval = -(-epochs // _REPORTS)
    return [*range(interval, epochs, interval), epochs]


def _times(batch: tf.Tensor) -> tf.Tensor:
    """Return the number of times that each pattern is in each network's batch, (512, R) float32."""
    if batch.shape[0] == PATTERNS:
        return tf.cast(batch, tf.float32)
    return tf.cast(tf.range(PATTERNS)[:, None] == tf.cast(batch, tf.int32), tf.float32)
