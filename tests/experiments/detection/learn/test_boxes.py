import numpy as np

from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth, box_iou, covered


def test_iou_and_cover_by_hand():
    boxes = np.array([[0, 0, 2, 2], [5, 5, 5, 9]])
    others = np.array([[1, 0, 3, 2], [0, 0, 2, 2], [2, 0, 4, 2], [0, 0, 10, 10]])
    # 2 square pixels of 4 + 4 - 2; all; only a side; 4 of 100. A box without an area overlaps nothing.
    np.testing.assert_allclose(box_iou(boxes, others), [[1 / 3, 1, 0, 0.04], [0, 0, 0, 0]])
    np.testing.assert_allclose(covered(boxes, others), [[0.5, 1, 0, 1], [0, 0, 0, 0]])
    assert box_iou(np.zeros((0, 4)), others).shape == (0, 4)
    assert covered(boxes, np.zeros((0, 4))).shape == (2, 0)
    assert box_iou(boxes[1:], boxes[1:])[0, 0] == 0


def test_at_least_a_score():
    found = Found(np.arange(12).reshape(3, 4), np.array([0.9, 0.5, 0.4]), np.array([1, 2, 1]))
    kept = found.at_least(0.5)
    assert kept.boxes.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert (kept.scores.tolist(), kept.classes.tolist()) == ([0.9, 0.5], [1, 2])


def test_the_known_boxes():
    known = Truth(np.arange(12).reshape(3, 4), np.array([2, UNKNOWN, 1])).known()
    assert known.boxes.tolist() == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert known.classes.tolist() == [2, 1]
