"""Training of the networks of the corner experiment, in stacks.

Runs that agree in their batches and their optimiser train as one stack of replicates, so that little of the time goes
to compiling.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.corner.data import PATTERNS
from maskwright.experiments.corner.learn.network import apply_convolutions
from maskwright.experiments.corner.learn.objective import Objective
from maskwright.experiments.corner.learn.orders import draw_batches
from maskwright.experiments.corner.learn.variants import Setting
from maskwright.learning.replicates.layers import fit_batches
from maskwright.shared.parallel import available_cores

_REPORTS = 200  # at most so many rows in the history of a run


@dataclass(frozen=True)
class Trained:
    """The networks of one run after their training.

    Attributes:
        weights: as `detector(...).get_weights()`.
        history: for each measure (reports, R); see `Objective.measure`.
        epochs: the epochs after which there is a report; the last one ends the training.
    """

    weights: list[np.ndarray]
    history: dict[str, np.ndarray]
    epochs: list[int]

    @property
    def solved_epochs(self) -> list[int | None]:
        """Return for each network the first reported epoch from which on all 512 stayed right, or None."""
        right = (self.history["recall"] == 1) & (self.history["false_positives"] == 0)
        stays = np.logical_and.accumulate(right[::-1])[::-1]
        return [self.epochs[own.argmax()] if own.any() else None for own in stays.T]


def train_all(
    runs: Mapping[Any, Setting], seeds: Sequence[int], patterns: np.ndarray, labels: np.ndarray
) -> dict[Any, Trained]:
    """Train the networks of every run; those of a seed begin alike and see the same batches in each run.

    Runs of the same setting are trained once.

    Args:
        runs: settings by name.
        seeds: of each run's networks.
        patterns: (512, 3, 3) float32.
        labels: (512,) float32.
    """
    stacks: dict[Any, list[Setting]] = {}
    for setting in dict.fromkeys(runs.values()):
        stacks.setdefault(setting.stack, []).append(setting)
    trained: dict[Setting, Trained] = {}
    # Compiling takes much of the time, on one core. Threads share it: neither it nor a step holds Python's lock.
    with ThreadPoolExecutor(available_cores()) as pool:
        jobs = [pool.submit(_train_stack, settings, seeds, patterns, labels) for settings in stacks.values()]
        for settings, job in zip(stacks.values(), jobs, strict=True):
            trained |= dict(zip(settings, job.result(), strict=True))
    return {name: trained[setting] for name, setting in runs.items()}


def _train_stack(
    settings: Sequence[Setting], seeds: Sequence[int], patterns: np.ndarray, labels: np.ndarray
) -> list[Trained]:
    first, number = settings[0], len(seeds)
    inputs = keras.Input((number * len(settings), 3, 3, 1))
    network = keras.Model(inputs, apply_convolutions(first, list(seeds) * len(settings), inputs))
    pixels, truth = tf.constant(patterns.reshape(PATTERNS, 9)), tf.constant(labels)[:, None]
    objective = Objective(settings, number)
    centred = objective.each(lambda setting: setting.centred)

    def logits() -> tf.Tensor:
        # With nothing between them the two convolutions are one linear map, and every network sees patterns of the
        # same 512. So one product of (512, 9) and (9, R) is enough, and much faster than a pass for each example.
        variables: list[Any] = [tf.convert_to_tensor(v) for v in network.trainable_variables]
        kernel, bias, last_kernel, last_bias = variables
        if first.units == 2:
            last_kernel, last_bias = (v[..., 1:] - v[..., :1] for v in (last_kernel, last_bias))
        weights = tf.reduce_sum(tf.reshape(kernel, (-1, 9, first.filters)) * last_kernel[:, None, :, 0], -1)  # (R, 9)
        offset = tf.reduce_sum(bias * last_kernel[..., 0], -1) + last_bias[:, 0]  # (R,)
        offset -= centred * tf.reduce_sum(weights, -1)
        return tf.matmul(pixels, weights * (1 + centred)[:, None], transpose_b=True) + offset  # (512, R)

    epochs = report_epochs(first.epochs)
    history = fit_batches(
        network.trainable_variables,
        keras.optimizers.Adam(first.learning_rate),
        lambda batch: objective.loss(truth, _times(batch), logits()),
        draw_batches(settings, seeds, np.diff(epochs, prepend=0).tolist()),
        lambda: objective.measure(truth, logits()),
    )
    weights = network.get_weights()
    parts = [slice(place * number, (place + 1) * number) for place in range(len(settings))]
    return [
        Trained([w[part] for w in weights], {name: values[:, part] for name, values in history.items()}, epochs)
        for part in parts
    ]


def report_epochs(epochs: int) -> list[int]:
    """Return the epochs of a training after which to report: at equal intervals, the last of which may be shorter."""
    interval = -(-epochs // _REPORTS)
    return [*range(interval, epochs, interval), epochs]


def _times(batch: tf.Tensor) -> tf.Tensor:
    """Return how often each pattern is in each network's batch, (512, R) float32."""
    if batch.shape[0] == PATTERNS:
        return tf.cast(batch, tf.float32)
    return tf.cast(tf.range(PATTERNS)[:, None] == tf.cast(batch, tf.int32), tf.float32)
