import numpy as np
import pytest

from maskwright.experiments.xor.data import read_xor, write_xor
from maskwright.experiments.xor.report.metrics import (
    batch_losses,
    batch_scores,
    best_accuracy,
    possible_batches,
    scores,
)


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


def test_batches_have_the_four_cases_at_one_position():
    every = possible_batches(48)
    # 3 positions, and for each of the four cases one of 4 settings of the noise.
    assert len({tuple(batch) for batch in every.tolist()}) == len(every) == 3 * 4**4
    assert every[0].tolist() == [0, 4, 8, 12]
    assert every[-1].tolist() == [35, 39, 43, 47]
    drawn = possible_batches(768)
    assert drawn.shape == (1000, 4)
    np.testing.assert_array_equal(drawn, possible_batches(768))
    for batches, group in ((every, 4), (drawn, 64)):
        assert (batches // group % 4 == np.arange(4)).all()
        assert (batches // group // 4 == batches[:, :1] // group // 4).all()
    assert np.bincount(drawn[:, 0] // 256).min() > 250


def test_losses_of_single_batches_by_hand():
    labels = np.eye(2)[np.tile(np.repeat([0, 1, 1, 0], 4), 3)]
    outputs = np.stack([labels, labels], axis=1)
    # The second network gives the right answer of the first input 0.6, and of all others 1.
    outputs[0, 1] = [0.6, 0.4]
    losses = batch_losses(outputs, labels)
    assert not losses[:, 0].any()
    # The input is in a quarter of the batches at its position: 64 of 768, each with 2 x 0.4².
    assert (losses[:, 1] > 0).sum() == 64
    assert losses[:, 1].max() == pytest.approx(0.32)
    found = batch_scores(outputs, labels, 0.1)
    assert found.below_sources_loss.tolist() == [1.0, 704 / 768]
    assert found.certainty.tolist() == [1.0, 0.6]
    assert found.batch_loss_median.tolist() == [0.0, 0.0]
    # More than 2.5 % of the batches have the greatest loss.
    assert found.batch_loss_high.tolist() == pytest.approx([0.0, 0.32])
    assert np.isnan(batch_scores(outputs, labels, None).below_sources_loss).all()
