"""The networks of the corner experiment: their settings, what they are made of, and how many train at once.

All are a convolution 3x3 followed by a convolution 1x1, nothing between them. Runs that agree in their batches and
their optimiser train as one stack of replicates, so that little of the time goes to compiling.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from maskwright.data.corner import CORNER_INDEX
from maskwright.nn.replicates import Replicate, ReplicatedConv2D, ReplicatedDense, fit_batches
from maskwright.parallel import available_cores
from maskwright.params import Corner

PATTERNS = 512
_REPORTS = 200  # at most so many rows in the history of a run


@dataclass(frozen=True)
class Setting:
    """What a network is and how it is trained; the default is the setting of the question.

    Attributes:
        head: activation of the convolution 1x1; softmax has two outputs, of which the second is the corner.
        loss: mean squared error, or the cross-entropy that fits the head.
        labels: `posted` has shape (B,) against outputs (B, 1, 1, 1), so that the loss compares each output with all
            labels of the batch; `matched` compares it with its own.
        epochs, batch_size, learning_rate: of Adam.
        filters: of the convolution 3x3.
        repeats: so many of an epoch's 512 examples are the corner; the others are drawn without replacement.
        balanced: an epoch is the other 511 patterns once and the corner 511 times instead.
        corner_weight: what the corner counts in the loss, as Keras's `class_weight`.
        centred: inputs are -1 and 1 instead of 0 and 1.
    """

    head: Literal["hard_sigmoid", "sigmoid", "softmax"] = "hard_sigmoid"
    loss: Literal["mse", "cross_entropy"] = "mse"
    labels: Literal["posted", "matched"] = "posted"
    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-2
    filters: int = 1
    repeats: int = 1
    balanced: bool = False
    corner_weight: float = 1.0
    centred: bool = False

    @property
    def units(self) -> int:
        """Return the number of outputs."""
        return 2 if self.head == "softmax" else 1

    @property
    def stack(self) -> tuple[Any, ...]:
        """Return what runs must have in common to train together."""
        return self.epochs, self.batch_size, self.learning_rate, self.filters, self.units, self.loss, self.balanced


def variant_setting(params: Corner, variant: str) -> Setting:
    """Return the setting of a variant; that of `hand_set`, which is not trained, is as posted."""
    epochs = params.epochs
    posted = Setting(epochs=epochs.as_posted)
    softmax = Setting("softmax", "cross_entropy", "matched", batch_size=PATTERNS, learning_rate=1e-3)
    return {
        "hand_set": posted,
        "as_posted": posted,
        "matched_labels": replace(posted, labels="matched"),
        "repeated_corner": repeated(params, params.repeats),
        "sigmoid_bce": Setting("sigmoid", "cross_entropy", "matched", epochs=epochs.sigmoid_bce),
        "softmax_ce": replace(softmax, epochs=epochs.softmax_ce),
        "balanced": replace(softmax, epochs=epochs.balanced, balanced=True),
        "class_weight": replace(softmax, epochs=epochs.class_weight, corner_weight=PATTERNS - 1),
    }[variant]


def repeated(params: Corner, repeats: int) -> Setting:
    """Return matched labels with so many corners among an epoch's examples."""
    return Setting(labels="matched", epochs=params.epochs.repeated_corner, repeats=repeats)


def changed_setting(params: Corner, change: str, labels: Literal["posted", "matched"]) -> Setting:
    """Return the setting of the question with one change, and labels of that shape."""
    posted = Setting(labels=labels, epochs=params.epochs.as_posted)
    longer = replace(posted, epochs=5 * posted.epochs)
    return {
        "none": posted,
        "logistic_sigmoid": replace(posted, head="sigmoid"),
        "corner_weight": replace(posted, corner_weight=PATTERNS - 1),
        "centred_inputs": replace(posted, centred=True),
        "repeated_corner": replace(posted, repeats=params.repeats),
        "sixteen_filters": replace(posted, filters=16),
        "tenth_learning_rate": replace(posted, learning_rate=posted.learning_rate / 10),
        "fivefold_epochs": longer,
        "fivefold_epochs_centred_inputs": replace(longer, centred=True),
        # One label and one output are one pair, whatever their shapes. A fifth of the epochs, six times the steps.
        "batch_of_one": replace(posted, batch_size=1, labels="matched", epochs=-(-posted.epochs // 5)),
    }[change]


def detector(setting: Setting, seeds: Sequence[int], name: str) -> keras.Model:
    """Return all seeds' networks as one: (B, H, W, 1) -> (B, R, H - 2, W - 2) float32 scores.

    The score is near 1 where the pixel in the middle of a 3x3 window is a corner.
    """
    image = keras.Input((None, None, 1), name="image")
    x = keras.layers.Rescaling(2.0, -1.0)(image) if setting.centred else image
    x = _logits(setting, seeds, Replicate(len(seeds), name="replicate")(x))
    x = keras.layers.Activation("hard_sigmoid" if setting.head == "hard_sigmoid" else "sigmoid", name="score")(x)
    return keras.Model(image, x, name=name)


def single_network(setting: Setting) -> keras.Sequential:
    """Return one network as the question has it: (B, 3, 3, 1) -> (B, 1, 1, units)."""
    return keras.Sequential(
        [
            keras.Input((3, 3, 1)),
            keras.layers.Conv2D(setting.filters, 3),
            keras.layers.Conv2D(setting.units, 1, activation=setting.head),
        ]
    )


def _logits(setting: Setting, seeds: Sequence[int], inputs: Any) -> Any:
    """Apply the two convolutions: (B, R, H, W, 1) -> (B, R, H - 2, W - 2), what the sigmoid or softmax is of."""
    x = ReplicatedConv2D(setting.filters, seeds, kernel_size=3, name="conv_3x3")(inputs)
    x: Any = ReplicatedDense(setting.units, seeds, name="conv_1x1")(x)
    # A softmax of two is the logistic sigmoid of their difference.
    outputs: list[Any] = [ops.take(x, unit, axis=-1) for unit in range(setting.units)]
    return outputs[1] - outputs[0] if setting.units == 2 else outputs[0]


@dataclass(frozen=True)
class Trained:
    """What training made of one run's networks.

    Attributes:
        weights: as `detector(...).get_weights()`.
        history: for each measure (reports, R); see `_Objective.measure`.
        epochs: those after which there is a report; the last one ends the training.
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
    # Much of the time goes to compiling, which takes one core. Threads do: neither it nor a step holds Python's lock.
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
    network = keras.Model(inputs, _logits(first, list(seeds) * len(settings), inputs))
    pixels, truth = tf.constant(patterns.reshape(PATTERNS, 9)), tf.constant(labels)[:, None]
    objective = _Objective(settings, number)
    centred = objective.each(lambda setting: setting.centred)

    def logits() -> tf.Tensor:
        # With nothing between them the two convolutions are one linear map, and every network sees patterns of the
        # same 512. So one product of (512, 9) and (9, R) does for all, many times as fast as a pass for each example.
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
        _batches(settings, seeds, np.diff(epochs, prepend=0).tolist()),
        lambda: objective.measure(truth, logits()),
    )
    weights = network.get_weights()
    parts = [slice(place * number, (place + 1) * number) for place in range(len(settings))]
    return [
        Trained([w[part] for w in weights], {name: values[:, part] for name, values in history.items()}, epochs)
        for part in parts
    ]


class _Objective:
    """What the networks of a stack minimise, and what is measured of them, where they differ as their settings do."""

    def __init__(self, settings: Sequence[Setting], number: int) -> None:
        self._settings, self._number = settings, number
        self._cross_entropy = settings[0].loss == "cross_entropy"
        self._hard = self.each(lambda setting: setting.head == "hard_sigmoid") > 0
        self._posted = self.each(lambda setting: setting.labels == "posted") > 0
        self._corner_weight = self.each(lambda setting: setting.corner_weight)

    def each(self, value: Callable[[Setting], float]) -> tf.Tensor:
        """Return a value of the settings for each network, (R,) float32."""
        return tf.constant(np.repeat([float(value(setting)) for setting in self._settings], self._number), tf.float32)

    def loss(self, truth: tf.Tensor, times: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        """Return the loss of a batch, (R,).

        Args:
            truth: (512, 1) labels.
            times: (512, R), how often each pattern is in each network's batch.
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
        # Labels (B,) against outputs (B, 1, 1, 1): the mean over all pairs of label and output, and over all weights.
        label = mean(truth)
        pairs = mean(weight) * (mean(tf.square(score)) - 2 * label * mean(score) + label)
        return tf.where(self._posted, pairs, own)

    def measure(self, truth: tf.Tensor, logits: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measure networks on all 512 patterns: truth (512, 1), logits (512, R) -> numbers, each (R,).

        - `loss`: each output against its own label, every pattern once and with the same weight;
        - `recall`: 1 where the corner is found, else 0;
        - `false_positives`: among the other 511;
        - `gradient`: share of the patterns through whose activation any gradient passes;
        - `pull`: size of the gradient of the corner's own loss with respect to its logit; at 0 it cannot be learned.
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


def report_epochs(epochs: int) -> list[int]:
    """Return after which epochs of a training to report: at equal intervals, the last of which may be shorter."""
    interval = -(-epochs // _REPORTS)
    return [*range(interval, epochs, interval), epochs]


def _batches(settings: Sequence[Setting], seeds: Sequence[int], between: Sequence[int]) -> Iterator[np.ndarray]:
    """Yield the batches of so many epochs after each other, for `_times`.

    How often each pattern is in each, (1, steps, 512, R), or of batches of one which it is, (1, steps, 1, R).
    """
    first = settings[0]
    if first.batch_size == PATTERNS and not first.balanced:
        # A batch of everything is the same in any order.
        yield from (np.ones((1, epochs, PATTERNS, len(settings) * len(seeds)), np.uint16) for epochs in between)
        return
    orders = [np.random.default_rng([seed % 2**64, 1]) for seed in seeds]
    replacements = [np.random.default_rng([seed % 2**64, 2]) for seed in seeds]
    for epochs in between:
        drawn = [draw_epochs(rng, epochs, first.balanced) for rng in orders]
        kinds: dict[int, list[np.ndarray]] = {1: drawn}
        if any(setting.repeats > 1 for setting in settings):
            ranks = [_shuffled(rng, np.arange(PATTERNS - 1), epochs) for rng in replacements]
            for repeats in {setting.repeats for setting in settings} - {1}:
                kinds[repeats] = [repeat_corner(rows, rank, repeats) for rows, rank in zip(drawn, ranks, strict=True)]
        times = {
            repeats: np.stack([pattern_counts(own, first.batch_size) for own in rows], -1)
            if first.batch_size > 1
            else np.stack([own.astype(np.uint16).reshape(-1, 1) for own in rows], -1)
            for repeats, rows in kinds.items()
        }
        yield np.concatenate([times[setting.repeats] for setting in settings], axis=-1)[None]


def _times(batch: tf.Tensor) -> tf.Tensor:
    """Return how often each pattern is in each network's batch, (512, R) float32."""
    if batch.shape[0] == PATTERNS:
        return tf.cast(batch, tf.float32)
    return tf.cast(tf.range(PATTERNS)[:, None] == tf.cast(batch, tf.int32), tf.float32)


def draw_epochs(rng: np.random.Generator, epochs: int, balanced: bool) -> np.ndarray:
    """Draw the order in which a network sees the patterns: (epochs, 512), or (epochs, 1022) where balanced."""
    every = np.arange(PATTERNS)
    if balanced:
        every = np.concatenate([every, np.full(PATTERNS - 2, CORNER_INDEX)])
    return _shuffled(rng, every, epochs)


def repeat_corner(rows: np.ndarray, ranks: np.ndarray, repeats: int) -> np.ndarray:
    """Put the corner in the place of some other patterns, until it is there `repeats` times an epoch.

    Args:
        rows: (epochs, 512), each pattern once.
        ranks: (epochs, 511), a random order of the other patterns; the first ones are replaced.
        repeats: from 1 to 512.
    """
    others = np.delete(np.arange(PATTERNS), CORNER_INDEX)
    replaced = np.zeros(rows.shape, bool)
    np.put_along_axis(replaced, others[ranks[:, : repeats - 1]], True, axis=1)
    return np.where(np.take_along_axis(replaced, rows, axis=1), CORNER_INDEX, rows)


def _shuffled(rng: np.random.Generator, values: np.ndarray, times: int) -> np.ndarray:
    return np.stack([rng.permutation(values) for _ in range(times)])


def pattern_counts(rows: np.ndarray, batch_size: int) -> np.ndarray:
    """Count how often each pattern is in each batch: (epochs, examples) -> (steps, 512) uint16.

    An epoch's last batch may be smaller.
    """
    epochs, examples = rows.shape
    steps = -(-examples // batch_size)
    batch = np.arange(epochs)[:, None] * steps + np.arange(examples) // batch_size
    counts = np.bincount((batch * PATTERNS + rows).ravel(), minlength=epochs * steps * PATTERNS)
    return counts.reshape(epochs * steps, PATTERNS).astype(np.uint16)
