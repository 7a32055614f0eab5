import numpy as np
import pytest

from maskwright.experiments.clustering.learn.pictures import Pictures
from maskwright.experiments.clustering.report.metrics import table_scores
from maskwright.experiments.clustering.report.scores import (
    agreement_intervals,
    head_clusters,
    k_means_clusters,
    scored,
)
from maskwright.learning.views.information import pair_counts
from support.tiny_clustering import tiny_clustering

NONE = np.zeros((0, 28, 28, 1), np.uint8)


def test_three_ways_to_name_two_clusters():
    # Training: cluster 0 has 3 of class 0 and 1 of class 1; cluster 1 has 2 of class 0 and 1 of class 1.
    # One to one, 0 is class 0 and 1 is class 1: 3 + 1 = 4 right, the other way 1 + 2. By majority both are class 0.
    training = np.array([0, 0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 0, 1])
    # Test: cluster 0 is class 1, cluster 1 is class 0, which only the assignment of the test images knows.
    test = np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])
    sets = [Pictures(NONE, labels) for _, labels in (training, test)]
    found = scored([clusters[None, None] for clusters, _ in (training, test)], sets, (2, 2))
    assert found.answers["accuracy"].tolist() == [[[False] * 4]]
    assert found.answers["majority_accuracy"].tolist() == [[[False, False, True, True]]]
    assert found.answers["source_accuracy"].tolist() == [[[True] * 4]]
    assert found.differ.tolist() == [[True]]


def test_the_chosen_heads_are_taken_seed_by_seed():
    labels = np.arange(6) % 2
    right, wrong = labels, np.array([0, 1, 0, 1, 1, 0])
    clusters = np.array([[right, wrong], [wrong, right]])
    found = scored([clusters, clusters], [Pictures(NONE, labels)] * 2, (2, 2)).of([0, 0])
    assert found.answers["accuracy"].mean(axis=2).tolist() == [[1], [pytest.approx(4 / 6)]]
    np.testing.assert_array_equal(found.clusters[:, 0], clusters[:, 0])


def test_a_head_s_cluster_is_its_most_probable():
    settings = tiny_clustering()  # two heads of three clusters, and one of five
    outputs = np.zeros((1, 2, 11))
    outputs[0, 0, [2, 3]] = 1
    outputs[0, 1, [0, 4]] = 1
    outputs[:, :, 10] = 9
    assert head_clusters(outputs, settings).tolist() == [[[2], [0]], [[0], [1]]]


def test_intervals_of_the_agreement():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    clusters = np.stack([np.where(rng.random(200) < share, labels, rng.integers(0, 3, 200)) for share in (0.9, 0.7)])
    found = agreement_intervals(clusters, labels, (3, 3))
    each = [table_scores(pair_counts(row, labels, (3, 3)))["nmi"] for row in clusters]
    assert found["nmi"]["mean"] == pytest.approx(np.mean(each))
    assert found["nmi"]["test_low"] < found["nmi"]["mean"] < found["nmi"]["test_high"]
    assert found["nmi"]["test_high"] - found["nmi"]["test_low"] < 0.25
    assert found["ari"]["low"] >= -0.5


def test_k_means_separates_what_lies_apart():
    rng = np.random.default_rng(0)
    images = (np.repeat([0, 120, 250], 20)[:, None, None, None] * np.ones((28, 28, 1))).astype(np.uint8)
    sets = [Pictures(images, np.zeros(60)), Pictures(images[rng.permutation(60)], np.zeros(60))]
    training, test = k_means_clusters(sets, 3, range(2))
    assert training.shape == test.shape == (2, 1, 60)
    assert [len(set(training[0, 0, at : at + 20])) for at in (0, 20, 40)] == [1, 1, 1]
    assert np.bincount(test[1, 0]).tolist() == [20, 20, 20]
