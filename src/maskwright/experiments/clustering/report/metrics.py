"""How well clusters agree with classes. Imports no TensorFlow.

    assignment = best_assignment(pair_counts(training_clusters, training_labels, (clusters, classes)))
    right = right_answers(test_clusters, test_labels, assignment)
    scores = table_scores(pair_counts(test_clusters, test_labels, (clusters, classes)))

A cluster has no name, so accuracy needs an assignment of clusters to classes. If the assignment is found on the data
that are scored, the accuracy is too high, especially for small data sets. This is why there are two steps.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import xlogy


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
    table = _checked(counts)
    if len(table) > table.shape[1]:
        return majority_assignment(table)
    return linear_sum_assignment(table, maximize=True)[1].astype(np.int64)


def majority_assignment(counts: np.ndarray) -> np.ndarray:
    """Assign each cluster to its most frequent class; several clusters may have the same class.

    Of equally frequent classes, the one with the smallest index is taken. On the samples that are counted, no
    assignment gets more right. A class whose samples are nowhere in the majority is never named.

    Args:
        counts: (K, C) integers, the number of samples of each cluster (row) and class (column).

    Returns:
        (K,) int64, the class of each cluster.

    Raises:
        ValueError: as `best_assignment`.

    By hand: each row on its own takes class 0, so that 5 + 4 are right.

    >>> majority_assignment(np.array([[5, 1], [4, 3]]))
    array([0, 0])
    """
    return _checked(counts).argmax(axis=1).astype(np.int64)


def _checked(counts: np.ndarray) -> np.ndarray:
    table = np.asarray(counts)
    if table.ndim != 2:
        raise ValueError(f"a table of counts has two dimensions, not {table.ndim}")
    if (table < 0).any():
        raise ValueError(f"counts must not be negative, but the smallest is {table.min()}")
    if table.sum() < len(table):
        raise ValueError(f"{table.sum()} samples are too few to assign {len(table)} clusters to classes; give more")
    return table


def right_answers(clusters: np.ndarray, labels: np.ndarray, assignment: np.ndarray) -> np.ndarray:
    """Return which samples' cluster is assigned to their class. The mean is the accuracy.

    Args:
        clusters: (N,) integers from 0 to K - 1.
        labels: (N,) classes.
        assignment: (K,), the class of each cluster; see `best_assignment`.

    Returns:
        (N,) bool.

    Raises:
        ValueError: there are no samples, the lengths differ, or a cluster is out of range.

    By hand: one of the four samples is in the wrong cluster.

    >>> right_answers(np.array([0, 0, 1, 1]), np.array([7, 7, 7, 3]), np.array([7, 3])).mean()
    np.float64(0.75)
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
    return assignment[clusters] == labels


def table_scores(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Score clusters against classes without an assignment.

        nmi = 2 I(cluster; class) / (H(cluster) + H(class))     normalised mutual information; 1 if both are 0
        ari = (RI - E RI) / (max RI - E RI)                     adjusted Rand index; expected 0 by chance

    Hubert and Arabie 1985, doi:10.1007/BF01908075; Strehl and Ghosh 2002 with the arithmetic mean. Both equal
    scikit-learn's. They are computed for many tables at once, as the bootstrap needs.

    Args:
        counts: (..., K, C) integers, the number of samples of each cluster (row) and class (column).

    Returns:
        `nmi` and `ari`, (...) each.

    By hand: of six pairs of samples, the two within clusters are of one class each, and so are the classes' pairs.

    >>> {name: float(score) for name, score in table_scores(np.array([[2, 0], [0, 2]])).items()}
    {'nmi': 1.0, 'ari': 1.0}
    """
    table = np.asarray(counts, float)
    rows, columns, samples = table.sum(axis=-1), table.sum(axis=-2), table.sum(axis=(-2, -1))
    # N times each entropy, less N log N; it cancels in I, and is added again in the denominator.
    of_rows, of_columns = -xlogy(rows, rows).sum(axis=-1), -xlogy(columns, columns).sum(axis=-1)
    total = xlogy(samples, samples)
    mutual = of_rows + of_columns + xlogy(table, table).sum(axis=(-2, -1)) + total
    both = of_rows + of_columns + 2 * total
    pairs, pairs_of_rows, pairs_of_columns = (
        part.sum(axis=-1) for part in (_pairs(table).sum(axis=-1), _pairs(rows), _pairs(columns))
    )
    expected = pairs_of_rows * pairs_of_columns / np.maximum(_pairs(samples), 1)
    most = (pairs_of_rows + pairs_of_columns) / 2
    return {"nmi": _share(2 * mutual, both), "ari": _share(pairs - expected, most - expected)}


def _pairs(numbers: np.ndarray) -> np.ndarray:
    return numbers * (numbers - 1) / 2


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, and 1 where the whole is 0 but for rounding."""
    nothing = np.abs(whole) < 1e-9
    return np.where(nothing, 1.0, part / np.where(nothing, 1.0, whole))
