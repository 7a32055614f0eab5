import doctest
import math

import numpy as np
import pytest
from sklearn import metrics as sk

from maskwright.experiments.segmentation.learn import confusion
from maskwright.experiments.segmentation.learn.confusion import class_scores, confusion_matrix
from maskwright.photos.images import IGNORE
from support.random_masks import random_pair


def test_docstring_examples():
    result = doctest.testmod(confusion)
    assert result.attempted >= 2
    assert result.failed == 0


class TestConfusionMatrix:
    def test_by_hand(self):
        truth = np.array([[0, 0, 0], [1, 1, 2], [IGNORE, 2, 2]], np.uint8)
        prediction = np.array([[0, 1, 0], [1, 1, 2], [0, 0, 2]], np.uint8)
        expected = [[2, 1, 0], [0, 2, 0], [1, 0, 2]]
        result = confusion_matrix(truth, prediction, 3)
        assert result.dtype == np.int64
        np.testing.assert_array_equal(result, expected)

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_scikit_learn(self, seed: int):
        truth, prediction = random_pair(seed)
        keep = truth != IGNORE
        expected = sk.confusion_matrix(truth[keep], prediction[keep], labels=range(4))
        np.testing.assert_array_equal(confusion_matrix(truth, prediction, 4), expected)

    def test_many_classes_do_not_overflow_8_bits(self):
        truth, prediction = np.full((2, 2), 253, np.uint8), np.full((2, 2), 252, np.uint8)
        result = confusion_matrix(truth, prediction, 254)
        assert result[253, 252] == 4
        assert result.sum() == 4

    def test_predictions_on_unlabelled_pixels_may_be_anything(self):
        result = confusion_matrix(np.array([IGNORE, 0]), np.array([99, 0]), 2)
        np.testing.assert_array_equal(result, [[1, 0], [0, 0]])

    def test_nothing_labelled_and_nothing_at_all(self):
        assert confusion_matrix(np.full((2, 2), IGNORE), np.zeros((2, 2), int), 3).sum() == 0
        assert confusion_matrix(np.zeros((0, 4), int), np.zeros((0, 4), int), 3).shape == (3, 3)

    @pytest.mark.parametrize(
        ("truth", "prediction", "message"),
        [
            ([0, 1], [0, 3], "prediction holds classes 0..3, not 0..2"),
            ([0, 7], [0, 1], "truth holds classes 0..7, not 0..2"),
            ([0, -1], [0, 1], "truth holds classes -1..0, not 0..2"),
            ([0, 1, 1], [0, 1], "differ in shape"),
        ],
    )
    def test_refuses(self, truth: list[int], prediction: list[int], message: str):
        with pytest.raises(ValueError, match=message):
            confusion_matrix(np.array(truth), np.array(prediction), 3)


class TestClassScores:
    def test_by_hand(self):
        # Class 0: TP 2, FN 1, FP 1. Class 1: TP 2, FN 0, FP 1. Class 2: TP 2, FN 1, FP 0.
        scores = class_scores(np.array([[2, 1, 0], [0, 2, 0], [1, 0, 2]]))
        np.testing.assert_allclose(scores["iou"], [2 / 4, 2 / 3, 2 / 3])
        np.testing.assert_allclose(scores["precision"], [2 / 3, 2 / 3, 2 / 2])
        np.testing.assert_allclose(scores["recall"], [2 / 3, 2 / 2, 2 / 3])
        np.testing.assert_allclose(scores["f1"], [4 / 6, 4 / 5, 4 / 5])

    def test_empty_cases(self):
        # Class 0 is right; class 1 is only in the truth, class 2 only predicted, class 3 nowhere.
        scores = class_scores(np.array([[5, 0, 0, 0], [0, 0, 3, 0], [0, 0, 0, 0], [0, 0, 0, 0]]))
        for values in scores.values():
            np.testing.assert_array_equal(values, [1, 0, 0, np.nan])

    @pytest.mark.parametrize("seed", range(5))
    def test_agrees_with_scikit_learn(self, seed: int):
        truth, prediction = random_pair(seed, classes=5)
        truth[truth == 2] = 0  # class 2 is only predicted
        prediction[prediction == 3] = 1  # class 3 only in the truth
        keep = truth != IGNORE
        t, p = truth[keep], prediction[keep]
        scores = class_scores(confusion_matrix(truth, prediction, 6))
        precision, recall, f1, _ = sk.precision_recall_fscore_support(t, p, labels=range(5), zero_division=0)
        np.testing.assert_allclose(scores["precision"][:5], precision)
        np.testing.assert_allclose(scores["recall"][:5], recall)
        np.testing.assert_allclose(scores["f1"][:5], f1)
        iou = sk.jaccard_score(t, p, labels=range(5), average=None, zero_division=0)
        np.testing.assert_allclose(scores["iou"][:5], iou)
        assert all(math.isnan(values[5]) for values in scores.values())
