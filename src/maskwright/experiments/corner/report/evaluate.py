"""The evaluation of the corner experiment: all networks on the patterns, and the chosen variant also on images."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from pydantic import Field

from maskwright.experiments.corner.data import read_patterns
from maskwright.experiments.corner.learn.network import build, hand_set_weights
from maskwright.experiments.corner.learn.variants import HAND_SET, HAND_SET_TRAINED, variant_setting
from maskwright.experiments.corner.params import Corner
from maskwright.experiments.corner.report import plots as pictures
from maskwright.experiments.corner.report.detection import detect
from maskwright.experiments.corner.report.hand_set import hand_set_losses
from maskwright.experiments.corner.report.metrics import (
    compare_times,
    effective_kernels,
    score,
    solved_shares,
    summary,
    time_to_learn,
)
from maskwright.learning.common.saved import Facts, load_model
from maskwright.learning.replicates.tables import read_curves, write_replicates
from maskwright.reporting.output import report_folder, save_figures
from maskwright.shared.experiment import Evaluation


class CornerFacts(Facts):
    """What is stored with the networks of a variant: how many there are, and from which epoch each was right."""

    seeds: int
    solved_epochs: tuple[int | None, ...] = Field((), strict=False)


def evaluate(settings: Corner, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed of every variant on the 512 patterns, and the chosen variant on images of rectangles.

    Writes metrics.json, details.json, and to `results`/plots pictures, the numbers of each seed (`replicates.csv`),
    and the outcomes of the changes and repeats (`changes.csv`, `repeats.csv`). The details are by variant, as means
    over the seeds with their intervals:

    - `recall`: share of the seeds that find the corner; `false_positives`: their number among the other 511 patterns;
    - `mse`: mean squared error of the scores, each against its own label;
    - `corner_output` and `near_output`: scores of the corner, and of the corner with its first pixel set;
    - `solved`: share of the seeds that get all 512 patterns right, with Wilson's interval; `solved_epochs`: for the
      seeds that do, the median epoch from which they stay right.

    They have no interval over test examples, since every pattern is scored. `replicates.csv` also has for each seed
    the time until all patterns stay right, see `metrics.time_to_learn`.

    Some variants have additional details. The chosen variant has `detection`: precision and recall on the images, for
    its networks and for the network set by hand, with intervals over the images. `hand_set` has `evaluate`: the loss
    that the Keras method of this name reports for labels of shape (512,) and (512, 1, 1, 1), and what a progress bar
    may show. `hand_set_trained` has `largest_change`, of any weight. `balanced` has `faster`, a comparison with the
    time that `softmax_ce` takes to learn, see `metrics.compare_times`.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate corner` wrote.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The metrics are `solved` and `recall` of the chosen variant.
    """
    patterns, labels = read_patterns(data)
    networks = {variant: load_model(model / variant, CornerFacts) for variant in settings.trained_variants}
    measured: dict[str, dict[str, np.ndarray]] = {}
    variants: dict[str, Any] = {}
    for variant, (network, about) in networks.items():
        # Weights that were set by hand have nothing to learn.
        epochs = [] if variant == HAND_SET_TRAINED else list(about.solved_epochs)
        times = time_to_learn(epochs, about.seeds, variant_setting(settings, variant))
        measured[variant] = {**score(network, patterns, labels), **times}
        variants[variant] = summary(measured[variant], epochs)
    chosen = variants[settings.variant]
    detection = detect(networks[settings.variant][0], build(settings, HAND_SET), data)
    chosen["detection"] = detection.numbers
    if HAND_SET in variants:
        variants[HAND_SET]["evaluate"] = hand_set_losses(build(settings, HAND_SET), patterns, labels)
    if HAND_SET_TRAINED in variants:
        trained = networks[HAND_SET_TRAINED][0].get_weights()
        changes = zip(trained, hand_set_weights(settings.seeds), strict=True)
        variants[HAND_SET_TRAINED]["largest_change"] = max(float(np.abs(new - old).max()) for new, old in changes)
    if {"softmax_ce", "balanced"} <= variants.keys():
        variants["balanced"]["faster"] = compare_times(measured["softmax_ce"], measured["balanced"])
    metrics = {name: chosen[name]["mean"] for name in ("solved", "recall")}
    evaluation = Evaluation(metrics, variants)
    outcomes = {name: pd.read_csv(model / f"{name}.csv") for name in ("changes", "repeats")}
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        kernels = {variant: effective_kernels(network) for variant, (network, _) in networks.items()}
        solved = {variant: values["solved"] for variant, values in variants.items()}
        figures = {
            "patterns": pictures.pattern_grid(patterns, labels),
            "loss": pictures.loss_panels(history),
            "gradient": pictures.gradient_curves(history),
            "kernels": pictures.kernel_panels(
                {variant: (kernel[0], offset[0]) for variant, (kernel, offset) in kernels.items()},
                {variant: bool(values["solved"][0]) for variant, values in measured.items()},
            ),
            "solved": pictures.share_bars(solved, "share of the seeds that get all 512 patterns right"),
            "detector": pictures.detector_panels(detection.shown, detection.truth),
            **_outcome_figures(outcomes, settings),
        }
        save_figures(figures, plots)
        replicates = {**measured, **_changed(outcomes["changes"], list(measured[settings.variant]))}
        write_replicates(plots / "replicates.csv", replicates, first_seed=settings.seed)
        for name, table in outcomes.items():
            table.to_csv(plots / f"{name}.csv", index=False, lineterminator="\n")
    return evaluation


def _changed(outcomes: pd.DataFrame, measures: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """Return the measures of each change, as of a variant `CHANGE, labels LABELS`; NaN where there is none."""
    found = {}
    for change, labels in outcomes[["change", "labels"]].drop_duplicates().itertuples(index=False):
        here = (outcomes["change"] == change) & (outcomes["labels"] == labels)
        found[f"{change}, labels {labels}"] = {
            name: np.asarray(outcomes.loc[here, name]) if name in outcomes else np.full(here.sum(), np.nan)
            for name in measures
        }
    return found


def _outcome_figures(outcomes: dict[str, pd.DataFrame], settings: Corner) -> dict[str, Figure]:
    """Draw the changes and the repeats, if any were tried."""
    figures = {}
    if len(outcomes["changes"]):
        figures["changes"] = pictures.change_bars(solved_shares(outcomes["changes"], ["change", "labels"]))
    if len(outcomes["repeats"]):
        shares = solved_shares(outcomes["repeats"], ["repeats"])
        figures["repeats"] = pictures.repeat_curve(shares, settings.epochs.repeated_corner)
    return figures
