"""Attention autoencoder: which parts of a network improve how well it describes a digit with two numbers?

    maskwright train autoencoder
    maskwright evaluate autoencoder

The published network has 35, 25, 15 and 5 filters and dense blocks of depth 3: 219,033 parameters with all its parts.
It is trained on 60,000 digits for 25 epochs, with each combination of batch norm, dropout, spatial attention and four
activations; `params.SOURCE` has its settings. `trial.trial` trains one such combination for a sweep.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.autoencoder.data import read_split
from maskwright.experiments.autoencoder.learn.scores import code, losses
from maskwright.experiments.autoencoder.learn.training import new_trainer
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.learning.common.saved import save_model
from maskwright.learning.single.checkpoint import remove_checkpoint
from maskwright.learning.single.table import write_epochs
from maskwright.learning.single.training import train_epochs
from maskwright.shared.experiment import LogEpoch


def train(
    settings: Autoencoder,
    *,
    data: Path,
    out: Path,
    history: Path,
    checkpoint: Path,
    log_epoch: LogEpoch,
) -> None:
    """Train, choose the best epoch by validation loss, and write the model and its history.

    A training that was killed resumes after its last finished epoch, and ends with the same weights as if it had not
    been killed.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.
        out: the model's folder, written as a whole at the end.
        history: a CSV file with a row for each epoch. `val_score` is `val_loss` negated; the best epoch has the
            highest.
        checkpoint: a folder that survives a kill and belongs to this training alone; deleted when it has ended.
        log_epoch: called with each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the data are missing, or the loss stopped being finite; nothing is written.
    """
    training, validation = (read_split(settings, data, split).images for split in ("train", "validation"))
    trainer = new_trainer(settings, training)
    rows, best = train_epochs(
        trainer.learner,
        trainer.fit,
        epochs=settings.epochs,
        steps=trainer.steps,
        validate=_validator(trainer.model, validation, settings),
        best_by="val_score",
        shown="val_loss",
        folder=checkpoint,
        log_epoch=log_epoch,
    )
    about = {
        "experiment": "autoencoder",
        "network": trainer.model.name,
        "parameters": trainer.model.count_params(),
        "images": len(training),
        "best_epoch": best + 1,
        "validation_loss": rows[best]["val_loss"],
    }
    write_epochs(history, rows)
    save_model(trainer.model, about, out)
    remove_checkpoint(checkpoint)


def _validator(model: Any, images: np.ndarray, settings: Autoencoder) -> Callable[[], dict[str, float]]:
    def validate() -> dict[str, float]:
        measured = losses(images, code(model, images), settings.kl_weight)
        row = {f"val_{name}": float(np.mean(measured[name])) for name in ("loss", "bce", "kl") if name in measured}
        return {**row, "val_score": -row["val_loss"]}

    return validate
