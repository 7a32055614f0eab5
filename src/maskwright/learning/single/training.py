"""What training one network has in common, whatever it learns: precision, optimiser, epochs that survive a kill."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import keras
import tensorflow as tf

from maskwright.learning.single.callbacks import EpochEnd, LogEpoch, ProgressBar
from maskwright.learning.single.checkpoint import load_checkpoint, restore_best
from maskwright.learning.single.schedules import ScheduledTraining, learning_rate


class Settings(ScheduledTraining, Protocol):
    """The part of an experiment's parameters that training needs, such as `params.Segmentation`."""

    @property
    def weight_decay(self) -> float:
        """Decoupled; 0 for none."""
        ...


@contextmanager
def computing_in(precision: Literal["float32", "bfloat16"]) -> Iterator[None]:
    """Give the layers that are made meanwhile this precision; weights and sums stay float32."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def strategy(accelerators: list[str]) -> tf.distribute.Strategy:
    """Return a strategy that splits each batch among several of them, or the one that changes nothing."""
    return tf.distribute.MirroredStrategy(accelerators) if len(accelerators) > 1 else tf.distribute.get_strategy()


def accelerators() -> list[str]:
    """Return the names of the GPUs there are."""
    return [device.name for device in tf.config.list_logical_devices("GPU")]


def optimizer(settings: Settings, model: keras.Model, steps: int) -> keras.optimizers.Optimizer:
    """Return Adam with the settings' schedule over epochs of so many steps, built for the model's weights."""
    rate: Any = learning_rate(settings, steps)
    if settings.weight_decay:
        result = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
        # Decay is for the kernels: on a scale or a bias it only biases the result.
        result.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    else:
        result = keras.optimizers.Adam(rate)
    result.build(model.trainable_variables)
    return result


Fit = Callable[[int, list[keras.callbacks.Callback]], None]
"""Trains from an epoch (from 0) to the last, and tells the callbacks of each batch and epoch."""


def keras_fit(model: Any, batches: Callable[[int], tf.data.Dataset], *, epochs: int, steps: int) -> Fit:
    """Return Keras's own loop: `batches` returns the batches from an epoch (from 0) on, `steps` an epoch."""

    def fit(start: int, callbacks: list[keras.callbacks.Callback]) -> None:
        model.fit(
            batches(start),
            initial_epoch=start,
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )

    return fit


class Trained(NamedTuple):
    """What a training led to.

    Attributes:
        epochs: a row of numbers for each epoch.
        best: the best epoch, from 0.
    """

    epochs: list[dict[str, float]]
    best: int


def train_epochs(
    model: Any,
    fit: Fit,
    *,
    epochs: int,
    steps: int,
    validate: Callable[[], dict[str, float]],
    best_by: str,
    shown: str | None = None,
    folder: Path,
    log_epoch: LogEpoch,
) -> Trained:
    """Train a compiled model to the last epoch, and give it the weights of its best one.

    A training that was killed goes on from its last finished epoch.

    Args:
        model: compiled.
        fit: trains it, such as `keras_fit`.
        epochs: how many there are.
        steps: batches an epoch.
        validate: returns the validation split's named numbers for the model as it stands.
        best_by: which of them, the highest, decides the best epoch.
        shown: which of them the progress bar shows; None for that.
        folder: where the checkpoint lies; `remove_checkpoint` is for when the model has been stored.
        log_epoch: told each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the loss stopped being finite.
    """
    progress = load_checkpoint(folder, model)
    start = progress.next_epoch
    if start < epochs:
        epoch_end = EpochEnd(
            validate=validate, best_by=best_by, progress=progress, folder=folder, log_epoch=log_epoch
        )
        bar = ProgressBar(
            epochs=epochs, steps=steps, start=start, progress=progress, shown=("loss", shown or best_by)
        )
        try:
            fit(start, [epoch_end, bar])
        finally:
            bar.stop()
    restore_best(folder, model)
    return Trained(progress.history, progress.best_epoch)
