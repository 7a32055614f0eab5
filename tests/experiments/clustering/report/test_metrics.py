import doctest
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from maskwright.experiments.clustering.report import metrics
from maskwright.experiments.clustering.report.metrics import best_assignment, clustering_scores


def test_the_examples_of_the_docstrings():
    assert tuple(doctest.testmod(metrics)) == (0, 2)


@settings(max_examples=60)
@given(st.integers(1, 4).flatmap(lambda n: arrays.arrays(np.int64, (n, n), elements=st.integers(1, 20))))
def test_no_other_assignment_gets_more_right(counts):
    found = best_assignment(counts)
    assert sorted(found) == list(range(len(counts)))
    best = max(sum(counts[k, c] for k, c in enumerate(order)) for order in permutations(range(len(counts))))
    assert counts[np.arange(len(counts)), found].sum() == best


def test_fewer_and_more_clusters_than_classes():
    assert best_assignment(np.array([[1, 9, 0], [2, 8, 1]])).tolist() == [1, 0]
    # Over-clustering: several clusters may be of the same class.
    assert best_assignment(np.array([[1, 9], [2, 8], [3, 3]])).tolist() == [1, 1, 0]


def test_scores_by_hand():
    clusters, labels = np.array([0, 0, 1, 1, 2, 2]), np.array([1, 1, 0, 0, 2, 0])
    scores = clustering_scores(clusters, labels, np.array([1, 0, 2]))
    assert scores["accuracy"] == pytest.approx(5 / 6)
    # Pairs together in both: 2 of 3 (clusters) and 4 (classes: 3 of class 0 and 1 of class 1) of 15 pairs; expected
    # 3 · 4 / 15 = 0.8, largest (3 + 4) / 2 = 3.5.
    assert scores["ari"] == pytest.approx((2 - 0.8) / (3.5 - 0.8))
    # H(cluster) = ln 3; H(class) of 3, 2, 1; H(cluster, class) of 2, 2, 1, 1.
    of_clusters = np.log(3)
    of_classes, both = (-sum(n / 6 * np.log(n / 6) for n in counts) for counts in ((3, 2, 1), (2, 2, 1, 1)))
    assert scores["nmi"] == pytest.approx(2 * (of_clusters + of_classes - both) / (of_clusters + of_classes))


def test_names_of_clusters_do_not_matter():
    rng = np.random.default_rng(0)
    clusters, labels = rng.integers(0, 4, (2, 200))
    order = np.array([2, 0, 3, 1])
    scores = clustering_scores(clusters, labels, np.array([0, 1, 2, 3]))
    renamed = clustering_scores(order[clusters], labels, np.argsort(order))
    assert renamed == pytest.approx(scores)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_assignment(np.array([1, 2])), "two dimensions, not 1"),
        (lambda: best_assignment(np.array([[3, -1]])), "must not be negative, but the smallest is -1"),
        (lambda: best_assignment(np.array([[1, 0], [0, 0], [0, 1]])), "2 samples are too few to assign 3 clusters"),
        (lambda: clustering_scores(np.array([0]), np.array([0, 1]), np.array([0])), "must have the same shape"),
        (lambda: clustering_scores(np.array([], int), np.array([], int), np.array([0])), "no samples"),
        (lambda: clustering_scores(np.array([0, 2]), np.array([0, 1]), np.array([0, 1])), "clusters are from 0 to 2"),
    ],
)
def test_wrong_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
