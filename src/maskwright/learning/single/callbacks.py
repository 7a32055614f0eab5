"""The work at the end of each epoch: validate, keep track of the best epoch, store the state, report progress."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from maskwright.learning.single.checkpoint import Progress, remove_checkpoint, save_checkpoint
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import LogEpoch


class EpochEnd(keras.callbacks.Callback):
    """Do all work at the end of an epoch in one place and in a fixed order.

    Args:
        validate: returns the named scores of the model, with its current weights, on the validation split.
        best_by: the score that decides the best epoch (the highest; the earliest on a tie).
        progress: the progress from a checkpoint, or a new one. It gets a row after each epoch.
        folder: the folder of the checkpoint.
        log_epoch: called with the epoch (from 1) and its row.
        patience: after so many epochs in a row without a better score, the training stops; None: it never does.

    Raises:
        MaskwrightError: an epoch ends with a number that is not finite. The checkpoint is deleted, since a resumed
            training would fail at the same place.
    """

    def __init__(
        self,
        *,
        validate: Callable[[], dict[str, float]],
        best_by: str,
        progress: Progress,
        folder: Path,
        log_epoch: LogEpoch,
        patience: int | None = None,
    ) -> None:
        super().__init__()
        self.validate = validate
        self.best_by = best_by
        self.progress = progress
        self.folder = folder
        self.log_epoch = log_epoch
        self.patience = patience

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Validate, store, report, and perhaps stop."""
        model: Any = self.model
        row = {
            "loss": float((logs or {})["loss"]),
            **self.validate(),
            "learning_rate": _learning_rate(model.optimizer),
        }
        if not all(math.isfinite(value) for value in row.values()):
            remove_checkpoint(self.folder)
            broken = ", ".join(f"{name} is {value}" for name, value in row.items() if not math.isfinite(value))
            raise MaskwrightError(f"epoch {epoch + 1}: {broken}; the training diverged, set a lower learning_rate")
        history = self.progress.history
        best = self.progress.best_epoch
        if best < 0 or row[self.best_by] > history[best][self.best_by]:
            self.progress.best_epoch = epoch
        history.append(row)
        save_checkpoint(self.folder, model, self.progress)
        self.log_epoch(epoch + 1, row)
        if self.progress.is_exhausted(self.patience):
            model.stop_training = True


def _learning_rate(optimizer: Any) -> float:
    """Return the current learning rate; of several optimizers, the highest one."""
    return max(float(each.learning_rate) for each in getattr(optimizer, "optimizers", [optimizer]))


class ProgressBar(keras.callbacks.Callback):
    """A progress bar for the whole training, with the time left. Without a terminal, a plain line for each epoch."""

    def __init__(self, *, epochs: int, steps: int, start: int, progress: Progress, shown: tuple[str, ...]) -> None:
        super().__init__()
        self.epochs = epochs
        self.steps = steps
        self.start = start
        self.progress = progress
        self.shown = shown
        self.console = terminal.console(stderr=True)
        self.bar = Bar(
            TextColumn("epoch {task.fields[epoch]}/" + str(epochs)),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.began = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Show the bar."""
        self.began = time.monotonic()
        self.bar.start()
        self.task = self.bar.add_task(
            "", total=self.epochs * self.steps, completed=self.start * self.steps, epoch=self.start + 1, numbers=""
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Move the bar by a step."""
        self.bar.advance(self.task)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Show the numbers of the epoch that ended."""
        row = self.progress.history[epoch]
        best = " (best)" if self.progress.best_epoch == epoch else ""
        numbers = "  ".join(f"{name} {row[name]:.4f}" for name in self.shown) + best
        self.bar.update(self.task, epoch=min(epoch + 2, self.epochs), numbers=numbers)
        if not self.console.is_terminal:
            seconds = time.monotonic() - self.began
            self.console.print(f"epoch {epoch + 1}/{self.epochs}  {numbers}  {seconds:.0f} s", highlight=False)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Remove the bar."""
        self.stop()

    def stop(self) -> None:
        """Release the terminal. This is for a training that ends with an error, when Keras calls no callback."""
        self.bar.stop()
