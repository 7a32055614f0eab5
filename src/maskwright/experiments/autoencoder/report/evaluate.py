"""The evaluation of a trained autoencoder."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from maskwright.experiments.autoencoder.data import read_split
from maskwright.experiments.autoencoder.learn.scores import code
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.experiments.autoencoder.report.metrics import mean_image_scores, scores
from maskwright.experiments.autoencoder.report.plots import (
    autoencoder_curves,
    latent_scatter,
    latent_walk_grid,
    reconstruction_grid,
)
from maskwright.experiments.autoencoder.report.walk import latent_walk
from maskwright.learning.common.saved import load_model
from maskwright.learning.single.table import read_epochs
from maskwright.reporting.output import report_folder, save_figures
from maskwright.shared.experiment import Evaluation

SHOWN = 2
"""How many test digits of each kind are drawn with their reconstructions."""

_HEADLINES = ("bce", "kl", "ssim")


def evaluate(settings: Autoencoder, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score a trained model on the test split.

    A variational autoencoder is scored with the mean of the code, not with a draw. Under `results/plots/` there are
    pictures: training curves, reconstructions, the codes by digit, and a walk through the codes.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.
        model: the model's folder.
        results: the folder that has training.csv, and gets the rest.

    Returns:
        As metrics `bce`, `ssim` and, of a variational autoencoder, `kl`. As details `loss` and `mse`, and the numbers
        of a control as `mean_image_bce`, `mean_image_mse` and `mean_image_ssim`: there the mean training image takes
        the place of each reconstruction. See `scores.losses` and `metrics.similarity`.

    Raises:
        MaskwrightError: the data or the model are missing.
    """
    network: Any = load_model(model)[0]
    images, labels = read_split(settings, data, "test")
    coded = code(network, images)
    measured = scores(images, coded, settings.kl_weight)
    control = mean_image_scores(read_split(settings, data, "train").images, images)
    evaluation = Evaluation(
        metrics={name: value for name, value in measured.items() if name in _HEADLINES},
        details={
            **{name: value for name, value in measured.items() if name not in _HEADLINES},
            **{f"mean_image_{name}": value for name, value in control.items()},
        },
    )
    chosen = np.concatenate([np.flatnonzero(labels == digit)[:SHOWN] for digit in np.unique(labels)])
    reconstructions = expit(coded.logits[chosen])[..., 0]
    walk = latent_walk(network, coded.codes)
    with report_folder(results, evaluation) as plots:
        figures = {
            "training_curves": autoencoder_curves(read_epochs(results / "training.csv")),
            "reconstructions": reconstruction_grid(images[chosen, ..., 0], reconstructions, SHOWN),
            "latent": latent_scatter(coded.codes, labels),
            "latent_walk": latent_walk_grid(walk.images, walk.axes),
        }
        save_figures(figures, plots)
    return evaluation
