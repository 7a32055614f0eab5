"""How well clusters agree with classes. Imports no TensorFlow.

    assignment = best_assignment(pair_counts(training_clusters, training_labels, (clusters, classes)))
    scores = clustering_scores(test_clusters, test_labels, assignment)

A cluster has no name, so accuracy needs an assignment of clusters to classes. An assignment that is found on the same
data that are scored gives too high an accuracy, the more so the fewer they are. Hence the two steps.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score


def best_assignment(counts: np.ndarray) -> np.ndarray:
    """Assign each cluster to a class so that as many samples as possible are right.

    With as many clusters as classes, or fewer, no class is used twice (Kuhn 1955, doi:10.1002/nav.3800020109, as
    implemented in scipy). If there are more clusters than classes, each goes to its most frequent class, and to the
    smaller one among equals.

    Args:
        counts: (K, C) whole numbers, samples of each cluster (row) and class (column).

    Returns:
        (K,) int64, the class of each cluster.

    Raises:
        ValueError: the table is not of two dimensions, has a negative count, or fewer samples than clusters.

    By hand: each row by itself would take class 0. With a class for each, 5 + 3 or 1 + 4 are right, so 8 at best.

    >>> best_assignment(np.array([[5, 1], [4, 3]]))
    array([0, 1])
    """
    table = np.asarray(counts)
    if table.ndim != 2:
        raise ValueError(f"a table of counts has two dimensions, not {table.ndim}")
    if (table < 0).any():
        raise ValueError(f"counts must not be negative, and the smallest is {table.min()}")
    clusters, classes = table.shape
    if table.sum() < clusters:
        raise ValueError(f"{table.sum()} samples cannot say what {clusters} clusters are; give more")
    if clusters > classes:
        return table.argmax(axis=1).astype(np.int64)
    return linear_sum_assignment(table, maximize=True)[1].astype(np.int64)


def clustering_scores(clusters: np.ndarray, labels: np.ndarray, assignment: np.ndarray) -> dict[str, float]:
    """Score clusters against classes.

        accuracy = share of the samples whose cluster is assigned to their class
        nmi = 2 I(cluster; class) / (H(cluster) + H(class))     normalised mutual information; 0 for one cluster
        ari = (RI - E RI) / (max RI - E RI)                     adjusted Rand index; expected 0 by chance

    The latter two need no assignment. Hubert and Arabie 1985, doi:10.1007/BF01908075; Strehl and Ghosh 2002 with the
    arithmetic mean; both as scikit-learn computes them.

    Args:
        clusters: (N,) whole numbers from 0 to K - 1.
        labels: (N,) classes.
        assignment: (K,), the class of each cluster, see `best_assignment`.

    Raises:
        ValueError: there is no sample, the lengths differ, or a cluster is out of range.

    By hand: four samples, of which one is in the wrong cluster.

    >>> clustering_scores(np.array([0, 0, 1, 1]), np.array([7, 7, 7, 3]), np.array([7, 3]))["accuracy"]
    0.75
    """
    if clusters.ndim != 1 or clusters.shape != labels.shape:
        raise ValueError(f"clusters {clusters.shape} and labels {labels.shape} must have one shape (N,)")
    if not clusters.size:
        raise ValueError("no samples")
    if clusters.min() < 0 or clusters.max() >= len(assignment):
        raise ValueError(
            f"clusters from {clusters.min()} to {clusters.max()}, and an assignment of 0 to {len(assignment) - 1}"
        )
    return {
        "accuracy": float((assignment[clusters] == labels).mean()),
        "nmi": float(normalized_mutual_info_score(labels, clusters)),
        "ari": float(adjusted_rand_score(labels, clusters)),
    }
