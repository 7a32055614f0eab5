from typing import NamedTuple

import numpy as np
import pytest

from maskwright.experiments.instances.report.metrics import Truth, image_result, summarise
from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT

NAMES = ["background", "cup", "can", "table"]
THINGS = np.isin(np.arange(256), [1, 2])


class Found(NamedTuple):
    mask: np.ndarray
    numbers: np.ndarray
    classes: np.ndarray
    scores: np.ndarray


def photograph(*objects, shape=(12, 20)):
    """Rectangles (class, left, right), numbered in order, five rows high, and a table below."""
    mask, numbers = np.zeros(shape, np.uint8), np.zeros(shape, np.uint16)
    for number, (label, left, right) in enumerate(objects, start=1):
        mask[:5, left:right], numbers[:5, left:right] = label, number
    mask[10:] = 3
    return mask, numbers


def found(*objects, scores=None):
    mask, numbers = photograph(*objects)
    labels = np.array([label for label, _, _ in objects], np.int32)
    return Found(mask, numbers, labels, np.array(scores or np.linspace(0.9, 0.5, len(objects)), np.float32))


def test_what_is_perfect_is_1_everywhere():
    objects = [(1, 0, 4), (1, 4, 8), (2, 10, 14)]
    results = [image_result(Truth(*photograph(*objects)), found(*objects), THINGS, 4)] * 2
    numbers = summarise(results, NAMES, THINGS, most=100)
    for name in ("pq", "sq", "rq", "pq_things", "pq_stuff", "ap", "ap50", "ap75", "ar"):
        assert numbers[name] == pytest.approx(1), name
    assert (numbers["count_error"], numbers["count_bias"]) == (0, 0)
    assert numbers["per_class"]["cup"]["objects"] == 4
    assert numbers["per_class"]["table"] == {"pq": 1, "sq": 1, "rq": 1}


def test_by_hand():
    """Two cups that are found as one, and a can that is found twice, the second time on the background."""
    truth = Truth(*photograph((1, 0, 4), (1, 4, 8), (2, 10, 14)))
    results = [image_result(truth, found((1, 0, 8), (2, 10, 14), (2, 16, 19)), THINGS, 4)]
    numbers = summarise(results, NAMES, THINGS, most=100)
    # Cups: IoU 1/2 with either is no match: FP 1, FN 2. Cans: TP 1, FP 1: 1 / 1.5. The table: 1.
    assert numbers["pq"] == pytest.approx((0 + 2 / 3 + 1) / 3)
    assert numbers["pq_things"] == pytest.approx(1 / 3)
    assert numbers["rq"] == pytest.approx(5 / 9)
    assert numbers["sq"] == pytest.approx(1)
    # AP50: of COCO an IoU of 0.5 is enough, so one of two cups is found: recalls to 0.5, 51 of 101; the can is found.
    assert numbers["per_class"]["cup"]["ap50"] == pytest.approx(51 / 101)
    assert numbers["ap50"] == pytest.approx((51 / 101 + 1) / 2)
    # One cup too few, one can too many.
    assert (numbers["count_error"], numbers["count_bias"]) == (1, 0)
    assert numbers["per_class"]["cup"]["count_bias"] == -1


def test_unknown_regions_are_neither_right_nor_wrong():
    mask, numbers = photograph((1, 0, 4), (1, 10, 14))
    mask[:5, 10:14], numbers[:5, 10:14] = IGNORE, UNKNOWN_OBJECT
    results = [image_result(Truth(mask, numbers), found((1, 10, 14), (1, 0, 4)), THINGS, 4)]
    scores = summarise(results, NAMES, THINGS, most=100)
    assert scores["pq"] == pytest.approx(1)
    assert scores["ap50"] == pytest.approx(1)
    # It is counted all the same, as nobody knows what is there.
    assert scores["count_bias"] == 0.5


def test_a_split_without_objects_has_no_average_precision():
    results = [image_result(Truth(*photograph()), found(), THINGS, 4)]
    numbers = summarise(results, NAMES, THINGS, most=100)
    assert "ap50" not in numbers
    assert "pq_things" not in numbers
    assert numbers["pq_stuff"] == 1
    assert numbers["count_error"] == 0
