import numpy as np
import pytest

from maskwright.experiments.detection.learn.boxes import Found
from maskwright.experiments.detection.learn.detector import found_in
from maskwright.experiments.detection.learn.nms import Detections

SIZE = (32, 64)


def test_boxes_are_cut_off_at_the_border_and_vanish_beyond_it():
    detections = Detections(
        np.array([[[-5, 2, 10, 40], [64, 0, 70, 9], [0, 0, 0, 0]]], np.float32),
        np.array([[0.9, 0.8, 0]], np.float32),
        np.array([[1, 1, 0]], np.int32),
    )
    found = found_in(detections, 0, SIZE, (64, 64))
    assert isinstance(found, Found)
    assert found.boxes.tolist() == [[0, 4, 10, 64]]
    assert found.scores.tolist() == [pytest.approx(0.9)]
