"""Attention autoencoder: which parts of a network improve what it can say of a digit in two numbers?

    maskwright train autoencoder       about a minute on 2 cores with the default settings
    maskwright evaluate autoencoder    about ten seconds

The published network has filters 35, 25, 15 and 5, dense blocks of 3, and trains on 60,000 digits for 25 epochs, with
each combination of batch norm, dropout, spatial attention and four activations. `trial` trains one such configuration
for a sweep.
"""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from scipy.special import expit

from maskwright.data.digits import SPLITS, read_digits
from maskwright.errors import MaskwrightError
from maskwright.experiments.autoencoder_training import (
    code,
    compile_model,
    fit,
    losses,
    mean_image_scores,
    scores,
    steps_per_epoch,
)
from maskwright.nn.callbacks import LogEpoch
from maskwright.nn.checkpoint import remove_checkpoint
from maskwright.nn.dense_coder import ConvBlock, autoencoder
from maskwright.nn.determinism import make_deterministic
from maskwright.nn.saved import load_model, save_model
from maskwright.nn.training import train_epochs, write_history
from maskwright.outputs import replaced_folder, write_json
from maskwright.params import Autoencoder, Params
from maskwright.pipeline import hash_run
from maskwright.plots.autoencoder import latent_scatter, latent_walk_grid, reconstruction_grid, training_curves
from maskwright.plots.figure import save_figure

NAME = "autoencoder"

WALK = 15
"""Steps of the latent walk, along each of its two dimensions."""

WALKED = (0.025, 0.975)
"""The walk goes from one to the other of these quantiles of the test digits' codes."""

SHOWN = 2
"""How many test digits of each kind are drawn with their reconstructions."""


def dataset(params: Params, data: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return for each split images (N, 28, 28, 1), float32 from 0 to 1, and labels (N,), uint8.

    Raises:
        MaskwrightError: a file is missing, or there are fewer than `autoencoder.images` training images.
    """
    wanted = params.autoencoder.images
    splits = {}
    for split in SPLITS:
        images, labels = read_digits(data, split)
        if split == "train" and wanted is not None:
            if wanted > len(images):
                raise MaskwrightError(
                    f"autoencoder.images: {wanted:,} are wanted, and {data} has {len(images):,} to train on; lower it"
                )
            images, labels = images[:wanted], labels[:wanted]
        splits[split] = images[..., None].astype(np.float32) / 255, labels
    return splits


def build(params: Autoencoder, shape: tuple[int, int, int] = (28, 28, 1)) -> keras.Model:
    """Return the network: (B, *shape) from 0 to 1 -> (B, *shape) float32 logits."""
    block = ConvBlock(
        batch_norm=params.batch_norm,
        dropout=params.dropout,
        attention=params.attention,
        attention_kernel=params.attention_kernel,
        activation=params.activation,
    )
    return autoencoder(
        shape,
        filters=tuple(params.filters),
        depth=params.depth,
        latent=params.latent,
        block=block,
        variational=params.variational,
        seed=params.seed,
    )


def train(
    params: Params,
    *,
    data: Path,
    out: Path,
    history: Path,
    checkpoints: Path,
    log_epoch: LogEpoch,
) -> None:
    """Train, choosing the best epoch by validation loss, and write the model and its history.

    A training that was killed goes on from its last finished epoch, and ends with the weights that it would have had.

    Args:
        params: all parameters; `autoencoder` matters.
        data: the folder that `maskwright generate digits` wrote.
        out: the model's folder, written whole at the end.
        history: a CSV of one row an epoch; `val_score` is minus `val_loss`, and highest in the best epoch.
        checkpoints: a folder that outlives a kill; emptied again when the training ends.
        log_epoch: told each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the data are missing, or the loss stopped being finite; nothing is written.
    """
    settings = params.autoencoder
    splits = dataset(params, data)
    folder = checkpoints / NAME / run_key(params, data)
    training, validation = splits["train"][0], splits["validation"][0]
    model = _compiled(settings, training)
    rows, best = train_epochs(
        model,
        lambda start, callbacks: fit(model, training, settings, start=start, callbacks=callbacks),
        epochs=settings.epochs,
        steps=steps_per_epoch(settings, len(training)),
        validate=_validator(model, validation, settings),
        best_by="val_score",
        shown="val_loss",
        folder=folder,
        log_epoch=log_epoch,
    )
    about = {
        "experiment": NAME,
        "network": model.name,
        "parameters": model.count_params(),
        "images": len(training),
        "best_epoch": best + 1,
        "validation_loss": rows[best]["val_loss"],
    }
    write_history(history, rows)
    save_model(model, about, out)
    remove_checkpoint(folder)


def _compiled(settings: Autoencoder, training: np.ndarray) -> Any:
    make_deterministic(settings.seed)
    model: Any = build(settings, training.shape[1:])
    compile_model(model, settings, len(training))
    return model


def _validator(model: Any, images: np.ndarray, settings: Autoencoder) -> Callable[[], dict[str, float]]:
    def validate() -> dict[str, float]:
        measured = losses(images, code(model, images), settings.kl_weight)
        row = {f"val_{name}": value for name, value in measured.items()}
        return {**row, "val_score": -measured["loss"]}

    return validate


def trial(params: Params, data: Path) -> dict[str, float]:
    """Train one configuration in memory and return its numbers on the test split, as `evaluate` does; no files.

    The weights are those after the last epoch: nothing is chosen, so no validation split is needed. Numbers are not
    finite where the training diverged.

    Raises:
        MaskwrightError: the data are missing, or there are too few.
    """
    settings = params.autoencoder
    splits = dataset(params, data)
    training, test = splits["train"][0], splits["test"][0]
    model = _compiled(settings, training)
    fit(model, training, settings)
    return scores(test, code(model, test), settings.kl_weight)


def evaluate(params: Params, *, data: Path, model: Path, results: Path) -> dict[str, Any]:
    """Score a trained model on the test split.

    Writes `results/metrics.json`: `loss`, `bce`, `kl` (of a variational one), `mse` and `ssim`, see
    `autoencoder_training`, and as `mean_image_bce` and so on those of a control, the mean training image in place of
    each reconstruction. A variational autoencoder is scored with the mean of the code, not a draw. And, under
    `results/plots/`, pictures: training curves, reconstructions, the codes by digit, and a walk through the codes.

    Returns:
        What `metrics.json` holds.
    """
    settings = params.autoencoder
    network: Any = load_model(model)[0]
    splits = dataset(params, data)
    images, labels = splits["test"]
    coded = code(network, images)
    control = mean_image_scores(splits["train"][0], images)
    metrics = {
        **scores(images, coded, settings.kl_weight),
        **{f"mean_image_{name}": value for name, value in control.items()},
    }
    with replaced_folder(results / "plots") as plots:
        with (results / "training.csv").open(newline="", encoding="utf-8") as file:
            rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
        save_figure(training_curves(rows), plots / "training_curves.png")
        chosen = np.concatenate([np.flatnonzero(labels == digit)[:SHOWN] for digit in np.unique(labels)])
        figure = reconstruction_grid(images[chosen, ..., 0], expit(coded.logits[chosen])[..., 0], SHOWN)
        save_figure(figure, plots / "reconstructions.png")
        save_figure(latent_scatter(coded.codes, labels), plots / "latent.png")
        walk, axes = latent_walk(network, coded.codes)
        save_figure(latent_walk_grid(walk, axes), plots / "latent_walk.png")
    write_json(results / "metrics.json", metrics)
    return metrics


def latent_walk(model: Any, codes: np.ndarray, steps: int = WALK) -> tuple[np.ndarray, np.ndarray]:
    """Decode a grid of codes: the first two dimensions vary evenly between quantiles of `codes`, others are medians.

    Args:
        model: an autoencoder.
        codes: (N, L), L at least 2.
        steps: S, along each dimension.

    Returns:
        images (S, S, H, W) from 0 to 1: [i, j] has the j-th value of the first dimension and the i-th of the second;
        and those values, (2, S).
    """
    low, high = np.quantile(codes[:, :2], WALKED, axis=0)
    axes = np.linspace(low, high, steps).T.astype(np.float32)  # (2, S)
    grid = np.tile(np.median(codes, axis=0).astype(np.float32), (steps, steps, 1))
    grid[..., 0], grid[..., 1] = axes[0][None, :], axes[1][:, None]
    logits = model.get_layer("decoder")(grid.reshape(steps * steps, -1), training=False)
    images = expit(np.asarray(logits)[..., 0])
    return images.reshape(steps, steps, *images.shape[1:]), axes


def serving_model(folder: Path) -> keras.Model:
    """Load a trained model as one that takes (B, H, W) uint8 digits and returns (B, H, W) uint8 reconstructions."""
    model: Any = load_model(folder)[0]
    height, width, channels = model.input_shape[1:]
    digits = keras.Input((height, width), dtype="uint8", name="digits")
    x = keras.layers.Rescaling(1 / 255)(digits)
    logits = model(keras.layers.Reshape((height, width, channels))(x))
    x = keras.layers.Reshape((height, width))(logits)
    ops: Any = keras.ops
    outputs = ops.cast(ops.round(ops.sigmoid(x) * 255), "uint8")
    return keras.Model(digits, outputs, name=NAME)


def run_key(params: Params, data: Path) -> str:
    """Return a hash of all that determines a training: settings, data, libraries and code."""
    package = Path(__file__).parent.parent
    floor = ("attention", "callbacks", "checkpoint", "dense_coder", "fused_adam", "layers", "schedules", "training")
    sources = ("data/digits.py", f"experiments/{NAME}_training.py", *(f"nn/{name}.py" for name in floor))
    files = [data / "train.npz", data / "validation.npz", *(package / source for source in sources), Path(__file__)]
    return hash_run(params.autoencoder.model_dump(mode="json"), files)
