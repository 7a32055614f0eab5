import doctest
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from maskwright.experiments.clustering.report import metrics
from maskwright.experiments.clustering.report.metrics import (
    best_assignment,
    majority_assignment,
    right_answers,
    table_scores,
)
from maskwright.learning.views.information import pair_counts


def test_the_examples_of_the_docstrings():
    assert tuple(doctest.testmod(metrics)) == (0, 4)


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
    assert right_answers(clusters, labels, np.array([1, 0, 2])).tolist() == [True] * 5 + [False]
    scores = table_scores(pair_counts(clusters, labels))
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
    renamed = table_scores(pair_counts(order[clusters], labels))
    for name, score in table_scores(pair_counts(clusters, labels)).items():
        assert renamed[name] == pytest.approx(float(score))
    np.testing.assert_array_equal(
        right_answers(order[clusters], labels, np.argsort(order)), right_answers(clusters, labels, np.arange(4))
    )


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=2, max_size=30))
def test_scores_are_those_of_scikit_learn(pairs):
    clusters, labels = np.array(pairs).T
    found = table_scores(np.stack([pair_counts(clusters, labels, (4, 3)), np.eye(4, 3, dtype=int)]))
    assert found["nmi"][0] == pytest.approx(normalized_mutual_info_score(labels, clusters), abs=1e-9)
    assert found["ari"][0] == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-9)


@settings(max_examples=30)
@given(arrays.arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 4)), elements=st.integers(1, 20)))
def test_no_assignment_at_all_gets_more_right_than_the_majority(counts):
    found = majority_assignment(counts)
    assert counts[np.arange(len(counts)), found].sum() == counts.max(axis=1).sum()
    assert counts[np.arange(len(counts)), best_assignment(counts)].sum() <= counts.max(axis=1).sum() or (
        len(counts) > counts.shape[1]
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: best_assignment(np.array([1, 2])), "two dimensions, not 1"),
        (lambda: best_assignment(np.array([[3, -1]])), "must not be negative, but the smallest is -1"),
        (lambda: majority_assignment(np.array([1, 2])), "two dimensions, not 1"),
        (lambda: best_assignment(np.array([[1, 0], [0, 0], [0, 1]])), "2 samples are too few to assign 3 clusters"),
        (lambda: right_answers(np.array([0]), np.array([0, 1]), np.array([0])), "must have the same shape"),
        (lambda: right_answers(np.array([], int), np.array([], int), np.array([0])), "no samples"),
        (lambda: right_answers(np.array([0, 2]), np.array([0, 1]), np.array([0, 1])), "clusters are from 0 to 2"),
    ],
)
def test_wrong_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
