import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.experiments.detection.learn.average_precision import coco_scores
from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth
from maskwright.experiments.detection.report.metrics import all_scores, count, honest_scores, sources_scores
from support.box_examples import CAT, CLASSES, DOG, found, square, truth

EXAMPLE = [truth((square(0), CAT), (square(5), DOG))], [found((square(1), 0.9, CAT), (square(20), 0.8, CAT))]


def sources(truths, predictions):
    """The values of each image, in the order mIoU, precision, recall."""
    scores = sources_scores(truths, predictions)
    assert list(scores) == ["sources_miou", "sources_precision", "sources_recall"]
    return [values.tolist() for values in scores.values()]


def listing(truths, predictions):
    """The arithmetic of Listing 11.13.1, box by box; the sums over the images divided by their number."""
    sums = [0.0, 0.0, 0.0]
    for one, kept in zip(truths, predictions, strict=True):
        if len(one.boxes) == 0 or len(kept.boxes) == 0:
            continue
        overlaps, hits, errors = 0.0, 0, 0
        for box, label in zip(one.boxes.tolist(), one.classes.tolist(), strict=True):
            best, best_label = -1.0, None
            for other, other_label in zip(kept.boxes.tolist(), kept.classes.tolist(), strict=True):
                across = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
                down = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
                areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
                value = across * down / (areas - across * down)
                if value > best:
                    best, best_label = value, other_label
            if best > 0:
                overlaps += best
                hits, errors = (hits + 1, errors) if best_label == label else (hits, errors + 1)
        number = len(one.boxes)
        sums[0] += overlaps / number
        sums[1] += hits / (hits + errors) if hits + errors else 0.0
        sums[2] += hits / (hits + abs(number - hits))
    return [value / len(truths) for value in sums]


def random_boxes(rng, number):
    corners = rng.integers(0, 6, (number, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 5, (number, 2))], axis=1)
    return boxes, rng.integers(1, 4, number)


class TestSources:
    def test_the_docstrings_example(self):
        truths = [truth((square(0), CAT), (square(5), DOG))]
        assert sources(truths, [found((square(0), 0.9, CAT))]) == [[0.5], [1], [0.5]]

    def test_inventions_are_free(self):
        # The pair has an IoU of 2 / 6, the dog none: (1/3 + 0) / 2. The cat at 20 overlaps nothing.
        assert sources(*EXAMPLE) == [[pytest.approx(1 / 6)], [1], [0.5]]

    def test_a_pair_of_another_class_is_a_false_positive_whatever_the_iou(self):
        # The dog's best partner is the cat on top of it; the cat's is the sliver.
        truths = [truth((square(0), CAT), (square(5), DOG))]
        predictions = [found((square(5), 0.9, CAT), (square(1.9), 0.6, CAT))]
        sliver = 0.1 * 2 / (4 + 4 - 0.2)
        assert sources(truths, predictions) == [[pytest.approx((1 + sliver) / 2)], [0.5], [0.5]]

    def test_several_boxes_may_have_the_same_partner_and_the_first_of_equals_counts(self):
        truths = [truth((square(0), CAT), (square(1), CAT))]
        assert sources(truths, [found((square(0), 0.9, CAT))])[2] == [1]
        assert sources(truths[:1], [found((square(0), 0.9, DOG), (square(0), 0.8, CAT))])[2] == [0]

    def test_each_image_counts_alike(self):
        # Nothing there, found, nothing found, nothing overlapped (where the listing divides by 0).
        truths = [truth(), *[truth((square(0), CAT))] * 3]
        hit, invention = found((square(0), 0.9, CAT)), found((square(9), 0.9, CAT))
        assert sources(truths, [hit, hit, found(), invention]) == [[0, 1, 0, 0]] * 3

    def test_empty_cases(self):
        assert sources_scores([], []) == {}
        assert sources_scores([truth()], [found((square(0), 0.9, CAT))]) == {}
        assert sources_scores([truth((square(0), UNKNOWN))], [found((square(0), 0.9, CAT))]) == {}
        assert sources([truth((square(0), CAT))], [found()]) == [[0]] * 3

    def test_is_the_listing_on_random_images(self):
        rng = np.random.default_rng(0)
        for _ in range(50):
            truths = [Truth(*random_boxes(rng, rng.integers(0, 5))) for _ in range(10)]
            kept = [random_boxes(rng, rng.integers(0, 6)) for _ in range(10)]
            predictions = [Found(boxes, np.ones(len(labels)), labels) for boxes, labels in kept]
            means = [np.mean(values) for values in sources(truths, predictions)]
            assert means == pytest.approx(listing(truths, predictions))
            assert 0 < means[0] < 1


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
    means = {name: values.mean() for name, values in sources_scores(truths, predictions).items()}
    text = json.dumps([coco, honest, means], allow_nan=False)
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
    assert (scores.numbers["precision"], scores.numbers["recall"]) == (1, 0.5)
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


def test_all_measures_where_there_is_no_box():
    scores = all_scores([truth()], [found((square(0), 0.9, CAT))], CLASSES, most=100)
    assert scores.numbers == {"precision": 0, "f1": 0, "per_class": {"cat": {"precision": 0, "f1": 0}, "dog": {}}}
    assert scores.curves == {}


def test_only_average_precision_leaves_out_what_is_beyond_the_most():
    truths = [truth((square(0), CAT))]
    predictions = [found((square(9), 0.9, CAT), (square(0), 0.8, CAT))]
    for most, recall in ((1, 0), (2, 1)):
        numbers = all_scores(truths, predictions, CLASSES, most=most).numbers
        assert (numbers["ar"], numbers["recall"], numbers["precision"]) == (recall, 1, 0.5)


def test_a_prediction_of_just_the_threshold_is_shown():
    truths = [truth((square(0), CAT))]
    for score, recall in ((0.5, 1), (0.499, 0)):
        assert all_scores(truths, [found((square(0), score, CAT))], CLASSES, most=9).numbers["recall"] == recall


def test_half_in_an_unlabelled_region_is_wrong():
    truths = truth((square(10, 4), UNKNOWN))
    for x, wrong in ((9, 1), (9.1, 0)):  # from 9 to 11, of which 10 to 11 is in there
        assert count(truths, found((square(x), 0.9, CAT)), 3).wrong.tolist() == [0, wrong, 0]


def test_of_equal_scores_the_first_chooses_first():
    # Boxes 2 and 1.2 high. A prediction 1.6 high fits both (IoUs 0.8 and 0.75), one 2.6 high the high box alone (0.77
    # and 0.46). So both are right if the second one chooses first. Between them are others of the same score.
    truths = truth((square(0), CAT), ([0, 0, 2, 1.2], CAT))
    either, high = ([0, 0, 2, 1.6], 0.5, CAT), ([0, 0, 2, 2.6], 0.5, CAT)
    between = [(square(30), 0.5, DOG)] * 38
    for first, last, right in ((either, high, 1), (high, either, 2)):
        counts = count(truths, found(first, *between, last), 3)
        assert counts.right.tolist() == [0, right, 0]
        assert counts.wrong.tolist() == [0, 2 - right, 38]
        assert counts.missed.tolist() == [0, 2 - right, 0]
