"""Segmentation on held-out photographs."""

import json

import numpy as np
import pytest

from maskwright.experiments.segmentation.held_out import statistics, trial
from maskwright.experiments.segmentation.learn.confusion import confusion_matrix
from maskwright.experiments.segmentation.report.metrics import over_pixels
from support.colour_model import colour_model
from support.tiny_segmentation import CLASSES, tiny_settings, write_data, write_split


def test_pooled_scores_by_hand():
    """Two photographs of 4 pixels: [[2, 0], [0, 2]], all right, and [[1, 1], [2, 0]], one of four.

    Together [[3, 1], [2, 2]]: IoUs 3/6 and 2/5. The first alone: 1; the second twice: [[2, 2], [4, 0]]: 2/8 and 0.
    """
    scores = statistics([{"confusion": [[2, 0], [0, 2]]}, {"confusion": [[1, 1], [2, 0]]}], ["background", "cup"])
    both, first, second = np.array([0, 1]), np.array([0]), np.array([1, 1])
    assert [scores["miou"](drawn) for drawn in (both, first, second)] == pytest.approx([0.45, 1, 0.125])
    assert [scores["iou/cup"](drawn) for drawn in (both, first, second)] == pytest.approx([0.4, 1, 0])
    assert scores["pixel_accuracy"](both) == pytest.approx(5 / 8)
    # Of each photograph: 1, and (1/4 + 0) / 2.
    assert scores["miou_per_image"](both) == pytest.approx((1 + 0.125) / 2)


def test_a_class_that_no_drawn_photograph_has():
    found = [{"confusion": [[4, 0], [0, 0]]}, {"confusion": [[0, 0], [0, 4]]}]
    scores = statistics(found, ["background", "cup"])
    assert np.isnan(scores["iou/cup"](np.array([0, 0])))
    assert scores["miou"](np.array([0, 0])) == 1


def test_a_trial_scores_the_chosen_epoch_on_the_test_split(tmp_path, monkeypatch):
    """The network's answer is the strongest colour, and it learns nothing: the masks say what the scores are."""
    from maskwright.experiments.segmentation.learn import train as learning

    monkeypatch.setattr(learning, "build", lambda settings, classes: colour_model())
    write_data(tmp_path)
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (32, 48, 3)).astype(np.uint8) for _ in range(3)]
    answers = [image.argmax(axis=2).astype(np.uint8) for image in images]
    masks = [answer.copy() for answer in answers]
    masks[0][:16] = 0
    write_split(tmp_path, "test", images, masks)
    (tmp_path / "masks" / "test" / "classes.json").write_text(json.dumps(CLASSES))
    settings = tiny_settings(learning_rate=1e-12, weight_decay=0.0, epochs=1)
    measures, examples, found = trial(settings, tmp_path / "masks")
    confusions = [confusion_matrix(mask, answer, 3) for mask, answer in zip(masks, answers, strict=True)]
    assert [one["confusion"] for one in found] == [confusion.tolist() for confusion in confusions]
    expected = over_pixels(np.sum(confusions, axis=0))
    assert {name: measures[name] for name in expected} == pytest.approx(expected)
    assert 0 < measures["validation_miou"] < 1
    assert examples == {}
    json.dumps(found)
