"""What every head of every seed gets right on test images, and what k-means and linear classifiers do."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from sklearn.cluster import KMeans

from maskwright.experiments.clustering.learn.network import network
from maskwright.experiments.clustering.learn.pictures import Pictures
from maskwright.experiments.clustering.params import Clustering
from maskwright.experiments.clustering.report.metrics import (
    best_assignment,
    majority_assignment,
    right_answers,
    table_scores,
)
from maskwright.learning.views.information import pair_counts
from maskwright.learning.views.sampling import middle_views
from maskwright.reporting.intervals import mean_interval, resampled_interval
from maskwright.reporting.linear import linear_answers, principal_components

ACCURACIES = ("accuracy", "majority_accuracy", "source_accuracy")

_BATCH = 500

_STARTS = 10
"""Number of starts of k-means, of which the one with the least sum of squares counts.

With 50, as many as there are heads, three seeds got 53 or 54 % of the validation digits right; with 10 between 49 and
53 %.
"""


class Scored(NamedTuple):
    """The clusters of M test images by H heads of R seeds.

    Attributes:
        answers: for each of `ACCURACIES`, (R, H, M) bool: whether the image's cluster is assigned to its class.
            `accuracy` is with the one-to-one assignment that suits the training images best, `majority_accuracy` with
            each cluster assigned to its most frequent class among them, `source_accuracy` with the one-to-one
            assignment that suits the test images best.
        clusters: (R, H, M), the clusters of the test images.
        differ: (R, H) bool: whether the first two assignments differ.
    """

    answers: dict[str, np.ndarray]
    clusters: np.ndarray
    differ: np.ndarray

    def of(self, heads: Sequence[int]) -> "Scored":
        """Return the scores of one head of each seed: (R, 1, M)."""
        rows, chosen = np.arange(len(heads))[:, None], np.asarray(heads)[:, None]
        answers = {name: values[rows, chosen] for name, values in self.answers.items()}
        return Scored(answers, self.clusters[rows, chosen], self.differ[rows, chosen])


def outputs_of(model: Any, images: np.ndarray) -> np.ndarray:
    """Return a model's outputs for images or views: (N, H, H, C) uint8 -> (N, ...), float32.

    Those of the networks of all seeds are (N, R, heads K + over_heads L); see `learn.network`.
    """
    batches = (images[at : at + _BATCH].astype(np.float32) / 255 for at in range(0, len(images), _BATCH))
    return np.concatenate([np.asarray(model(batch, training=False), np.float32) for batch in batches])


def head_probabilities(outputs: Sequence[np.ndarray], row: int, head: int, settings: Clustering) -> list[np.ndarray]:
    """Return the probabilities of one head of one seed.

    Args:
        outputs: the outputs for training and test images; see `outputs_of`.
        row: number of the seed, from 0.
        head: number of the head, from 0.
        settings: the experiment's section of params.yaml.

    Returns:
        (N, K) for training images and for test images.
    """
    clusters = slice(head * settings.clusters, (head + 1) * settings.clusters)
    return [part[:, row, clusters] for part in outputs]


def head_clusters(outputs: np.ndarray, settings: Clustering) -> np.ndarray:
    """Return the most probable cluster by each head: (N, R, heads K + ...) -> (R, heads, N) int64."""
    scored = outputs[..., : settings.heads * settings.clusters]
    by_head = scored.reshape(*outputs.shape[:2], settings.heads, settings.clusters)
    return by_head.argmax(axis=-1).transpose(1, 2, 0)


def scored(found: Sequence[np.ndarray], sets: Sequence[Pictures], sizes: tuple[int, int]) -> Scored:
    """Compare clusters with classes.

    Args:
        found: (R, H, N), the clusters of the training images, and (R, H, M), those of the test images.
        sets: training and test images.
        sizes: the numbers of clusters and classes.
    """
    replicates, heads, images = found[1].shape
    answers = {name: np.zeros((replicates, heads, images), bool) for name in ACCURACIES}
    differ = np.zeros((replicates, heads), bool)
    for place in np.ndindex(replicates, heads):
        training, test = (
            pair_counts(clusters[place], drawn.labels, sizes) for clusters, drawn in zip(found, sets, strict=True)
        )
        assignments = best_assignment(training), majority_assignment(training), best_assignment(test)
        differ[place] = (assignments[0] != assignments[1]).any()
        for name, assignment in zip(ACCURACIES, assignments, strict=True):
            answers[name][place] = right_answers(found[1][place], sets[1].labels, assignment)
    return Scored(answers, found[1], differ)


def agreement(clusters: np.ndarray, labels: np.ndarray, sizes: tuple[int, int]) -> dict[str, np.ndarray]:
    """Return the scores that need no assignment, see `table_scores`: clusters (..., M) and labels (M,) -> (...)."""
    rows = clusters.reshape(-1, clusters.shape[-1])
    tables = np.stack([pair_counts(row, labels, sizes) for row in rows])
    return {name: values.reshape(clusters.shape[:-1]) for name, values in table_scores(tables).items()}


def agreement_intervals(
    clusters: np.ndarray, labels: np.ndarray, sizes: tuple[int, int]
) -> dict[str, dict[str, float]]:
    """Return both intervals of the scores that need no assignment, see `reporting.intervals`.

    Args:
        clusters: (R, M), the clusters of M test images for R seeds.
        labels: (M,), their classes.
        sizes: the numbers of clusters and classes.
    """
    replicates, cells = len(clusters), sizes[0] * sizes[1]
    places = clusters * sizes[1] + labels + np.arange(replicates)[:, None] * cells  # (R, M), a cell of R tables each

    def of_chosen(name: str, chosen: np.ndarray) -> float:
        tables = np.bincount(places[:, chosen].ravel(), minlength=replicates * cells).reshape(replicates, *sizes)
        return float(table_scores(tables)[name].mean())

    found = agreement(clusters, labels, sizes)
    intervals = {}
    for name, least in (("nmi", 0.0), ("ari", -0.5)):
        of_tests = resampled_interval(lambda chosen, name=name: of_chosen(name, chosen), len(labels))
        of_seeds = mean_interval(found[name], (least, 1))
        intervals[name] = {**of_seeds._asdict(), "test_low": of_tests.low, "test_high": of_tests.high}
    return intervals


def k_means_clusters(sets: Sequence[Pictures], clusters: int, seeds: range) -> list[np.ndarray]:
    """Return the clusters that k-means finds in the pixels of the training images' first views.

    Returns:
        (R, 1, N) for the training images, and (R, 1, M) for the test images: the nearest cluster.
    """
    pixels = _pixels(sets)
    options: Any = {"n_init": _STARTS}
    fitted: list[Any] = [KMeans(clusters, random_state=seed % 2**32, **options).fit(pixels[0]) for seed in seeds]
    return [np.stack([one.predict(part).astype(np.int64) for one in fitted])[:, None] for part in pixels]


def separated(
    outputs: Sequence[np.ndarray], networks: Any, best: Sequence[int], sets: Sequence[Pictures], settings: Clustering
) -> dict[str, np.ndarray]:
    """Return which test images a linear classifier names rightly, fitted to the training images and their labels.

    Args:
        outputs: the outputs for training and test images; see `outputs_of`.
        networks: the networks of all seeds, as stored.
        best: the chosen head of each seed.
        sets: training and test images.
        settings: the experiment's section of params.yaml.

    Returns:
        (R, M) bool each. The classifier sees

        - `head`: the probabilities of the chosen head's K clusters;
        - `pca`: the first K principal components of the pixels;
        - `features`: the features before the heads;
        - `untrained_features`: the same of the network before the training;
        - `pixels`: the pixels of the first view.

        The second and the last are the same for all seeds.
    """
    labels = [drawn.labels for drawn in sets]
    views = [middle_views(drawn.images) for drawn in sets]
    found: dict[str, list[np.ndarray]] = {"head": [], "features": [], "untrained_features": []}
    for row, head in enumerate(best):
        seed = settings.seed + row
        found["head"].append(linear_answers(head_probabilities(outputs, row, head, settings), labels))
        for name, one in (
            ("features", networks.get_layer(f"seed_{seed}")),
            ("untrained_features", network(settings, sets[0].images.shape[1:], seed)),
        ):
            encoder = keras.Model(one.input, one.get_layer("flatten").output)
            found[name].append(linear_answers([outputs_of(encoder, part) for part in views], labels))
    pixels = _pixels(sets)
    same = {"pca": principal_components(pixels, settings.clusters), "pixels": pixels}
    for name, inputs in same.items():
        found[name] = [linear_answers(inputs, labels)] * len(best)
    return {name: np.stack(answers) for name, answers in found.items()}


def _pixels(sets: Sequence[Pictures]) -> list[np.ndarray]:
    return [middle_views(drawn.images).reshape(len(drawn.images), -1) / np.float32(255) for drawn in sets]
