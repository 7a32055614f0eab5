import numpy as np
import pytest

from maskwright.experiments.instances.report.components import components

THINGS = np.isin(np.arange(256), [1, 2])


def test_parts_of_a_class_are_objects_and_small_ones_are_dropped():
    mask = np.array([[1, 1, 0, 0, 2, 2], [1, 1, 0, 0, 2, 2], [0, 0, 1, 1, 2, 2], [3, 3, 1, 1, 0, 1]], np.uint8)
    confidence = np.where(mask == 2, 0.9, 0.6).astype(np.float32)
    found = components(mask, confidence, THINGS, 2)
    # The two squares of class 1 touch by a corner, so they are one part; the single pixel is dropped.
    assert found.classes.tolist() == [2, 1]
    assert found.scores == pytest.approx([0.9, 0.6])
    assert (found.numbers > 0).sum() == 14
    assert found.numbers[0, 0] == found.numbers[3, 3] == 2
    assert found.mask[3].tolist() == [3, 3, 1, 1, 0, 0]
    # Rows 0, 1, 2 of columns 4 and 5.
    assert found.centres[0] == pytest.approx([1.5, 5])


def test_nothing_is_found_in_nothing():
    found = components(np.zeros((3, 4), np.uint8), np.ones((3, 4), np.float32), THINGS, 1)
    assert (len(found.classes), found.centres.shape) == (0, (0, 2))
