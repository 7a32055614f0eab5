import math

import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.detection.learn.nms import detect, suppress
from maskwright.experiments.detection.params import Nms


def settings(**changes):
    return Nms(**{"kind": "hard", "iou_threshold": 0.2, "sigma": 0.5, "most": 100, **changes})


def iou(one, other):
    """In float32, as the kernel, so that scores and IoUs that tie there tie here."""
    one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    if min(areas) <= 0:
        return np.float32(0)
    across = max(min(one[2], other[2]) - max(one[0], other[0]), np.float32(0))
    down = max(min(one[3], other[3]) - max(one[1], other[1]), np.float32(0))
    return across * down / (areas[0] + areas[1] - across * down)


def algorithm(boxes, scores, nms, least_score):
    """Algorithm 11.12.1 in slow motion: two loops over a list of candidates."""
    scores = [np.float32(score) for score in scores]
    candidates, kept = list(range(len(boxes))), []
    while candidates and len(kept) < nms.most:
        best = max(candidates, key=lambda i: (scores[i], -i))
        if scores[best] < np.float32(least_score):
            break
        candidates.remove(best)
        kept.append(best)
        for other in list(candidates):
            overlap = iou(boxes[best], boxes[other])
            if nms.kind == "soft":
                scores[other] *= np.float32(math.exp(-(float(overlap) ** 2) / nms.sigma))
            elif overlap >= np.float32(nms.iou_threshold):
                candidates.remove(other)
    return kept, [scores[i] for i in kept]


def random_case(rng):
    """Boxes and scores of few values, so that many are equal."""
    count = rng.integers(1, 20)
    corners = rng.integers(0, 8, (count, 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 6, (count, 2))], axis=1).astype(np.float32)
    return boxes, (rng.integers(0, 9, count) / 8).astype(np.float32)


@tf.function(reduce_retracing=True)
def hard(boxes, scores):
    return suppress(boxes, scores, settings(iou_threshold=0.25, most=15), 0.125)


@tf.function(reduce_retracing=True)
def soft(boxes, scores):
    return suppress(boxes, scores, settings(kind="soft", most=15), 0.125)


def test_hard_as_the_algorithm_on_thousands_of_cases_with_ties():
    rng = np.random.default_rng(0)
    nms = settings(iou_threshold=0.25, most=15)
    dropped = at_the_threshold = 0
    for _ in range(2000):
        boxes, scores = random_case(rng)
        kept, left = hard(boxes, scores)
        expected, expected_scores = algorithm(boxes, scores, nms, 0.125)
        assert kept.numpy().tolist() == expected
        assert left.numpy().tolist() == expected_scores
        dropped += len(boxes) - len(expected)
        at_the_threshold += iou(boxes[0], boxes[-1]) == 0.25
    assert dropped > 5000
    assert at_the_threshold > 20


def test_soft_as_the_algorithm_on_thousands_of_cases_with_ties():
    rng = np.random.default_rng(1)
    nms = settings(kind="soft", most=15)
    softened = 0
    for _ in range(2000):
        boxes, scores = random_case(rng)
        kept, left = soft(boxes, scores)
        expected, expected_scores = algorithm(boxes, scores, nms, 0.125)
        # The kernel multiplies in another order, so the last digit of a score may differ, and with it which of two
        # that should tie comes first.
        assert left.numpy() == pytest.approx(np.array(expected_scores), rel=1e-5)
        by_score = [
            sorted(zip(np.round(s, 4).tolist(), np.asarray(k).tolist(), strict=True))
            for k, s in ((kept.numpy(), left.numpy()), (expected, np.array(expected_scores)))
        ]
        if len(expected) < nms.most and min(abs(np.array(expected_scores) - 0.125), default=1) > 1e-5:
            assert by_score[0] == by_score[1]
        softened += int((left.numpy() < scores[kept.numpy()]).sum())
    assert softened > 2000


def test_soft_by_hand():
    # IoU of the first two: 1 of 4 + 4 - 1; the third is apart.
    boxes = np.array([[0, 0, 2, 2], [1, 1, 3, 3], [10, 10, 12, 12]], np.float32)
    kept, left = suppress(boxes, np.array([0.9, 0.8, 0.7], np.float32), settings(kind="soft"), 0.01)
    assert kept.numpy().tolist() == [0, 1, 2]
    assert left.numpy() == pytest.approx([0.9, 0.8 * math.exp(-2 / 49), 0.7], rel=1e-6)
    # Full overlap: exp(-2) of 0.8 is 0.108.
    kept, left = suppress(boxes[[0, 0, 2]], np.array([0.9, 0.8, 0.7], np.float32), settings(kind="soft"), 0.01)
    assert kept.numpy().tolist() == [0, 2, 1]
    assert left.numpy() == pytest.approx([0.9, 0.7, 0.8 * math.exp(-2)], rel=1e-6)


def test_the_threshold_itself_suppresses_and_the_least_score_itself_counts():
    boxes = np.array([[0, 0, 4, 1], [3, 0, 4, 1], [6, 0, 7, 1]], np.float32)  # IoU 1 of 4
    scores = np.array([0.75, 0.5, 0.25], np.float32)
    assert suppress(boxes, scores, settings(iou_threshold=0.25), 0.25)[0].numpy().tolist() == [0, 2]
    assert suppress(boxes, scores, settings(iou_threshold=0.26), 0.25)[0].numpy().tolist() == [0, 1, 2]
    assert suppress(boxes, scores, settings(iou_threshold=0.26), 0.26)[0].numpy().tolist() == [0, 1]


def detections(boxes, probabilities, **changes):
    found = detect(np.array(boxes, np.float32), np.array(probabilities, np.float32), settings(**changes), 0.1)
    return [part.numpy() for part in found]


def test_classes_do_not_suppress_each_other_and_the_best_come_first():
    boxes = [[[0, 0, 2, 2], [0, 0, 2, 2.2], [5, 5, 7, 7]], [[0, 0, 1, 1]] * 3]
    probabilities = [
        [[0.1, 0.5, 0.4], [0.2, 0.45, 0.35], [0.05, 0.05, 0.9]],
        [[1.0, 0, 0]] * 3,
    ]
    found, scores, classes = detections(boxes, probabilities, most=4)
    assert classes.tolist() == [[2, 1, 2, 0], [0, 0, 0, 0]]
    assert scores[0] == pytest.approx([0.9, 0.5, 0.4, 0])
    assert found[0].tolist() == [[5, 5, 7, 7], [0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 0, 0]]
    assert not found[1].any()
    assert not scores[1].any()


def test_together_an_object_suppresses_those_of_other_classes():
    boxes = [[[0, 0, 2, 2], [0, 0, 2, 2.2], [5, 5, 7, 7]], [[0, 0, 1, 1]] * 3]
    probabilities = [
        [[0.1, 0.5, 0.4], [0.2, 0.35, 0.45], [0.05, 0.05, 0.9]],
        [[1.0, 0, 0]] * 3,
    ]
    found, scores, classes = detections(boxes, probabilities, most=4, classes="together")
    # The second lies on the first, with an IoU of 4 / 4.4, and its class is another.
    assert classes.tolist() == [[2, 1, 0, 0], [0, 0, 0, 0]]
    assert scores == pytest.approx(np.array([[0.9, 0.5, 0, 0], [0, 0, 0, 0]]))
    assert found[0].tolist() == [[5, 5, 7, 7], [0, 0, 2, 2], [0, 0, 0, 0], [0, 0, 0, 0]]
    # Softened, the second's score is 0.45 exp(-2 (4 / 4.4)^2) = 0.0862, below 0.1.
    soft = detections(boxes, probabilities, most=4, classes="together", kind="soft", sigma=0.5)
    assert soft[2].tolist() == classes.tolist()
    mild = detections(boxes, probabilities, most=4, classes="together", kind="soft", sigma=5.0)
    assert mild[2][0].tolist() == [2, 1, 2, 0]
    assert mild[1][0] == pytest.approx([0.9, 0.5, 0.45 * math.exp(-((1 / 1.1) ** 2) / 5), 0], rel=1e-5)


def listed(boxes, probabilities, nms, threshold):
    """What Listing 11.12.1 computes, anchor by anchor: {anchor: (class, score)}, best first."""
    probabilities = [[np.float32(p) for p in row] for row in probabilities]
    labels = [max(range(len(row)), key=row.__getitem__) for row in probabilities]
    scores = [max(row) for row in probabilities]
    left, kept = [anchor for anchor, label in enumerate(labels) if label != 0], {}
    while left and len(kept) < nms.most:
        best = left[0]
        for anchor in left:
            if scores[anchor] > scores[best]:
                best = anchor
        if scores[best] < threshold:
            break
        left.remove(best)
        kept[best] = (labels[best], float(scores[best]))
        for anchor in left.copy():
            overlap = iou(boxes[best], boxes[anchor])
            if nms.kind == "soft":
                scores[anchor] *= np.float32(math.exp(-(float(overlap) ** 2) / nms.sigma))
            elif overlap >= np.float32(nms.iou_threshold):
                left.remove(anchor)
    return kept


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_together_is_the_listing_from_a_score_of_a_half_on(kind):
    rng = np.random.default_rng(2)
    nms = settings(kind=kind, classes="together", most=12)
    images, anchors = 200, 25
    corners = rng.uniform(0, 6, (images, anchors, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(1, 4, (images, anchors, 2))], axis=-1).astype(np.float32)
    probabilities = rng.dirichlet([0.3, 0.3, 0.3, 0.3], (images, anchors)).astype(np.float32)
    found, scores, classes = (part.numpy() for part in detect(boxes, probabilities, nms, 0.5))
    for image in range(images):
        expected = listed(boxes[image], probabilities[image], nms, 0.5)
        count = len(expected)
        assert np.count_nonzero(classes[image]) == count
        assert found[image, :count].tolist() == boxes[image, list(expected)].tolist()
        assert [(label, pytest.approx(score, rel=1e-5)) for label, score in expected.values()] == [
            *zip(classes[image, :count].tolist(), scores[image, :count].tolist(), strict=True)
        ]
    apart = detect(boxes, probabilities, settings(kind=kind, most=12), 0.5).classes.numpy()
    assert np.count_nonzero(apart) > np.count_nonzero(classes)


def test_at_most_so_many_of_an_image():
    boxes = [[[3 * i, 0, 3 * i + 1, 1] for i in range(6)]]
    probabilities = [[[0, 0.2 + 0.1 * i, 0.5] for i in range(6)]]
    _, scores, classes = detections(boxes, probabilities, most=3)
    assert scores[0] == pytest.approx([0.7, 0.6, 0.5])
    assert classes.tolist() == [[1, 1, 1]]


def test_boxes_without_an_area_are_no_detections():
    boxes = [[[2, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1], [4, 4, 3, 3]]]
    found, _, classes = detections(boxes, [[[0, 0.9]] * 4])
    assert np.count_nonzero(classes) == 1
    assert found[0, 0].tolist() == [0, 0, 1, 1]


def test_a_score_that_is_not_a_number_is_no_detection():
    _, _, classes = detections([[[0, 0, 1, 1], [5, 5, 6, 6]]], [[[0, np.nan], [0, 0.5]]])
    assert np.count_nonzero(classes) == 1
