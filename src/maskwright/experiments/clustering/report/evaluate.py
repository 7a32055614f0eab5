"""Scoring the clusters against the classes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from maskwright.experiments.clustering.learn.pictures import read_names, read_pictures
from maskwright.experiments.clustering.learn.train import JOINTS_FILE
from maskwright.experiments.clustering.params import IIC, Clustering
from maskwright.experiments.clustering.report.metrics import best_assignment
from maskwright.experiments.clustering.report.plots import confusion_figure, galleries, heads_figure, joint_maps
from maskwright.experiments.clustering.report.scores import (
    Scored,
    agreement,
    agreement_intervals,
    head_clusters,
    head_probabilities,
    k_means_clusters,
    outputs_of,
    scored,
    separated,
)
from maskwright.learning.common.saved import Facts, load_model
from maskwright.learning.replicates.tables import read_curves, write_examples, write_replicates
from maskwright.learning.views.information import pair_counts
from maskwright.reporting.intervals import mean_interval, resampled_interval, two_intervals
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves, seed_dots
from maskwright.shared.experiment import Evaluation

HEADS_FILE = "heads.csv"

K_MEANS = "k_means_"
"""The beginning of the names of the measures of k-means."""

_DIFFERENCES = {
    "majority_gain": ("majority_accuracy", "accuracy"),
    "source_gain": ("source_accuracy", "accuracy"),
    "over_k_means": ("accuracy", "k_means_accuracy"),
    "head_over_pca": ("head_linear_accuracy", "pca_linear_accuracy"),
    "features_over_untrained": ("features_linear_accuracy", "untrained_features_linear_accuracy"),
    "features_over_pixels": ("features_linear_accuracy", "pixels_linear_accuracy"),
}
"""Differences of accuracies, image by image: the first less the second."""


class ClusteringFacts(Facts):
    """What is stored with R networks of H heads.

    Attributes:
        best_head: (R,) the head with the least loss.
        information: (R, H) in nats.
        drawn_epochs: those of which the joint probabilities are stored.
    """

    best_head: list[int]
    information: list[list[float]]
    drawn_epochs: list[int]


def evaluate(settings: Clustering, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed's clusters against the classes.

    For each seed only the head with the least loss is scored. It is chosen in training, without using labels. The
    training images decide which cluster is which class, and this assignment is used to score the test images.

    Writes what it returns, and to `results`/plots pictures, the numbers of each seed (`replicates.csv`), of each head
    (`heads.csv`) and of each test image (`examples.csv`). The details of the variant have both intervals, see
    `reporting.intervals`:

    - `accuracy`, `majority_accuracy`, `source_accuracy`: with three ways to assign clusters to classes, see `Scored`.
      The last one is the source's;
    - `nmi`, `ari`: the scores that need no assignment, see `table_scores`;
    - `most_accurate`: the accuracy of each seed's most accurate head;
    - `k_means_accuracy`, `k_means_majority_accuracy`, `k_means_nmi`, `k_means_ari`: the scores of k-means on the
      pixels, with as many clusters;
    - `head_linear_accuracy`, `pca_linear_accuracy`, `features_linear_accuracy`, `untrained_features_linear_accuracy`,
      `pixels_linear_accuracy`: of a linear classifier that is fitted to the training images' labels, see `separated`;
    - the differences of `_DIFFERENCES`, and `most_accurate_gain`: `most_accurate` less `accuracy`.

    Further details are `information`, the mutual information of the chosen head in the last epoch, in nats, at most
    log K, with the seeds' interval; `best_head`, the chosen heads; and the number of `heads` of all seeds, and of
    `heads_that_differ`: those whose first two assignments differ.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder of the pictures.
        model: the folder of the variants' models.
        results: the folder of the results. It holds training.csv and gets the rest.

    Returns:
        The only metric is the mean of `accuracy`. The details have an entry for the variant.

    Raises:
        MaskwrightError: the data or the model are missing.
    """
    names = read_names(data)
    sets = [read_pictures(data, split) for split in ("train", "test")]
    labels = sets[1].labels
    sizes = settings.clusters, len(names)
    networks, about = load_model(model / IIC, ClusteringFacts)
    outputs = [outputs_of(networks, drawn.images) for drawn in sets]  # (N, R, H K + ...)
    best = about.best_head
    heads = scored([head_clusters(part, settings) for part in outputs], sets, sizes)
    chosen = heads.of(best)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    k_means = scored(k_means_clusters(sets, settings.clusters, seeds), sets, sizes)
    linear = separated(outputs, networks, best, sets, settings)
    answers = {
        **{name: values[:, 0] for name, values in chosen.answers.items()},
        **{f"{K_MEANS}{name}": k_means.answers[name][:, 0] for name in ("accuracy", "majority_accuracy")},
        **{f"{name}_linear_accuracy": values for name, values in linear.items()},
    }  # (R, N) each
    information = np.array(about.information)  # (R, H)
    measured = {
        **{name: values.mean(axis=1) for name, values in answers.items()},
        **{name: values[:, 0] for name, values in agreement(chosen.clusters, labels, sizes).items()},
        **{f"{K_MEANS}{name}": values[:, 0] for name, values in agreement(k_means.clusters, labels, sizes).items()},
        "most_accurate": heads.answers["accuracy"].mean(axis=2).max(axis=1),
        "information": information[np.arange(len(best)), best],
    }
    details = {
        **_with_intervals(answers, heads),
        **agreement_intervals(chosen.clusters[:, 0], labels, sizes),
        **{
            f"{K_MEANS}{name}": interval
            for name, interval in agreement_intervals(k_means.clusters[:, 0], labels, sizes).items()
        },
        "information": mean_interval(measured["information"], (0, np.inf))._asdict(),
        "seeds": settings.seeds,
        "best_head": best,
        "heads": int(heads.differ.size),
        "heads_that_differ": int(heads.differ.sum()),
    }
    evaluation = Evaluation({"accuracy": details["accuracy"]["mean"]}, {IIC: details})
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        with np.load(model / IIC / JOINTS_FILE) as arrays:
            joints = arrays["joints"]
        shares = head_probabilities(outputs, 0, best[0], settings)
        assignment = best_assignment(pair_counts(shares[0].argmax(axis=1), sets[0].labels, sizes))
        found = assignment[shares[1].argmax(axis=1)]
        counts = pair_counts(labels, found, (len(names), len(names)))
        accuracies = heads.answers["accuracy"].mean(axis=2)
        figures = {
            "information": loss_curves(history, "I(Z; Z') / nats", "information", log=False),
            "accuracy": heads_figure(information, accuracies, best, details["k_means_accuracy"]["mean"]),
            "joint": joint_maps(joints, about.drawn_epochs),
            "confusion": confusion_figure(counts, names),
            "galleries": galleries(sets[1].images, shares[1], [names[label] for label in assignment]),
            "linear": _linear_figure(measured, settings.clusters),
        }
        save_figures(figures, plots)
        write_replicates(plots / "replicates.csv", {IIC: measured}, first_seed=settings.seed)
        write_replicates(plots / HEADS_FILE, _head_table(heads, labels, sizes, information), first_seed=settings.seed)
        write_examples(plots / "examples.csv", {IIC: answers})
    return evaluation


def _with_intervals(answers: Mapping[str, np.ndarray], heads: Scored) -> dict[str, Any]:
    """Return both intervals of each accuracy and of the differences, from which images are right, (R, N) bool."""
    right = heads.answers["accuracy"]
    per_seed = right.mean(axis=2).max(axis=1)
    gain = per_seed - answers["accuracy"].mean(axis=1)

    images = right.shape[2]
    numbers = right.astype(np.float32)

    def most_accurate(chosen: np.ndarray) -> float:
        # How often each image is drawn: a product is much faster than a copy of all heads' answers.
        times = np.bincount(chosen, minlength=images).astype(np.float32)
        return float((numbers @ times).max(axis=1).mean()) / images

    def gained(chosen: np.ndarray) -> float:
        return most_accurate(chosen) - float(answers["accuracy"][:, chosen].mean())

    of_best = {
        "most_accurate": (mean_interval(per_seed, (0, 1)), resampled_interval(most_accurate, images)),
        "most_accurate_gain": (mean_interval(gain, (-1, 1)), resampled_interval(gained, images)),
    }
    return {
        **{name: two_intervals(values, (0, 1)) for name, values in answers.items()},
        **{
            name: two_intervals(answers[first].astype(float) - answers[second], (-1, 1))
            for name, (first, second) in _DIFFERENCES.items()
        },
        **{
            name: {**seeds._asdict(), "test_low": test.low, "test_high": test.high}
            for name, (seeds, test) in of_best.items()
        },
    }


def _linear_figure(measured: Mapping[str, np.ndarray], clusters: int) -> Figure:
    rows = {
        "chosen head": "head",
        f"{clusters} principal components": "pca",
        "features": "features",
        "features, untrained": "untrained_features",
        "all pixels": "pixels",
    }
    values = {row: measured[f"{name}_linear_accuracy"] for row, name in rows.items()}
    return seed_dots(values, "accuracy of a linear classifier on test images", {})


def _head_table(
    heads: Scored, labels: np.ndarray, sizes: tuple[int, int], information: np.ndarray
) -> dict[str, dict[str, np.ndarray]]:
    """Return the measures of each head, (R,) each."""
    measures = {
        "information": information,
        **{name: answers.mean(axis=2) for name, answers in heads.answers.items()},
        **agreement(heads.clusters, labels, sizes),
    }  # (R, H) each
    return {
        f"head {head}": {name: values[:, head] for name, values in measures.items()}
        for head in range(information.shape[1])
    }
