"""Evaluating the estimates of mutual information, and the codes that were learned by maximising it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from matplotlib.figure import Figure

from maskwright.experiments.information.learn.digits import STATISTICS, digit_seeds, encoder, encoders_together
from maskwright.experiments.information.learn.inputs import read_split
from maskwright.experiments.information.learn.pairs import drawn_pairs
from maskwright.experiments.information.params import DIGITS, PARABOLA, Information
from maskwright.experiments.information.report.codes import code_answers, codes_of, control_answers
from maskwright.experiments.information.report.estimates import Scores, held_out_scores, pair_estimates
from maskwright.experiments.information.report.identities import about_identities, identity_table
from maskwright.experiments.information.report.plots import (
    entropies_figure,
    estimates_figure,
    parabola_figure,
    views_figure,
)
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_curves, write_examples, write_replicates
from maskwright.learning.views.information import gaussian_information, parabola_information
from maskwright.learning.views.sampling import middle_views, random_views, second_views
from maskwright.reporting.intervals import mean_interval, resampled_interval, two_intervals
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves, seed_dots
from maskwright.shared.datasets import DIGIT_SIDE
from maskwright.shared.experiment import Evaluation
from maskwright.shared.settings import Views

ESTIMATES = ("mine", "binned", "nearest")
ACCURACIES = ("accuracy", "untrained_accuracy", "pixels_accuracy", "pca_accuracy", "projection_accuracy")

MEASURES = (*ESTIMATES, "correlation", *ACCURACIES)
"""The columns of replicates.csv; a variant leaves columns without a value empty."""

IDENTITIES = "identities"
"""The entry of the details, and the table in plots, that is about no variant."""

_SHOWN = (10, 3)
"""The number of digits that are drawn with their views, and the number of second views of each."""


def evaluate(settings: Information, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Estimate the mutual information of every variant's pairs, and classify the digits by their codes.

    Writes what it returns, and to `results`/plots pictures, the numbers of each seed (`replicates.csv`) and of each
    test image (`examples.csv`), and both sides of the identities of mutual information (`identities.csv`).
    Information is in nats, but for the identities, which are in bits.

    The details of the variants of pairs are means over the seeds with their intervals. Each seed draws its own pairs,
    so its interval is also that over other pairs:

    - `mine`, `binned`, `nearest`, `correlation`: see `pair_estimates`; `exact`: the true information;
    - `mine_error`, `binned_error`, `nearest_error`: estimate minus true value.

    The details of `digits`, whose encoders saw no labels, have both intervals, see `reporting.intervals`:

    - `mine`: the bound between the codes of two views of the test images;
    - `accuracy`: accuracy on test images of a linear classifier that was fitted to the codes of training images;
    - `untrained_accuracy`: the same with the codes of untrained encoders; `pixels_accuracy`, `pca_accuracy`,
      `projection_accuracy`: with what needed no training, see `control_answers`;
    - `over_untrained`, `over_pixels`, `over_pca`, `over_projection`: `accuracy` less each of these.

    The details of `identities` are not about a variant; see `about_identities`.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder of the digits.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The metrics are `mine_error`, the largest distance of a Gaussian variant's mean from the true value in nats,
        and `accuracy`, that of a linear classifier on the digits' codes. The details have an entry for each variant.

    Raises:
        MaskwrightError: the data or a model are missing.
    """
    sets = [read_split(data, split) for split in ("train", "test")]
    answers = _answers(settings, sets, model)
    scores = held_out_scores(
        load_model(model / DIGITS)[0],
        load_model(model / STATISTICS)[0],
        sets[1][0],
        settings.digits.views,
        settings.seed,
    )
    measured = {DIGITS: {"mine": scores.bounds(), **{name: array.mean(axis=1) for name, array in answers.items()}}}
    details: dict[str, Any] = {DIGITS: _about_codes(answers, scores)}
    for variant in settings.pair_variants:
        measured[variant] = pair_estimates(load_model(model / variant)[0], variant, settings)
        details[variant] = _about_estimates(measured[variant], _exact(variant, settings))
    table = identity_table()
    metrics = {
        "mine_error": max(abs(details[variant]["mine_error"]["mean"]) for variant in settings.gaussians),
        "accuracy": details[DIGITS]["accuracy"]["mean"],
    }
    evaluation = Evaluation(metrics, {**details, IDENTITIES: about_identities(table)})
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        gaussians = {correlation: measured[variant] for variant, correlation in settings.gaussians.items()}
        figures = {
            "bound": loss_curves(history, "bound / nats", "information", log=False),
            "estimates": estimates_figure(gaussians),
            "parabola": parabola_figure(
                drawn_pairs(PARABOLA, settings)[0][0], measured[PARABOLA], _exact(PARABOLA, settings)
            ),
            "codes": _codes_figure(measured[DIGITS], settings.digits.latent),
            "views": _views_figure(sets[1][0], settings.digits.views, settings.seed),
            "identities": entropies_figure(evaluation.details[IDENTITIES]),
        }
        save_figures(figures, plots)
        columns = {
            variant: {name: found.get(name, np.full(len(found["mine"]), np.nan)) for name in MEASURES}
            for variant, found in measured.items()
        }
        write_replicates(plots / "replicates.csv", columns, first_seed=settings.seed)
        write_examples(plots / "examples.csv", {DIGITS: answers})
        _write_identities(table, plots / f"{IDENTITIES}.csv")
    return evaluation


def _answers(settings: Information, sets: list[tuple[np.ndarray, np.ndarray]], model: Path) -> dict[str, np.ndarray]:
    """Return for each of `ACCURACIES` which test images are named rightly, (R, N) bool."""
    seeds = digit_seeds(settings)
    networks = {
        "accuracy": load_model(model / DIGITS)[0],
        "untrained_accuracy": encoders_together([encoder(settings.digits, seed) for seed in seeds]),
    }
    images, labels = ([part[place] for part in sets] for place in (0, 1))
    of_codes = {
        name: code_answers([codes_of(network, part) for part in images], labels) for name, network in networks.items()
    }
    controls = control_answers(images, labels, settings.digits.latent, seeds)
    return {**of_codes, **{f"{name}_accuracy": answers for name, answers in controls.items()}}


def _about_codes(answers: Mapping[str, np.ndarray], scores: Scores) -> dict[str, Any]:
    of_tests = resampled_interval(lambda chosen: float(scores.bounds(chosen).mean()), len(scores.together))
    bounds = scores.bounds()
    trained = answers["accuracy"].astype(float)
    return {
        "mine": {**mean_interval(bounds)._asdict(), "test_low": of_tests.low, "test_high": of_tests.high},
        **{name: two_intervals(answers[name], (0, 1)) for name in ACCURACIES},
        **{
            f"over_{name.removesuffix('_accuracy')}": two_intervals(trained - answers[name], (-1, 1))
            for name in ACCURACIES[1:]
        },
        "seeds": len(bounds),
    }


def _exact(variant: str, settings: Information) -> float:
    """Return the mutual information of a variant's pairs, in nats."""
    if variant == PARABOLA:
        return parabola_information(settings.parabola_noise)
    return gaussian_information(settings.gaussians[variant])


def _about_estimates(found: Mapping[str, np.ndarray], exact: float) -> dict[str, Any]:
    return {
        **{name: mean_interval(values)._asdict() for name, values in found.items()},
        **{f"{name}_error": mean_interval(found[name] - exact)._asdict() for name in ESTIMATES},
        "exact": exact,
        "seeds": len(found["mine"]),
    }


def _write_identities(table: pd.DataFrame, path: Path) -> None:
    numbers = {name: table[name].round(9) + 0.0 for name in ("left", "right", "difference")}  # + 0.0: no -0.0
    table.assign(**numbers).to_csv(path, index=False, lineterminator="\n")


def _codes_figure(measured: Mapping[str, np.ndarray], latent: int) -> Figure:
    rows = {
        "codes, trained by MINE": "accuracy",
        "codes, untrained": "untrained_accuracy",
        f"{latent} principal components": "pca_accuracy",
        f"{latent} random projections": "projection_accuracy",
        "all pixels": "pixels_accuracy",
    }
    label = "accuracy of a linear classifier on test digits"
    return seed_dots({row: measured[name] for row, name in rows.items()}, label, {})


def _views_figure(images: np.ndarray, views: Views, seed: int) -> Figure:
    columns, rows = _SHOWN
    pixels = images[:columns].astype(np.float32) / 255
    rng = np.random.default_rng([seed % 2**64, 3])
    drawn = [random_views(len(pixels), DIGIT_SIDE, views, rng) for _ in range(rows)]
    second = np.stack([np.asarray(second_views(tf.constant(pixels), each, views)) for each in drawn])
    return views_figure(middle_views(pixels)[..., 0], second[..., 0])
