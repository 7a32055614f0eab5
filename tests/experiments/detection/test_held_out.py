"""Detection on held-out photographs."""

import json

import numpy as np
import pytest

from maskwright.experiments.detection.held_out import statistics, trial
from maskwright.experiments.detection.learn.boxes import Found, Truth
from maskwright.experiments.detection.report.metrics import all_scores
from support.tiny_detection import CLASSES, small_network, tiny_settings, write_data

CUP, CAN = 1, 2
LEFT, RIGHT = [0.0, 0, 10, 10], [20.0, 0, 30, 10]


def one(truth, found):
    """Return a photograph: boxes with their classes, and boxes with scores and classes."""
    return {
        "truth": [[box for box, _ in truth], [label for _, label in truth]],
        "found": [[box for box, *_ in found], [score for _, score, _ in found], [label for *_, label in found]],
        "most": 100,
    }


def test_boxes_of_all_photographs_are_ranked_together():
    """A cup found with 0.6, and in the other photograph, with 0.9, one that is not there and none that is.

    Alone, the first has AP 1. Together the invented one comes first: precision 1/2 up to recall 1/2, which are 51 of
    the 101 recalls: 0.25248. Of the boxes of at least 0.5, one of two is right, and one of two cups is found.
    """
    first = one([(LEFT, CUP)], [(LEFT, 0.6, CUP)])
    second = one([(LEFT, CUP)], [(RIGHT, 0.9, CUP)])
    scores = statistics([first, second], CLASSES)
    both = np.array([0, 1])
    assert scores["ap50"](np.array([0])) == pytest.approx(1)
    assert scores["ap50"](both) == pytest.approx(0.5 * 51 / 101)
    assert scores["ap50/cup"](both) == scores["ap50"](both)
    assert np.isnan(scores["ap50/can"](both))
    assert [scores[name](both) for name in ("precision", "recall", "f1")] == pytest.approx([0.5, 0.5, 0.5])


def test_the_same_as_the_evaluation():
    rng = np.random.default_rng(0)
    photographs = []
    for _ in range(12):
        truth = [
            ([x, 0.0, x + 8, 8], int(label)) for x, label in zip((0.0, 10, 20), rng.integers(1, 3, 3), strict=True)
        ]
        found = [
            ([x + rng.normal(), 0.0, x + 8, 8], float(rng.random()), int(label))
            for x, label in zip((0.0, 10, 20), rng.integers(1, 3, 3), strict=True)
        ]
        photographs.append(one(truth, sorted(found, key=lambda each: -each[1])))
    scores = statistics(photographs, CLASSES)
    truths = [Truth(np.array(each["truth"][0]), np.array(each["truth"][1])) for each in photographs]
    boxes = [Found(*(np.array(part) for part in each["found"])) for each in photographs]
    expected = all_scores(truths, boxes, CLASSES, most=100).of_all_classes
    for name in ("ap50", "ap", "precision", "recall", "f1"):
        assert scores[name](np.arange(12)) == pytest.approx(expected[name]), name


def test_shares_of_nothing():
    scores = statistics([one([(LEFT, CUP)], []), one([], [])], CLASSES)
    assert scores["precision"](np.array([0])) == 0
    assert scores["recall"](np.array([0])) == 0
    assert all(np.isnan(scores[name](np.array([1]))) for name in ("ap50", "precision", "recall", "f1"))


@pytest.mark.slow
def test_a_trial(tmp_path, monkeypatch):
    from maskwright.experiments.detection.learn import train as learning

    monkeypatch.setattr(learning, "build", small_network)
    write_data(tmp_path)
    measures, examples, found = trial(tiny_settings(epochs=2), tmp_path / "masks")
    assert len(found) == 5
    assert [len(each["truth"][0]) for each in found] == [1, 1, 1, 2, 0]  # the unknown region is listed too
    assert 0 <= measures["ap50"] <= 1
    assert 0 <= measures["validation_ap50"] <= 1
    assert examples == {}
    json.dumps(found)
