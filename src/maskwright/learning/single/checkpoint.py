"""Checkpoints, with which a training survives a kill: each epoch stores everything needed to resume."""

import json
import shutil
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from maskwright.shared import terminal
from maskwright.shared.outputs import write_json


@dataclass
class Progress:
    """The progress of a training: a row of named numbers for each epoch, and the best epoch so far (from 0)."""

    history: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = -1

    @property
    def next_epoch(self) -> int:
        """The epoch to run next, from 0."""
        return len(self.history)

    def is_exhausted(self, patience: int | None) -> bool:
        """Return whether none of the last `patience` epochs is the best one; with None, never."""
        return patience is not None and len(self.history) - 1 - self.best_epoch >= patience


def save_checkpoint(folder: Path, model: keras.Model, progress: Progress) -> None:
    """Store the variables of the model and its optimizer, and the progress, after an epoch.

    A new state is written next to the previous one, and the record that names it is written last. A kill at any time
    therefore leaves a complete state. The weights of the best epoch are kept too. If a kill comes between these
    weights and the record, the epoch is run again and gives the same weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if progress.best_epoch == progress.next_epoch - 1:
        _write_arrays(folder / "best.npz", [np.asarray(v) for v in model.weights])
    name = f"state-{progress.next_epoch}.npz"
    _write_arrays(folder / name, [np.asarray(v) for v in _state(model)])
    record = {"state": name, "history": progress.history, "best_epoch": progress.best_epoch}
    write_json(folder / "progress.json", record)
    for stale in folder.glob("state-*.npz"):
        if stale.name != name:
            stale.unlink()


def load_checkpoint(folder: Path, model: keras.Model) -> Progress:
    """Restore a compiled, built model to the state that `save_checkpoint` stored.

    If there is no checkpoint, or a damaged one (with a warning), the model is unchanged and the `Progress` is new.
    """
    record = folder / "progress.json"
    if not record.is_file():
        return Progress()
    state = _state(model)
    try:
        stored = json.loads(record.read_text(encoding="utf-8"))
        progress = Progress(stored["history"], stored["best_epoch"])
        values = _read_arrays(folder / stored["state"], state)
        _read_arrays(folder / "best.npz", model.weights)
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        message = " ".join(str(error).split())[:200]
        terminal.warn(f"{folder}: damaged checkpoint ({message}); starting over")
        return Progress()
    _assign(state, values)
    return progress


def restore_best(folder: Path, model: keras.Model) -> None:
    """Restore the weights of the model's best epoch."""
    _assign(model.weights, _read_arrays(folder / "best.npz", model.weights))


def remove_checkpoint(folder: Path) -> None:
    """Delete the checkpoint of a finished training."""
    shutil.rmtree(folder, ignore_errors=True)


def _state(model: keras.Model) -> list[Any]:
    # Not `model.variables`: the metrics' variables are reset every epoch. Dropout's seeds do belong to the state.
    seeds = [v for v in model.non_trainable_variables if not any(v is w for w in model.weights)]
    return [*model.weights, *seeds, *model.optimizer.variables]


def _assign(variables: list[Any], values: list[np.ndarray]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _write_arrays(path: Path, arrays: list[np.ndarray]) -> None:
    temporary = path.with_name(f".{path.name}")
    try:
        with temporary.open("wb") as file:
            np.savez(file, *arrays)
        temporary.replace(path)
    except BaseException:  # a full disk, or Ctrl-C
        temporary.unlink(missing_ok=True)
        raise


def _read_arrays(path: Path, variables: list[Any]) -> list[np.ndarray]:
    """Read what `_write_arrays` wrote, and check it against the shapes of these variables."""
    with np.load(path) as file:
        arrays = [file[f"arr_{index}"] for index in range(len(file.files))]
    if [array.shape for array in arrays] != [tuple(variable.shape) for variable in variables]:
        raise ValueError(f"{path.name} holds other variables than the model")
    return arrays
