import numpy as np
import pytest

from maskwright.experiments.xor.data import read_xor, write_xor
from maskwright.experiments.xor.report.metrics import best_accuracy, scores


@pytest.mark.parametrize(("variant", "expected"), [("signal", 1.0), ("random", 0.75), ("none", 0.75)])
def test_best_accuracy(tmp_path, variant, expected):
    write_xor(tmp_path)
    assert best_accuracy(*read_xor(tmp_path, variant)) == expected


def test_best_accuracy_by_hand():
    # Input 0 is twice A and once B, input 1 always B: 3 of 4 right.
    inputs, labels = np.array([[0], [0], [0], [1]]), np.eye(2)[[0, 0, 1, 1]]
    assert best_accuracy(inputs, labels) == 0.75


def test_scores_by_hand():
    # Four rows; the first network is right but sure of nothing, the second calls everything 0.
    labels = np.eye(2)[[0, 1, 1, 0]]
    outputs = np.stack([0.6 * labels + 0.4 * (1 - labels), np.eye(2)[[0, 0, 0, 0]]], axis=1)
    found = scores(outputs, labels)
    assert found.accuracy.tolist() == [1.0, 0.5]
    assert found.solved.tolist() == [1, 0]
    # A batch has four rows: 4 x 2 x 0.4², and 2 x 2 x 1².
    assert found.loss.tolist() == pytest.approx([1.28, 4.0])
