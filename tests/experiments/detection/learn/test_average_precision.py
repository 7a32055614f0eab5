import numpy as np
import pytest

from maskwright.experiments.detection.learn.average_precision import coco_scores
from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found
from support.box_examples import CAT, CLASSES, DOG, found, square, truth


def test_by_hand():
    # Cats: a hit (IoU 1) at 0.9, a miss at 0.8, a hit of IoU 0.6 at 0.7. Up to a recall of 1/2 the precision is 1
    # (51 of the 101 recalls: 0, 0.01, ..., 0.5), then 2/3. At IoU 0.65 and above only the first counts.
    truths = [truth((square(0), CAT), (square(10), CAT)), truth()]
    predictions = [found((square(0), 0.9, CAT), ([10, 0, 12, 1.2], 0.7, CAT)), found((square(0), 0.8, CAT))]
    scores, curves = coco_scores(truths, predictions, CLASSES)
    half, both = 51 / 101, (51 + 50 * 2 / 3) / 101
    assert scores["ap50"] == pytest.approx(both)
    assert scores["ap75"] == pytest.approx(half)
    assert scores["ap"] == pytest.approx((3 * both + 7 * half) / 10)
    assert scores["ar"] == pytest.approx((3 * 1 + 7 * 0.5) / 10)
    # No dog is annotated, so there is nothing to say about dogs.
    assert scores["per_class"] == {"cat": {"ap": pytest.approx(scores["ap"]), "ap50": pytest.approx(both)}}
    assert list(curves) == ["cat"]
    assert curves["cat"][:51] == pytest.approx(np.ones(51))
    assert curves["cat"][51:] == pytest.approx(np.full(50, 2 / 3))


def test_perfect():
    truths = [truth((square(0), CAT), (square(9), DOG)), truth((square(3), DOG))]
    predictions = [Found(t.boxes, np.ones(len(t.classes)), t.classes) for t in truths]
    scores, _ = coco_scores(truths, predictions, CLASSES)
    assert [scores[name] for name in ("ap", "ap50", "ap75", "ar")] == pytest.approx([1, 1, 1, 1])


def test_predictions_in_unlabelled_regions_do_not_count():
    truths = [truth((square(0), CAT), (square(10, 4), UNKNOWN))]
    inside, outside = (
        found((square(11), 0.9, CAT), (square(0), 0.8, CAT)),
        found((square(21), 0.9, CAT), (square(0), 0.8, CAT)),
    )
    assert coco_scores(truths, [inside], CLASSES)[0]["ap50"] == pytest.approx(1)
    assert coco_scores(truths, [outside], CLASSES)[0]["ap50"] == pytest.approx(0.5)


def test_only_so_many_of_an_image_count():
    truths = [truth((square(0), CAT))]
    predictions = [found((square(9), 0.9, CAT), (square(0), 0.8, CAT))]
    assert coco_scores(truths, predictions, CLASSES, most=2)[0]["ar"] == 1
    assert coco_scores(truths, predictions, CLASSES, most=1)[0]["ar"] == 0


def test_no_prediction_is_zero_and_no_box_is_nothing(capsys):
    scores, curves = coco_scores([truth((square(0), CAT))], [found()], CLASSES)
    assert scores == {
        "ap": 0,
        "ap50": 0,
        "ap75": 0,
        "ar": 0,
        "per_class": {"cat": {"ap": 0, "ap50": 0}},
    }
    assert not curves["cat"].any()
    assert coco_scores([truth()], [found((square(0), 0.9, CAT))], CLASSES) == ({}, {})
    assert coco_scores([truth((square(0), UNKNOWN))], [found()], CLASSES) == ({}, {})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("iou", "ap50", "ap75", "ap"),
    # Right at so many of the ten IoUs 0.5, 0.55, ..., 0.95.
    [(0.52, 1, 0, 0.1), (0.48, 0, 0, 0), (0.72, 1, 0, 0.5), (0.77, 1, 1, 0.6), (0.97, 1, 1, 1)],
)
def test_which_ious_count(iou, ap50, ap75, ap):
    # A box of 10 x 1 that begins with the other one and is shorter: the IoU is the share of its length.
    scores, curves = coco_scores([truth(([0, 0, 10, 1], CAT))], [found(([0, 0, 10 * iou, 1], 0.9, CAT))], CLASSES)
    assert [scores[name] for name in ("ap50", "ap75", "ap", "ar")] == pytest.approx([ap50, ap75, ap, ap])
    assert scores["per_class"]["cat"] == pytest.approx({"ap": ap, "ap50": ap50})
    assert curves["cat"] == pytest.approx(np.full(101, ap50))


def test_boxes_smaller_than_a_pixel_count():
    scores, _ = coco_scores([truth(([0, 0, 0.5, 0.5], CAT))], [found(([0, 0, 0.5, 0.5], 0.9, CAT))], CLASSES)
    assert scores["ap"] == pytest.approx(1)


def test_a_hundred_of_an_image_count_where_nothing_else_is_said():
    misses = [(square(9), 0.9, CAT)] * 99
    for more, recall in (([], 1), ([(square(9), 0.9, CAT)], 0)):
        predictions = [found(*misses, *more, (square(0), 0.1, CAT))]
        assert coco_scores([truth((square(0), CAT))], predictions, CLASSES)[0]["ar"] == recall
