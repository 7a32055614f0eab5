import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.experiments.detection.learn.average_precision import coco_scores
from maskwright.experiments.detection.learn.boxes import UNKNOWN
from maskwright.experiments.detection.report.metrics import all_scores, count, honest_scores, sources_scores
from support.box_examples import CAT, CLASSES, DOG, found, square, truth

EXAMPLE = [truth((square(0), CAT), (square(5), DOG))], [found((square(1), 0.9, CAT), (square(20), 0.8, CAT))]


class TestSources:
    def test_the_docstrings_example(self):
        assert sources_scores(*EXAMPLE) == {"miou": pytest.approx(1 / 3), "precision": 1, "recall": 0.5}

    def test_a_pair_of_another_class_is_a_false_positive_whatever_the_iou(self):
        # The dog's best partner is the cat on top of it; the cat's is the sliver.
        truths = [truth((square(0), CAT), (square(5), DOG))]
        predictions = [found((square(5), 0.9, CAT), (square(1.9), 0.6, CAT))]
        sliver = 0.1 * 2 / (4 + 4 - 0.2)
        assert sources_scores(truths, predictions) == {
            "miou": pytest.approx((1 + sliver) / 2),
            "precision": 0.5,
            "recall": 0.5,
        }

    def test_two_boxes_may_have_the_same_partner(self):
        truths = [truth((square(0), CAT), (square(1), CAT))]
        assert sources_scores(truths, [found((square(0), 0.9, CAT))])["recall"] == 1

    def test_inventions_and_empty_images_do_not_lower_the_precision(self):
        truths = [truth(), truth((square(0), CAT)), truth((square(0), CAT))]
        predictions = [found((square(0), 0.9, CAT)), found((square(0), 0.9, CAT)), found()]
        assert sources_scores(truths, predictions) == {"miou": 1, "precision": 1, "recall": 0.5}

    def test_empty_cases(self):
        assert sources_scores([], []) == {}
        assert sources_scores([truth()], [found((square(0), 0.9, CAT))]) == {}
        assert sources_scores([truth((square(0), UNKNOWN))], [found((square(0), 0.9, CAT))]) == {}
        assert sources_scores([truth((square(0), CAT))], [found()]) == {"miou": 0, "precision": 0, "recall": 0}


class TestHonest:
    def test_the_docstrings_example(self):
        scores = honest_scores(*EXAMPLE, CLASSES)
        assert scores == {
            "precision": 0,
            "recall": 0,
            "f1": 0,
            "iou": pytest.approx(1 / 6),
            "per_class": {
                "cat": {"precision": 0, "recall": 0, "f1": 0},
                "dog": {"precision": 0, "recall": 0, "f1": 0},
            },
        }

    def test_counts_by_hand(self):
        # Two cats; the first prediction fits the second cat best, the second one too, but it is taken. A dog is
        # missed by a cat that lies on it.
        truths = truth((square(0), CAT), (square(10), CAT), (square(20), DOG))
        predictions = found((square(10.1), 0.7, CAT), (square(10), 0.9, CAT), (square(20), 0.8, CAT))
        counts = count(truths, predictions, 3)
        assert counts.right.tolist() == [0, 1, 0]
        assert counts.wrong.tolist() == [0, 2, 0]
        assert counts.missed.tolist() == [0, 1, 1]
        assert counts.ious.tolist() == pytest.approx([0, 1, 0])
        scores = honest_scores([truths], [predictions], CLASSES)
        assert (scores["precision"], scores["recall"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
        assert scores["per_class"]["cat"] == {
            "precision": pytest.approx(1 / 3),
            "recall": 0.5,
            "f1": pytest.approx(2 / 5),
        }
        assert scores["per_class"]["dog"] == {"precision": 0, "recall": 0, "f1": 0}

    def test_iou_of_a_half_is_enough(self):
        truths = truth(([0, 0, 1, 1], CAT))
        assert count(truths, found(([0, 0, 2, 1], 0.9, CAT)), 3).right.sum() == 1
        assert count(truths, found(([0, 0, 2.01, 1], 0.9, CAT)), 3).right.sum() == 0

    def test_what_lies_in_an_unlabelled_region_is_neither_right_nor_wrong(self):
        truths = truth((square(0), CAT), (square(10, 4), UNKNOWN))
        counts = count(truths, found((square(0), 0.9, CAT), (square(11), 0.8, DOG), (square(8.5), 0.7, DOG)), 3)
        assert counts.right.tolist() == [0, 1, 0]
        assert counts.wrong.tolist() == [0, 0, 1]  # the last has only a quarter of itself in there
        assert counts.ious.tolist() == [1]

    def test_empty_cases(self):
        assert honest_scores([truth()], [found()], CLASSES) == {"per_class": {"cat": {}, "dog": {}}}
        only_found = honest_scores([truth()], [found((square(0), 0.9, CAT))], CLASSES)
        assert only_found == {"precision": 0, "f1": 0, "per_class": {"cat": {"precision": 0, "f1": 0}, "dog": {}}}
        only_truth = honest_scores([truth((square(0), DOG))], [found()], CLASSES)
        nothing = {"precision": 0, "recall": 0, "f1": 0}
        assert only_truth == {**nothing, "iou": 0, "per_class": {"cat": {}, "dog": nothing}}


boxes = st.lists(
    st.tuples(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)).map(
            lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]]
        ),
        st.sampled_from([0.25, 0.5, 0.75, 1.0]),
        st.sampled_from([CAT, DOG]),
    ),
    max_size=6,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(boxes, boxes), min_size=1, max_size=3))
def test_every_number_is_a_share_and_can_be_written(images):
    truths = [truth(*((box, label) for box, _, label in rows)) for rows, _ in images]
    predictions = [found(*sorted(rows, key=lambda r: -r[1])) for _, rows in images]
    coco, _ = coco_scores(truths, predictions, CLASSES)
    honest = honest_scores(truths, predictions, CLASSES)
    text = json.dumps([coco, honest, sources_scores(truths, predictions)], allow_nan=False)
    values = [v for part in json.loads(text) for v in part.values() if not isinstance(v, dict)]
    assert all(0 <= value <= 1 + 1e-9 for value in values)
    if any(len(t.boxes) for t in truths):
        assert {"precision", "recall", "f1", "iou"} <= honest.keys()
        assert {"ap", "ap50", "ap75", "ar"} <= coco.keys()


def test_all_measures_together():
    truths = [truth((square(0), CAT), (square(5), DOG))]
    predictions = [found((square(0), 0.9, CAT), (square(20), 0.4, CAT), (square(5), 0.3, DOG))]
    scores = all_scores(truths, predictions, CLASSES, most=100)
    # The dog and the second cat are too improbable to be shown, but average precision looks at them.
    assert (scores.numbers["precision"], scores.numbers["recall"], scores.numbers["sources_recall"]) == (1, 0.5, 0.5)
    assert scores.numbers["ap50"] == pytest.approx(1)
    assert scores.numbers["per_class"]["dog"] == {
        "ap": pytest.approx(1),
        "ap50": pytest.approx(1),
        "precision": 0,
        "recall": 0,
        "f1": 0,
    }
    assert scores.of_all_classes.keys() == scores.numbers.keys() - {"per_class"}
    assert list(scores.curves) == ["cat", "dog"]
