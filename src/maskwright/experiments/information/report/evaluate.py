"""Evaluating the estimates of mutual information, and the codes that were learned by maximising it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from maskwright.experiments.information.learn.digits import STATISTICS, digit_seeds, encoder, encoders_together
from maskwright.experiments.information.learn.inputs import read_split
from maskwright.experiments.information.params import DIGITS, Information, variant_of
from maskwright.experiments.information.report.codes import code_accuracies, codes_of, linear_accuracy
from maskwright.experiments.information.report.estimates import gaussian_estimates, held_out_bounds
from maskwright.experiments.information.report.plots import estimates_figure, views_figure
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_curves, write_replicates
from maskwright.learning.views.information import gaussian_information
from maskwright.learning.views.sampling import middle_views, random_views, sample_views
from maskwright.reporting.intervals import mean_interval, paired_difference
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves, seed_dots
from maskwright.shared.datasets import DIGIT_SIDE
from maskwright.shared.experiment import Evaluation

MEASURES = ("mine", "binned", "nearest", "accuracy", "untrained_accuracy")
"""The columns of replicates.csv; a variant leaves columns without a value empty."""

_SHOWN = (10, 3)
"""The number of digits that are drawn with their views, and the number of second views of each."""


def evaluate(settings: Information, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Estimate mutual information for every correlation and seed, and classify the digits by their codes.

    Writes what it returns, and to `results`/plots pictures and the numbers of each seed (`replicates.csv`). All
    information is in nats. Values are means over the seeds with their intervals. The details of each correlation are:

    - `mine`, `binned`, `nearest`: see `gaussian_estimates`; `exact`: the true value;
    - `mine_error`, `binned_error`, `nearest_error`: estimate minus true value.

    The details of `digits`, whose encoders saw no labels, are:

    - `mine`: the bound between the codes of two views of the test images;
    - `accuracy`: accuracy on test images of a linear classifier that was fitted to the codes of training images;
    - `untrained_accuracy`: its accuracy with the codes of untrained encoders; `gain`: the difference, seed by seed;
    - `pixel_accuracy`: the accuracy with the 576 pixels themselves in place of the `latent` numbers of a code.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder of the digits.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The metrics are `mine_error`, the largest distance of a correlation's mean from the true value in nats, and
        `accuracy`, that of a linear classifier on the digits' codes. The details have an entry for each variant.

    Raises:
        MaskwrightError: the data or a model are missing.
    """
    sets = {split: read_split(data, split) for split in ("train", "test")}
    measured = {DIGITS: _measured_codes(settings, sets, model)}
    details = {DIGITS: _about_codes(measured[DIGITS], sets)}
    by_correlation = {}
    for correlation in settings.correlations:
        variant = variant_of(correlation)
        found = gaussian_estimates(load_model(model / variant)[0], correlation, settings)
        by_correlation[correlation] = measured[variant] = found
        details[variant] = _about_estimates(found, gaussian_information(correlation))
    variants = [variant_of(correlation) for correlation in settings.correlations]
    metrics = {
        "mine_error": max(abs(details[variant]["mine_error"]["mean"]) for variant in variants),
        "accuracy": details[DIGITS]["accuracy"]["mean"],
    }
    evaluation = Evaluation(metrics, details)
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        figures = {
            "bound": loss_curves(history, "bound / nats", "information", log=False),
            "estimates": estimates_figure(by_correlation),
            "codes": _codes_figure(measured[DIGITS], details[DIGITS]["pixel_accuracy"]),
            "views": _views_figure(sets["test"][0], settings.seed),
        }
        save_figures(figures, plots)
        columns = {
            variant: {name: found.get(name, np.full(len(found["mine"]), np.nan)) for name in MEASURES}
            for variant, found in measured.items()
        }
        write_replicates(plots / "replicates.csv", columns, first_seed=settings.seed)
    return evaluation


def _measured_codes(
    settings: Information, sets: Mapping[str, tuple[np.ndarray, np.ndarray]], model: Path
) -> dict[str, np.ndarray]:
    """Return the measures of each seed's codes, (R,) each."""
    encoders = load_model(model / DIGITS)[0]
    statistics = load_model(model / STATISTICS)[0]
    untrained = encoders_together([encoder(settings.digits, seed) for seed in digit_seeds(settings)])
    trained_codes, untrained_codes = (
        [codes_of(networks, images) for images, _ in sets.values()] for networks in (encoders, untrained)
    )
    labels = [labels for _, labels in sets.values()]
    return {
        "mine": held_out_bounds(encoders, statistics, sets["test"][0], settings.seed),
        "accuracy": code_accuracies(trained_codes, labels),
        "untrained_accuracy": code_accuracies(untrained_codes, labels),
    }


def _about_codes(
    measured: Mapping[str, np.ndarray], sets: Mapping[str, tuple[np.ndarray, np.ndarray]]
) -> dict[str, Any]:
    pixels = [middle_views(images).reshape(len(images), -1) / np.float32(255) for images, _ in sets.values()]
    return {
        "mine": mean_interval(measured["mine"])._asdict(),
        "accuracy": mean_interval(measured["accuracy"], (0, 1))._asdict(),
        "untrained_accuracy": mean_interval(measured["untrained_accuracy"], (0, 1))._asdict(),
        "gain": paired_difference(measured["accuracy"], measured["untrained_accuracy"])._asdict(),
        "pixel_accuracy": linear_accuracy(pixels, [labels for _, labels in sets.values()]),
        "seeds": len(measured["mine"]),
    }


def _about_estimates(found: Mapping[str, np.ndarray], exact: float) -> dict[str, Any]:
    return {
        **{name: mean_interval(values)._asdict() for name, values in found.items()},
        **{f"{name}_error": mean_interval(values - exact)._asdict() for name, values in found.items()},
        "exact": exact,
        "seeds": len(found["mine"]),
    }


def _codes_figure(measured: Mapping[str, np.ndarray], pixel_accuracy: float) -> Figure:
    rows = {
        "codes, trained by MINE": measured["accuracy"],
        "codes, untrained": measured["untrained_accuracy"],
    }
    label = f"accuracy of a linear classifier on test digits (of their pixels: {pixel_accuracy:.1%})"
    return seed_dots(rows, label, {})


def _views_figure(images: np.ndarray, seed: int) -> Figure:
    columns, rows = _SHOWN
    pixels = images[:columns].astype(np.float32) / 255
    rng = np.random.default_rng([seed % 2**64, 3])
    transforms = [random_views(len(pixels), DIGIT_SIDE, rng) for _ in range(rows)]
    views = np.stack([np.asarray(sample_views(tf.constant(pixels), drawn)) for drawn in transforms])
    return views_figure(middle_views(pixels)[..., 0], views[..., 0])
