"""Training a single network for any task: precision, optimizer, and epochs that survive a kill."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import keras
import tensorflow as tf

from maskwright.learning.single.callbacks import EpochEnd, ProgressBar
from maskwright.learning.single.checkpoint import load_checkpoint, restore_best
from maskwright.learning.single.schedules import ScheduledTraining, learning_rate
from maskwright.shared import terminal
from maskwright.shared.experiment import LogEpoch


class Settings(ScheduledTraining, Protocol):
    """The settings of an experiment that training needs."""

    @property
    def weight_decay(self) -> float:
        """The decoupled weight decay; 0 for none."""
        ...


@contextmanager
def computing_in(precision: Literal["float32", "bfloat16"]) -> Iterator[None]:
    """Make layers that are created inside the context compute in this precision; weights and sums stay float32."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)


def strategy(accelerators: list[str]) -> tf.distribute.Strategy:
    """Return a strategy that splits each batch among several accelerators, or else the default strategy."""
    return tf.distribute.MirroredStrategy(accelerators) if len(accelerators) > 1 else tf.distribute.get_strategy()


def accelerators() -> list[str]:
    """Return the names of the available GPUs."""
    return [device.name for device in tf.config.list_logical_devices("GPU")]


def optimizer(
    settings: Settings, model: keras.Model, steps: int, *, slower: Sequence[Any] = (), factor: float = 1.0
) -> keras.optimizers.Optimizer:
    """Return Adam with the settings' schedule, for epochs of `steps` steps, built for the model's weights.

    Args:
        settings: the learning rate, its schedule, and the weight decay.
        model: a built model, whose frozen weights are not trained.
        steps: number of steps of an epoch.
        slower: trainable variables of the model whose learning rate, and with it their decay, is `factor` times that
            of the others at each step (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146).
        factor: see there; with 1, or without such variables, the result is a single Adam.

    Raises:
        ValueError: one of `slower` is not among the model's trainable variables.
    """
    keys = {id(variable) for variable in slower}
    if not keys <= {id(variable) for variable in model.trainable_variables}:
        raise ValueError("slower: not all of them are trainable variables of the model")
    result: Any = _adam(settings, model, steps, 1.0)
    if keys and factor != 1:
        # Scaled gradients would not do: Adam's step does not depend on their scale.
        slow, others = _adam(settings, model, steps, factor), result
        result = keras.optimizers.MultiOptimizer(lambda variable: slow if id(variable) in keys else others)
    result.build(model.trainable_variables)
    return result


def _adam(settings: Settings, model: keras.Model, steps: int, factor: float) -> keras.optimizers.Optimizer:
    rate: Any = learning_rate(settings, steps, factor=factor)
    if not settings.weight_decay:
        return keras.optimizers.Adam(rate)
    result = keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay)
    # Only kernels decay: decaying a scale or a bias only biases the result.
    result.exclude_from_weight_decay(var_list=[v for v in model.trainable_variables if len(v.shape) < 2])
    return result


Fit = Callable[[int, list[keras.callbacks.Callback]], None]
"""Trains from a given epoch (from 0) to the last one, and calls the callbacks for each batch and epoch."""


def keras_fit(model: Any, batches: Callable[[int], tf.data.Dataset], *, epochs: int, steps: int) -> Fit:
    """Return Keras's own training loop.

    `batches` returns the batches from a given epoch (from 0) on; each epoch has `steps` of them.
    """

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
    """The result of a training.

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
    patience: int | None = None,
) -> Trained:
    """Train a compiled model to the last epoch, or as long as patience lasts, and restore its best epoch's weights.

    A training that was killed resumes after its last finished epoch.

    Args:
        model: a compiled model.
        fit: trains the model, as the result of `keras_fit` does.
        epochs: number of epochs.
        steps: number of batches in an epoch.
        validate: returns the named scores of the model, with its current weights, on the validation split.
        best_by: the score that decides the best epoch; the highest is best.
        shown: the score that the progress bar shows; None for `best_by`.
        folder: the folder of the checkpoint. Call `remove_checkpoint` once the model has been stored.
        log_epoch: called with each new epoch (from 1) and its numbers.
        patience: after so many epochs in a row without a better score, no more are trained (Prechelt 1998,
            https://doi.org/10.1007/3-540-49430-8_3), and a line says so; None: all are.

    Raises:
        MaskwrightError: the loss stopped being finite.
    """
    progress = load_checkpoint(folder, model)
    start = progress.next_epoch
    if start < epochs and not progress.is_exhausted(patience):
        epoch_end = EpochEnd(
            validate=validate,
            best_by=best_by,
            progress=progress,
            folder=folder,
            log_epoch=log_epoch,
            patience=patience,
        )
        bar = ProgressBar(
            epochs=epochs, steps=steps, start=start, progress=progress, shown=("loss", shown or best_by)
        )
        try:
            fit(start, [epoch_end, bar])
        finally:
            bar.stop()
        if progress.next_epoch < epochs:
            terminal.note(
                f"stopped after epoch {progress.next_epoch}/{epochs}: {best_by} was highest in epoch "
                f"{progress.best_epoch + 1}, and patience is {patience}"
            )
    restore_best(folder, model)
    return Trained(progress.history, progress.best_epoch)
