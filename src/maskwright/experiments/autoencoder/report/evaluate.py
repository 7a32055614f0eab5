"""The evaluation of a trained autoencoder."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from maskwright.experiments.autoencoder.data import read_split
from maskwright.experiments.autoencoder.learn.scores import code
from maskwright.experiments.autoencoder.params import Autoencoder
from maskwright.experiments.autoencoder.report.metrics import mean_image_scores, means, scores
from maskwright.experiments.autoencoder.report.plots import (
    autoencoder_curves,
    latent_scatter,
    latent_walk_grid,
    reconstruction_grid,
)
from maskwright.experiments.autoencoder.report.walk import latent_walk
from maskwright.learning.common.saved import load_model
from maskwright.learning.single.table import read_epochs
from maskwright.reporting.intervals import examples_interval
from maskwright.reporting.output import report_folder, save_figures
from maskwright.shared.experiment import Evaluation

SHOWN = 2
"""Number of test digits of each kind that are drawn with their reconstructions."""

_HEADLINE = "bce"


def evaluate(settings: Autoencoder, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score a trained model on the test split.

    A variational autoencoder is scored with the mean of the code, not with a sample. This function also writes
    pictures to `results/plots/`: training curves, reconstructions, the codes by digit, and a walk through the codes.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate digits` wrote.
        model: the model's folder.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The only metric is `bce`. The details are `loss`, `kl` and `weighted_kl` (for a variational autoencoder),
        `mse` and `ssim`, see `scores.losses` and `metrics.similarity`; `mean_image_bce`, `mean_image_mse` and
        `mean_image_ssim`, the scores of a control whose reconstruction is always the mean training image; and
        `test_intervals`, the 95 % interval over the test digits, low and high, of each score.

    Raises:
        MaskwrightError: the data or the model are missing.
    """
    network: Any = load_model(model)[0]
    images, labels = read_split(settings, data, "test")
    coded = code(network, images)
    of_images = scores(images, coded, settings.kl_weight)
    measured = means(of_images)
    control = mean_image_scores(read_split(settings, data, "train").images, images)
    evaluation = Evaluation(
        metrics={_HEADLINE: measured[_HEADLINE]},
        details={
            **{name: value for name, value in measured.items() if name != _HEADLINE},
            **{f"mean_image_{name}": value for name, value in control.items()},
            "test_intervals": {name: list(examples_interval(values)[1:]) for name, values in of_images.items()},
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
