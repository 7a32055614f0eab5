"""How well clusters agree with classes. Imports no TensorFlow.

    assignment = best_assignment(pair_counts(training_clusters, training_labels, (clusters, classes)))
    scores = clustering_scores(test_clusters, test_labels, assignment)

A cluster has no name, so accuracy needs an assignment of clusters to classes. If the assignment is found on the data
that are scored, the accuracy is too high, especially for small data sets. This is why there are two steps.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


def best_assignment(counts: np.ndarray) -> np.ndarray:
    """Assign each cluster to a class so that as many samples as possible are right.

    If there are at most as many clusters as classes, no class is used twice (Kuhn 1955, doi:10.1002/nav.3800020109,
    as implemented in scipy). If there are more clusters than classes, each is assigned to its most frequent class; of
    equally frequent classes, the one with the smallest index is taken.

    Args:
        counts: (K, C) integers, the number of samples of each cluster (row) and class (column).

    Returns:
        (K,) int64, the class of each cluster.

    Raises:
        ValueError: the table does not have two dimensions, or has a negative count, or fewer samples than clusters.

    By hand: each row on its own would take class 0. With one class for each row, 5 + 3 or 1 + 4 are right, so at best
    8.

    >>> best_assignment(np.array([[5, 1], [4, 3]]))
    array([0, 1])
    """
    table = np.asarray(counts)
    if table.ndim != 2:
        raise ValueError(f"a table of counts has two dimensions, not {table.ndim}")
    if (table < 0).any():
        raise ValueError(f"counts must not be negative, but the smallest is {table.min()}")
    clusters, classes = table.shape
    if table.sum() < clusters:
        raise ValueError(f"{table.sum()} samples are too few to assign {clusters} clusters to classes; give more")
    if clusters > classes:
        return table.argmax(axis=1).astype(np.int64)
    return linear_sum_assignment(table, maximize=True)[1].astype(np.int64)


def clustering_scores(clusters: np.ndarray, labels: np.ndarray, assignment: np.ndarray) -> dict[str, float]:
    """Score clusters against classes.

        accuracy = share of the samples whose cluster is assigned to their class
        nmi = 2 I(cluster; class) / (H(cluster) + H(class))     normalised mutual information; 0 for one cluster
        ari = (RI - E RI) / (max RI - E RI)                     adjusted Rand index; expected 0 by chance

    The last two need no assignment. Hubert and Arabie 1985, doi:10.1007/BF01908075; Strehl and Ghosh 2002 with the
    arithmetic mean. Both are computed by scikit-learn.

    Args:
        clusters: (N,) integers from 0 to K - 1.
        labels: (N,) classes.
        assignment: (K,), the class of each cluster; see `best_assignment`.

    Raises:
        ValueError: there are no samples, the lengths differ, or a cluster is out of range.

    By hand: one of the four samples is in the wrong cluster.

    >>> clustering_scores(np.array([0, 0, 1, 1]), np.array([7, 7, 7, 3]), np.array([7, 3]))["accuracy"]
    0.75
    """
    if clusters.ndim != 1 or clusters.shape != labels.shape:
        raise ValueError(f"clusters {clusters.shape} and labels {labels.shape} must have the same shape (N,)")
    if not clusters.size:
        raise ValueError("no samples")
    if clusters.min() < 0 or clusters.max() >= len(assignment):
        raise ValueError(
            f"clusters are from {clusters.min()} to {clusters.max()}, but the assignment is for 0 to "
            f"{len(assignment) - 1}"
        )
    return {
        "accuracy": float((assignment[clusters] == labels).mean()),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }
