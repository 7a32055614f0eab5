import doctest
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from sklearn import metrics as sk

from maskwright.experiments.segmentation.report import metrics as segmentation
from maskwright.experiments.segmentation.report.metrics import (
    ImageScores,
    boundary_f1,
    image_scores,
    per_image,
    summarise,
)
from maskwright.photos.images import IGNORE
from support.random_masks import random_pair

NAMES = ["background", "bottle", "can", "cup"]


def scores_of(pairs: list[tuple[np.ndarray, np.ndarray]], classes: int) -> list[ImageScores]:
    return [image_scores(truth, prediction, classes) for truth, prediction in pairs]


def test_docstring_examples():
    result = doctest.testmod(segmentation)
    assert result.attempted >= 8
    assert result.failed == 0


def vertical_edge(column: int, size: tuple[int, int]) -> np.ndarray:
    mask = np.zeros(size, np.uint8)
    mask[:, column:] = 1
    return mask


class TestBoundaryF1:
    def test_by_hand_with_a_spur(self):
        # 300 x 400 pixels: the diagonal is 500, so theta is 3.75. The truth's edge is vertical, left of column 200:
        # each class has 300 boundary pixels. The prediction is that, and a square of class 1, far away, of 10 x 10
        # pixels with an outline of 36; around it lie 40 boundary pixels of class 0 (4-neighbours: no corners).
        truth = vertical_edge(200, (300, 400))
        prediction = truth.copy()
        prediction[100:110, 50:60] = 1
        # Class 1: P = 300/336, R = 1. Class 0: P = 300/340, R = 1.
        expected = [2 * (300 / 340) / (300 / 340 + 1), 2 * (300 / 336) / (300 / 336 + 1)]
        np.testing.assert_allclose(boundary_f1(truth, prediction, 2), expected)

    @pytest.mark.parametrize(
        ("size", "shift", "expected"),
        [
            ((300, 400), 3, 1.0),  # theta 3.75
            ((300, 400), 4, 0.0),
            ((480, 640), 5, 1.0),  # theta 6, which itself is too far
            ((480, 640), 6, 0.0),
            ((12, 16), 1, 0.0),  # theta 0.15: only exact matches
        ],
    )
    def test_tolerance(self, size: tuple[int, int], shift: int, expected: float):
        truth = vertical_edge(size[1] // 2, size)
        prediction = vertical_edge(size[1] // 2 + shift, size)
        np.testing.assert_array_equal(boundary_f1(truth, prediction, 2), [expected, expected])

    def test_empty_cases(self):
        zeros, ones, half = np.zeros((4, 4), int), np.ones((4, 4), int), vertical_edge(2, (4, 4)).astype(int)
        np.testing.assert_array_equal(boundary_f1(zeros, zeros, 3), [1, np.nan, np.nan])  # no boundary in either
        np.testing.assert_array_equal(boundary_f1(zeros, ones, 3), [0, 0, np.nan])  # in only one of them
        np.testing.assert_array_equal(boundary_f1(zeros, half, 3), [0, 0, np.nan])  # a boundary in only one
        np.testing.assert_array_equal(boundary_f1(half, half, 3), [1, 1, np.nan])

    def test_unlabelled_pixels_have_and_make_no_boundary(self):
        truth = np.zeros((6, 6), np.uint8)
        truth[:, 3:] = 1
        truth[:, 2:4] = IGNORE  # the edge itself is not labelled
        prediction = vertical_edge(3, (6, 6))
        np.testing.assert_array_equal(boundary_f1(truth, prediction, 2), [1, 1])
        everything = np.full((6, 6), IGNORE, np.uint8)
        assert np.isnan(boundary_f1(everything, prediction, 2)).all()

    @pytest.mark.parametrize("seed", range(4))
    def test_agrees_with_distance_transforms(self, seed: int):
        rng = np.random.default_rng(seed)
        size = (150, 200)  # theta 1.875

        def blobs() -> np.ndarray:
            fields = [ndimage.gaussian_filter(noise, 6) for noise in rng.normal(size=(3, *size))]
            return np.argmax(fields, axis=0)

        truth = blobs()
        prediction = np.where(rng.random(size) < 0.98, np.roll(truth, 1, axis=0), 2)
        scores = boundary_f1(truth, prediction, 3)
        for index in range(3):
            outlines = []
            for mask in (truth == index, prediction == index):
                eroded = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(2, 1), border_value=1)
                outlines.append(mask & ~eroded)
            wanted, found = outlines
            precision = (ndimage.distance_transform_edt(~wanted)[found] < 1.875).mean()
            recall = (ndimage.distance_transform_edt(~found)[wanted] < 1.875).mean()
            assert 0 < precision < 1
            assert scores[index] == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-12)


class TestPerImage:
    def test_only_classes_of_the_truth_count_but_inventions_cost(self):
        # Image 1: all 4 pixels of class 0 are found, IoU 1. Image 2: one of 4 pixels of class 0 is taken for class 1:
        # IoU 3/4; class 1 is not in the truth, so its IoU of 0 does not count. Image 3: class 0 has TP 2, FN 1, FP 0,
        # and class 1 has TP 1, FN 0, FP 1: IoUs 2/3 and 1/2. Image 4 has no labelled pixel.
        confusions = np.array([[[4, 0], [0, 0]], [[3, 1], [0, 0]], [[2, 1], [0, 1]], [[0, 0], [0, 0]]])
        scores = per_image(confusions)
        np.testing.assert_allclose(scores["miou_per_image"], [1, 3 / 4, 7 / 12, np.nan])
        np.testing.assert_allclose(scores["pixel_accuracy_per_image"], [1, 3 / 4, 3 / 4, np.nan])

    def test_no_image(self):
        assert {name: values.shape for name, values in per_image(np.zeros((0, 2, 2), int)).items()} == {
            "miou_per_image": (0,),
            "pixel_accuracy_per_image": (0,),
        }


class TestSummarise:
    def test_two_images_by_hand(self):
        # Image 1: class 0 has IoU 2/3 (TP 2, FN 1), class 1 TP 6, FP 1: 6/7. Image 2: all 3 pixels of class 0, one
        # taken for class 2: IoU 2/3, and class 2, not in its truth, does not count there.
        first = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 1]]), np.array([[0, 0, 1], [1, 1, 1], [1, 1, 1]])
        second = np.array([[0, 0, 0]]), np.array([[0, 0, 2]])
        metrics = summarise(scores_of([first, second], 4), NAMES)
        # Together: M = [[4, 1, 1, 0], [0, 6, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]; IoU 4/6, 6/7, 0.
        assert metrics["miou"] == pytest.approx((4 / 6 + 6 / 7 + 0) / 3)
        assert metrics["miou_per_image"] == pytest.approx(((2 / 3 + 6 / 7) / 2 + 2 / 3) / 2)
        assert metrics["pixel_accuracy"] == pytest.approx(10 / 12)
        assert metrics["pixel_accuracy_per_image"] == pytest.approx((8 / 9 + 2 / 3) / 2)
        assert metrics["precision"] == pytest.approx((1 + 6 / 7 + 0) / 3)
        assert metrics["recall"] == pytest.approx((4 / 6 + 1 + 0) / 3)
        assert metrics["f1"] == pytest.approx((8 / 10 + 12 / 13 + 0) / 3)
        assert metrics["images"] == 2
        assert metrics["pixels"] == 12
        per_class = metrics["per_class"]
        assert list(per_class) == NAMES
        background = per_class["background"]
        assert background["iou"] == pytest.approx(4 / 6)
        assert background["iou_per_image"] == pytest.approx(2 / 3)
        assert background["pixel_accuracy"] == background["recall"] == pytest.approx(4 / 6)
        assert background["pixel_accuracy_per_image"] == pytest.approx(2 / 3)
        assert background["pixels"] == 6
        assert per_class["bottle"]["f1"] == pytest.approx(12 / 13)
        # Only predicted: the scores that need the truth are left out. Nowhere: all are.
        assert per_class["can"] == {
            "iou": 0.0,
            "precision": 0.0,
            "recall": 0.0,
            "f1": 0.0,
            "boundary_f1": 0.0,
            "pixels": 0,
        }
        assert per_class["cup"] == {"pixels": 0}

    def test_boundary_is_a_mean_over_images_then_classes(self):
        scores = [
            ImageScores(np.array([[1, 0], [0, 1]]), np.array([1.0, 0.5])),
            ImageScores(np.array([[1, 0], [0, 0]]), np.array([0.4, np.nan])),
        ]
        metrics = summarise(scores, ["background", "cup"])
        assert metrics["per_class"]["background"]["boundary_f1"] == pytest.approx(0.7)
        assert metrics["per_class"]["cup"]["boundary_f1"] == pytest.approx(0.5)
        assert metrics["boundary_f1"] == pytest.approx(0.6)

    def test_agrees_with_keras_and_scikit_learn(self):
        import keras

        pairs = [random_pair(seed, size=(8 + seed, 11)) for seed in range(4)]
        metrics = summarise(scores_of(pairs, 5), [*NAMES, "absent"])
        keras_metric = keras.metrics.MeanIoU(num_classes=5, ignore_class=IGNORE)
        for truth, prediction in pairs:
            keras_metric.update_state(truth, prediction)
        assert metrics["miou"] == pytest.approx(float(keras_metric.result()), abs=1e-6)
        truth = np.concatenate([t[t != IGNORE] for t, _ in pairs])
        prediction = np.concatenate([p[t != IGNORE] for t, p in pairs])
        precision, recall, f1, _ = sk.precision_recall_fscore_support(truth, prediction, average="macro")
        assert metrics["precision"] == pytest.approx(precision)
        assert metrics["recall"] == pytest.approx(recall)
        assert metrics["f1"] == pytest.approx(f1)
        assert metrics["pixel_accuracy"] == pytest.approx(sk.accuracy_score(truth, prediction))
        per_image = [
            sk.jaccard_score(t[t != IGNORE], p[t != IGNORE], labels=np.unique(t[t != IGNORE]), average="macro")
            for t, p in pairs
        ]
        assert metrics["miou_per_image"] == pytest.approx(np.mean(per_image))

    @pytest.mark.parametrize("wrong", [False, True])
    def test_degenerate_masks_agree_with_keras(self, wrong: bool):
        import keras

        truth = np.zeros((3, 3), np.uint8)
        prediction = np.ones((3, 3), np.uint8) if wrong else truth
        keras_metric = keras.metrics.MeanIoU(num_classes=3, ignore_class=IGNORE)
        keras_metric.update_state(truth, prediction)
        metrics = summarise(scores_of([(truth, prediction)], 3), NAMES[:3])
        assert metrics["miou"] == (0.0 if wrong else 1.0) == pytest.approx(float(keras_metric.result()), abs=1e-6)

    def test_nothing_to_score_is_zero(self):
        unlabelled = np.full((2, 2), IGNORE), np.zeros((2, 2), int)
        for pairs, images in (([], 0), ([unlabelled], 1)):
            metrics = summarise(scores_of(pairs, 2), NAMES[:2])
            assert metrics["images"] == images
            assert metrics["pixels"] == 0
            assert {metrics[key] for key in ("miou", "miou_per_image", "pixel_accuracy", "f1", "boundary_f1")} == {
                0.0
            }

    def test_an_unlabelled_image_does_not_dilute_the_means(self):
        perfect = np.array([[0, 1]]), np.array([[0, 1]])
        unlabelled = np.array([[IGNORE, IGNORE]]), np.array([[0, 0]])
        metrics = summarise(scores_of([perfect, unlabelled], 2), NAMES[:2])
        assert metrics["miou_per_image"] == metrics["pixel_accuracy_per_image"] == metrics["boundary_f1"] == 1.0

    def test_names_must_fit(self):
        with pytest.raises(ValueError, match="3 class names for 2 classes"):
            summarise(scores_of([(np.zeros((1, 1), int),) * 2], 2), NAMES[:3])

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_always_finite_fractions_and_json(self, data: st.DataObject):
        scores = []
        for _ in range(data.draw(st.integers(0, 3))):
            shape = data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
            truth = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, 3, IGNORE])))
            prediction = data.draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, 3)))
            scores.append(image_scores(truth, prediction, 4))
        metrics = summarise(scores, NAMES)
        assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
        per_class = metrics.pop("per_class")
        assert metrics.pop("pixels") == sum(numbers.pop("pixels") for numbers in per_class.values())
        metrics.pop("images")
        for numbers in (metrics, *per_class.values()):
            assert all(type(value) is float and 0.0 <= value <= 1.0 for value in numbers.values())


def test_a_class_of_one_pixel_counts():
    mask = np.array([[0, 0, 1]])
    metrics = summarise(scores_of([(mask, mask)], 2), NAMES[:2])
    ones = ("iou", "iou_per_image", "pixel_accuracy", "pixel_accuracy_per_image", "precision", "recall", "f1")
    assert metrics["per_class"]["bottle"] == {**dict.fromkeys((*ones, "boundary_f1"), 1.0), "pixels": 1}
