"""Scores of every head of every seed, and of k-means on the pixels, on test images."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from maskwright.experiments.clustering.learn.pictures import Pictures
from maskwright.experiments.clustering.params import Clustering
from maskwright.experiments.clustering.report.metrics import best_assignment, clustering_scores
from maskwright.learning.views.information import pair_counts
from maskwright.learning.views.sampling import middle_views

_BATCH = 500


def probabilities(networks: Any, images: np.ndarray) -> np.ndarray:
    """Return the networks' outputs: (N, H, H, C) uint8 -> (N, R, heads K + over_heads L)."""
    batches = (images[at : at + _BATCH].astype(np.float32) / 255 for at in range(0, len(images), _BATCH))
    return np.concatenate([networks(batch, training=False) for batch in batches])


def head_probabilities(outputs: Sequence[np.ndarray], row: int, head: int, settings: Clustering) -> list[np.ndarray]:
    """Return the probabilities of one head of one seed.

    Args:
        outputs: the outputs for training and test images; see `probabilities`.
        row: number of the seed, from 0.
        head: number of the head, from 0.
        settings: the experiment's section of params.yaml.

    Returns:
        (N, K) for training images and for test images.
    """
    clusters = slice(head * settings.clusters, (head + 1) * settings.clusters)
    return [part[:, row, clusters] for part in outputs]


def cluster_scores(found: Sequence[np.ndarray], sets: Sequence[Pictures], sizes: tuple[int, int]) -> dict[str, float]:
    """Score the clusters of the test images.

    Args:
        found: (N,) clusters of the training images and of the test images.
        sets: training and test images.
        sizes: the numbers of clusters and classes.

    Returns:
        `accuracy`, `nmi` and `ari`, with the assignment of clusters to classes that suits the training images best,
        and `source_accuracy`, with the assignment that suits the test images best.
    """
    honest, of_test = (
        best_assignment(pair_counts(clusters, drawn.labels, sizes))
        for clusters, drawn in zip(found, sets, strict=True)
    )
    scores = clustering_scores(found[1], sets[1].labels, honest)
    return {**scores, "source_accuracy": clustering_scores(found[1], sets[1].labels, of_test)["accuracy"]}


def k_means_scores(sets: Sequence[Pictures], sizes: tuple[int, int], seed: int) -> dict[str, float]:
    """Score the clusters that k-means finds on the pixels; arguments and result are those of `cluster_scores`."""
    pixels = [middle_views(drawn.images).reshape(len(drawn.images), -1) / np.float32(255) for drawn in sets]
    options: Any = {"n_init": 3, "random_state": seed % 2**32}
    fitted: Any = KMeans(sizes[0], **options).fit(pixels[0])
    return cluster_scores([fitted.predict(part).astype(np.int64) for part in pixels], sets, sizes)
