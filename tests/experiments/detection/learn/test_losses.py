import math

import keras
import numpy as np
import pytest

from maskwright.experiments.detection.learn.losses import AnchorLoss, anchor_loss
from maskwright.experiments.detection.params import DetectionLoss

LN3 = math.log(3)


def value(loss, targets, predictions):
    found = loss(np.array(targets, np.float32), np.array(predictions, np.float32))
    return float(np.asarray(found))


def background(count):
    return [[0, 0, 0, 0, 0]] * count


def test_by_hand():
    # Class 1 of p = (1/4, 3/4), off by 2, 0.5, 0, 0; and background of p = (1/2, 1/2), whose offsets do not count.
    targets = [[[1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]]
    predictions = [[[0, LN3, 3, 1.5, 1, 1], [5, 5, 9, 9, 9, 9]]]
    classes = -math.log(3 / 4) + math.log(2)
    assert value(AnchorLoss("cross_entropy", "l1"), targets, predictions) == pytest.approx(classes + 2.5)
    assert value(AnchorLoss("cross_entropy", "smooth_l1"), targets, predictions) == pytest.approx(classes + 1.625)
    focal = 0.25 * (1 / 4) ** 2 * -math.log(3 / 4) + 0.75 * (1 / 2) ** 2 * math.log(2)
    assert value(AnchorLoss("focal", "l1"), targets, predictions) == pytest.approx(focal + 2.5)


def test_is_divided_by_the_matched_anchors_of_the_batch():
    targets = [[[1, 0, 0, 0, 0]] * 2, [[2, 0, 0, 0, 0], [0, 0, 0, 0, 0]]]
    predictions = np.zeros((2, 2, 3 + 4))
    predictions[..., 3:] = 1
    # Four anchors at ln 3, three of which have an object and four offsets off by 1.
    assert value(AnchorLoss("cross_entropy", "l1"), targets, predictions) == pytest.approx((4 * LN3 + 12) / 3)


def test_unknown_anchors_do_not_count():
    loss = AnchorLoss("cross_entropy", "l1")
    assert value(loss, [[[-1, 0, 0, 0, 0]]], [[[3, 9, 9, 9, 9, 9]]]) == 0
    with_unknown = value(loss, [[[1, 0, 0, 0, 0], [-1, 0, 0, 0, 0]]], [[[0, LN3, 0, 0, 0, 0], [3, 9, 9, 9, 9, 9]]])
    assert with_unknown == pytest.approx(-math.log(3 / 4))


def test_without_any_object_the_background_still_counts():
    assert value(AnchorLoss("cross_entropy", "l1"), [background(2)], np.zeros((1, 2, 6))) == pytest.approx(
        2 * math.log(2)
    )


def test_hard_negatives_are_the_worst_of_each_image():
    # Background at p = 1/4, 1/2, 3/4 and, in the second image, 1/2 thrice; ratio 1.
    predictions = np.zeros((2, 4, 6))
    predictions[0, 1:, 1] = [LN3, 0, -LN3]
    predictions[0, 0, 1] = LN3
    targets = [[[1, 0, 0, 0, 0], *background(3)], [[-1, 0, 0, 0, 0], *background(3)]]
    loss = AnchorLoss("cross_entropy", "l1", hard_negatives=1.0)
    # One in the first image, with the object's own; in the second, without any, one, with which the others tie.
    assert value(loss, targets, predictions) == pytest.approx(-math.log(3 / 4) + math.log(4) + 3 * math.log(2))
    loss = AnchorLoss("cross_entropy", "l1", hard_negatives=2.0)
    expected = -math.log(3 / 4) + math.log(4) + math.log(2) + 3 * math.log(2)
    assert value(loss, targets, predictions) == pytest.approx(expected)
    loss = AnchorLoss("cross_entropy", "l1", hard_negatives=50.0)
    assert value(loss, targets, predictions) == pytest.approx(
        value(AnchorLoss("cross_entropy", "l1"), targets, predictions)
    )


def test_extreme_logits_are_no_problem():
    predictions = np.zeros((1, 2, 6))
    predictions[0, :, 1] = [-1e4, 1e4]
    found = value(AnchorLoss("focal", "smooth_l1", focal_gamma=0.5), [[[1, 0, 0, 0, 0], [0] * 5]], predictions)
    assert found == pytest.approx(0.25 * 1e4 + 0.75 * 1e4)


def test_survives_a_round_trip_and_is_built_from_params():
    loss = anchor_loss(DetectionLoss(classes="focal", offsets="l1", hard_negatives=3.0))
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert loss.get_config()["hard_negatives"] == 3.0
    with pytest.raises(ValueError, match="unknown loss: 'hinge'"):
        AnchorLoss("hinge", "l1")
