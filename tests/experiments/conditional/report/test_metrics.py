import numpy as np
import pytest

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.report.answers import Answers
from maskwright.experiments.conditional.report.metrics import (
    gradients_of,
    mean_gate,
    mean_within,
    most_uncertain,
    scores_of,
    summary_of,
)

FINE = np.array([0, 1, 2, 2, 1, 0, 0, 1, 2, 2])
TEST = TwoLevels(np.zeros((10, 1, 1, 1), np.uint8), np.minimum(FINE, 1), FINE)


def answers(wrong, unsure):
    """Right but for one image; the gate is 0.6 and 0.4 at the image that is least sure, and 0.9 and 0.1 elsewhere."""
    second = FINE.copy()
    second[wrong] = (second[wrong] + 1) % 3
    entropy = np.full(10, 0.1)
    entropy[unsure] = 0.5
    share = np.where(np.arange(10) == unsure, 0.6, 0.9)
    gradients = np.linspace(0, 1, 10)
    return Answers(
        first=np.zeros(10, int),
        second=second,
        entropy=entropy,
        gate=np.stack([share, 1 - share], axis=1),
        flipped=np.zeros(10, int),
        hard=np.zeros(10, int),
        through_switch=gradients,
        through_if_then=0 * gradients,
    )


def test_the_tenth_with_the_largest_entropy():
    entropy = np.arange(20.0)
    chosen = most_uncertain(np.stack([entropy, -entropy]))
    assert [np.flatnonzero(row).tolist() for row in chosen] == [[18, 19], [0, 1]]


def test_a_mean_of_some_images_as_a_mean_of_all():
    values = mean_within(np.array([[1, 0, 1, 1]]), np.array([[True, True, False, False]]))
    assert values.tolist() == [[1.5, -0.5, 0.5, 0.5]]


def test_scores_by_hand():
    # The first network is wrong where it is unsure, at image 4 of class 1; the second one is unsure of image 0.
    pair = [answers(wrong=4, unsure=4), answers(wrong=5, unsure=0)]
    scores = {name: values.mean(axis=1) for name, values in scores_of(pair, TEST).items()}
    np.testing.assert_allclose(scores["accuracy"], [0.9, 0.9])
    np.testing.assert_allclose(scores["coarse_accuracy"], [0.3, 0.3])  # three images are of class 0
    np.testing.assert_allclose(scores["flipped_accuracy"], [0.3, 0.3])
    np.testing.assert_allclose(scores["uncertain_accuracy"], [0, 1])
    np.testing.assert_allclose(scores["uncertain_hard_accuracy"], [0, 1])
    np.testing.assert_allclose(scores["uncertain_smaller_share"], [0.4, 0.4])
    np.testing.assert_allclose(scores["certain_smaller_share"], [0.1, 0.1])
    assert "likeliest_accuracy" not in scores
    gradients = gradients_of(pair)
    assert gradients["gradient_through_switch"].tolist() == [1, 1]
    assert gradients["gradient_through_if_then"].tolist() == [0, 0]
    np.testing.assert_allclose(mean_gate(pair)[0], [0.75, 0.25])


def test_a_variant_without_a_gate_has_fewer_measures():
    plain = Answers(first=FINE, second=FINE, entropy=np.arange(10.0))
    assert list(scores_of([plain], TEST)) == ["accuracy", "coarse_accuracy", "uncertain_accuracy"]
    assert gradients_of([plain]) == {}


def test_every_number_has_both_intervals():
    right = np.tile(np.array([1.0, 1, 1, 0]), (3, 5))
    fewer = right.copy()
    fewer[:, 0] = 0
    scores = {"soft": {"accuracy": right, "flipped_accuracy": fewer}, "oracle": {"accuracy": np.ones((3, 20))}}
    summary = summary_of(scores, "soft")
    assert set(summary) == {"accuracy", "flipped_accuracy", "below_oracle", "fall", "seeds"}
    # The seeds agree, so their interval is a point. The standard error of a share of 20 images is √(3/16/20) = 0.097.
    accuracy = summary["accuracy"]
    assert (accuracy["mean"], accuracy["low"], accuracy["high"]) == (0.75, 0.75, 0.75)
    assert accuracy["test_low"] == pytest.approx(0.75 - 1.96 * 0.097, abs=0.05)
    assert accuracy["test_high"] == pytest.approx(0.75 + 1.96 * 0.097, abs=0.05)
    # One image in 20 differs: it is drawn 0 times with a probability of 0.36, and 4 times or more with one of 0.016.
    assert summary["fall"]["mean"] == pytest.approx(0.05)
    assert (summary["fall"]["test_low"], summary["fall"]["test_high"]) == pytest.approx((0, 0.15))
