"""Scoring the clusters against the classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from maskwright.experiments.clustering.learn.pictures import read_names, read_pictures
from maskwright.experiments.clustering.learn.train import JOINTS_FILE
from maskwright.experiments.clustering.params import IIC, Clustering
from maskwright.experiments.clustering.report.metrics import best_assignment
from maskwright.experiments.clustering.report.plots import confusion_figure, galleries, heads_figure, joint_maps
from maskwright.experiments.clustering.report.scores import (
    cluster_scores,
    head_probabilities,
    k_means_scores,
    probabilities,
)
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_curves, write_replicates
from maskwright.learning.views.information import pair_counts
from maskwright.reporting.intervals import mean_interval
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.seeds import loss_curves
from maskwright.shared.experiment import Evaluation

HEADS_FILE = "heads.csv"

_SCORES = ("accuracy", "nmi", "ari")
_BOUNDS = {"ari": (-0.5, 1), "information": (0, np.inf)}
"""The least and the greatest value of each measure that is not between 0 and 1."""


def evaluate(settings: Clustering, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score every seed's clusters against the classes.

    For each seed only the head with the least loss is scored. It is chosen in training, without using labels. The
    training images decide which cluster is which class, and this assignment is used to score the test images.

    Writes what it returns, and to `results`/plots pictures, the numbers of each seed (`replicates.csv`) and of each
    head (`heads.csv`). The details of the variant are means over the seeds with their intervals:

    - `accuracy`, `nmi`, `ari`: the scores of the test images; see `clustering_scores`;
    - `source_accuracy`: the accuracy as the source measures it, with the assignment that suits the test images best;
    - `most_accurate`: the accuracy of each seed's most accurate head;
    - `information`: mutual information of the chosen head in the last epoch, in nats, at most log K;
    - `k_means_accuracy`, `k_means_nmi`, `k_means_ari`: the scores of k-means on the pixels, with as many clusters.

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
    sizes = settings.clusters, len(names)
    networks, about = load_model(model / IIC)
    outputs = [probabilities(networks, drawn.images) for drawn in sets]  # (N, R, H K + ...)
    best = about["best_head"]
    heads = [
        [
            cluster_scores(
                [part.argmax(axis=1) for part in head_probabilities(outputs, row, head, settings)], sets, sizes
            )
            for head in range(settings.heads)
        ]
        for row in range(about["seeds"])
    ]
    chosen = [scores[head] for scores, head in zip(heads, best, strict=True)]
    k_means = [k_means_scores(sets, sizes, seed) for seed in range(settings.seed, settings.seed + settings.seeds)]
    measured = {
        **{name: np.array([scores[name] for scores in chosen]) for name in (*_SCORES, "source_accuracy")},
        "most_accurate": np.array([max(scores["accuracy"] for scores in row) for row in heads]),
        "information": np.array([row[head] for row, head in zip(about["information"], best, strict=True)]),
        **{f"k_means_{name}": np.array([scores[name] for scores in k_means]) for name in _SCORES},
    }
    intervals = {name: mean_interval(values, _bounds(name))._asdict() for name, values in measured.items()}
    evaluation = Evaluation(
        {"accuracy": intervals["accuracy"]["mean"]}, {IIC: {**intervals, "seeds": settings.seeds, "best_head": best}}
    )
    with report_folder(results, evaluation) as plots:
        history = read_curves(results / "training.csv")
        k_means = intervals["k_means_accuracy"]["mean"]
        accuracies = np.array([[scores["accuracy"] for scores in row] for row in heads])
        with np.load(model / IIC / JOINTS_FILE) as arrays:
            joints = arrays["joints"]
        shares = head_probabilities(outputs, 0, best[0], settings)
        assignment = best_assignment(pair_counts(shares[0].argmax(axis=1), sets[0].labels, sizes))
        found = assignment[shares[1].argmax(axis=1)]
        counts = pair_counts(sets[1].labels, found, (len(names), len(names)))
        figures = {
            "information": loss_curves(history, "I(Z; Z') / nats", "information", log=False),
            "accuracy": heads_figure(np.array(about["information"]), accuracies, best, k_means),
            "joint": joint_maps(joints, about["drawn_epochs"]),
            "confusion": confusion_figure(counts, names),
            "galleries": galleries(sets[1].images, shares[1], [names[label] for label in assignment]),
        }
        save_figures(figures, plots)
        write_replicates(plots / "replicates.csv", {IIC: measured}, first_seed=settings.seed)
        write_replicates(plots / HEADS_FILE, _head_table(heads, about["information"]), first_seed=settings.seed)
    return evaluation


def _bounds(measure: str) -> tuple[float, float]:
    return _BOUNDS.get(measure.removeprefix("k_means_"), (0, 1))


def _head_table(
    heads: Sequence[Sequence[dict[str, float]]], information: Sequence[Sequence[float]]
) -> dict[str, dict[str, np.ndarray]]:
    """Return the measures of each head, (R,) each."""
    return {
        f"head {head}": {
            "information": np.array([row[head] for row in information]),
            **{name: np.array([row[head][name] for row in heads]) for name in heads[0][head]},
        }
        for head in range(len(heads[0]))
    }
