import numpy as np
import pytest

from maskwright.experiments.detection.learn.nms import detect
from maskwright.experiments.detection.params import Nms
from maskwright.experiments.detection.suppression import detect_in_steps


def predictions(seed, images=2, anchors=60, classes=4):
    """Boxes of which many overlap, some have no area, and probabilities with ties."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 40, (images, anchors, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(-2, 25, (images, anchors, 2))], axis=-1)
    logits = np.round(rng.normal(size=(images, anchors, classes)) * 4) / 2
    shares = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return boxes.astype(np.float32), shares.astype(np.float32)


@pytest.mark.parametrize("classes", ["apart", "together"])
@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("most", [5, 100])
def test_the_same_as_the_kernel(kind, classes, most):
    nms = Nms(kind=kind, classes=classes, most=most, iou_threshold=0.3)
    if most > 60 and classes == "together":
        nms = nms.model_copy(update={"most": 60})
    for seed in range(3):
        boxes, probabilities = predictions(seed)
        expected = detect(boxes, probabilities, nms, 0.2)
        found = detect_in_steps(boxes, probabilities, nms, 0.2)
        assert (np.asarray(expected.classes) > 0).sum() > 5
        np.testing.assert_array_equal(found.classes, expected.classes)
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
        np.testing.assert_array_equal(found.boxes, expected.boxes)


def test_not_a_number_is_no_score():
    boxes = np.array([[[0, 0, 4, 4], [10, 10, 14, 14]]], np.float32)
    probabilities = np.array([[[0.1, np.nan], [0.1, 0.9]]], np.float32)
    found = detect_in_steps(boxes, probabilities, Nms(most=3), 0.5)
    np.testing.assert_allclose(found.scores, [[0.9, 0, 0]], rtol=1e-6)
    assert np.asarray(found.boxes)[0].tolist() == [[10, 10, 14, 14], [0] * 4, [0] * 4]


def test_a_prediction_of_exactly_the_threshold_is_dropped():
    # Of two boxes of 4 x 1 that share 2 x 1, the IoU is 2 / 6; and a score of exactly the least one counts.
    boxes = np.array([[[0, 0, 4, 1], [2, 0, 6, 1], [20, 0, 24, 1]]], np.float32)
    probabilities = np.array([[[0.2, 0.8], [0.3, 0.7], [0.5, 0.5]]], np.float32)
    nms = Nms(most=3, iou_threshold=float(np.float32(2 / 6)))
    found = detect_in_steps(boxes, probabilities, nms, 0.5)
    np.testing.assert_allclose(found.scores, [[0.8, 0.5, 0]], rtol=1e-6)
