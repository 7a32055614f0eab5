import numpy as np
import pytest

from maskwright.experiments.detection.learn.average_precision import coco_scores
from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth
from maskwright.experiments.detection.report.metrics import count, honest_scores, sources_scores
from maskwright.experiments.detection.report.resampling import class_curves, image_intervals
from maskwright.reporting.average_precision import average_precision
from maskwright.reporting.intervals import resampled_interval, share_interval
from support.box_examples import CAT, CLASSES, DOG, found, square, truth


def random_images(number, seed):
    """Boxes of two classes and predictions near most of them, with scores that are all different."""
    rng = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(number):
        boxes = rng.integers(0, 4)
        corners = rng.uniform(0, 20, (boxes, 2))
        corners = np.concatenate([corners, corners + rng.uniform(4, 8, (boxes, 2))], axis=1)
        classes = rng.choice([CAT, CAT, DOG, UNKNOWN], boxes)
        near = corners[rng.uniform(size=boxes) < 0.8] + rng.normal(0, 0.4, 4)
        invented = rng.uniform(0, 20, (rng.integers(0, 3), 2))
        near = np.concatenate([near, np.concatenate([invented, invented + 5], axis=1)])
        scores = np.sort(rng.uniform(0.3, 1, len(near)))[::-1]
        truths.append(Truth(corners, classes))
        predictions.append(Found(near, scores, rng.choice([CAT, DOG], len(near), p=[0.7, 0.3])))
    return truths, predictions


def test_average_precision_is_pycocotools_on_every_draw():
    truths, predictions = random_images(25, seed=0)
    curves = class_curves(truths, predictions, 2, 3)
    first = [curve.at_the_first_iou() for curve in curves]
    rng = np.random.default_rng(1)
    draws = [np.arange(25), *(rng.integers(0, 25, 25) for _ in range(20))]
    values = []
    for chosen in draws:
        drawn = [truths[number] for number in chosen], [predictions[number] for number in chosen]
        scores, _ = coco_scores(*drawn, CLASSES, most=3)
        assert average_precision(curves, chosen) == pytest.approx(scores["ap"], abs=1e-12)
        assert average_precision(first, chosen) == pytest.approx(scores["ap50"], abs=1e-12)
        values.append(scores["ap50"])
    assert 0.05 < min(values) < max(values) < 0.95


def test_average_precision_of_draws_without_a_class_or_without_a_box():
    truths = [truth((square(0), CAT)), truth((square(0), DOG)), truth()]
    curves = class_curves(truths, [found((square(0), 0.9, CAT)), found(), found((square(0), 0.5, DOG))], 2, 100)
    assert average_precision(curves, np.array([0, 0, 2])) == pytest.approx(1)  # of cats; there is no dog
    assert average_precision(curves, np.array([0, 1, 2])) == pytest.approx(0.5)
    assert np.isnan(average_precision(curves, np.array([2, 2, 2])))


def intervals(truths, predictions):
    counts = [count(*pair, len(CLASSES)) for pair in zip(truths, predictions, strict=True)]
    return image_intervals(truths, predictions, counts, sources_scores(truths, predictions), 2, most=100)


def test_intervals_contain_the_measures_and_are_those_of_resampled_images():
    truths, predictions = random_images(30, seed=2)
    found_intervals = intervals(truths, predictions)
    coco, _ = coco_scores(truths, predictions, CLASSES)
    honest = honest_scores(truths, predictions, CLASSES)
    means = {name: values.mean() for name, values in sources_scores(truths, predictions).items()}
    scores = {**coco, **honest, **means}
    assert list(found_intervals) == [
        "ap50", "ap", "precision", "f1", "recall", "iou", "sources_miou", "sources_precision", "sources_recall",
    ]  # fmt: skip
    for name, (low, high) in found_intervals.items():
        assert 0 <= low < scores[name] < high <= 1
        assert 0.05 < high - low < 0.6

    def resampled(chosen):
        return honest_scores([truths[n] for n in chosen], [predictions[n] for n in chosen], CLASSES)

    # The bootstrap draws the same images for every statistic: here with all measures from the boxes themselves.
    draws = []
    resampled_interval(lambda chosen: draws.append(chosen) or 0.0, 30)
    some = [resampled(chosen) for chosen in draws[:200]]
    for name in ("precision", "recall", "f1", "iou"):
        low, high = np.quantile([one[name] for one in some], (0.025, 0.975))
        assert found_intervals[name] == pytest.approx([low, high], abs=0.04)


def test_where_everything_is_right_precision_and_recall_have_wilsons_interval():
    truths = [truth((square(0), CAT), (square(9), DOG))] * 5
    found_intervals = intervals(truths, [found((square(0), 0.9, CAT), (square(9), 0.8, DOG))] * 5)
    # 10 of 10: from 0.7225, see `share_interval`.
    assert found_intervals["precision"] == [*share_interval(10, 10)[1:]] == [pytest.approx(0.7225, abs=1e-4), 1]
    assert found_intervals["recall"] == found_intervals["precision"]
    assert found_intervals["ap50"] == pytest.approx([1, 1])


def test_without_a_value_there_is_no_interval():
    assert intervals([truth()], [found()]) == {}
    assert list(intervals([truth()], [found((square(0), 0.9, CAT))])) == ["precision", "f1"]
    missed = intervals([truth((square(0), CAT))] * 2, [found()] * 2)
    assert missed["ap"] == missed["iou"] == [0, 0]
    assert missed["recall"] == [0, pytest.approx(share_interval(0, 2).high)]
