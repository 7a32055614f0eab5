"""Segmentation metrics: named numbers from index masks. Imports no TensorFlow.

    totals = SegmentationTotals(number_of_classes)
    for truth, prediction in pairs:                 # one image at a time: memory does not grow with their number
        totals.add(image_scores(truth, prediction, number_of_classes))
    metrics = summarise(totals, ["background", "cup", "can"])

Masks are (H, W) arrays of class indices; 0 is the background. Pixels where the *truth* is `IGNORE` are never counted.
Scores are fractions from 0 to 1. In arrays, undefined scores are NaN. `summarise` leaves them out of its means, so
its result never holds NaN.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from maskwright.experiments.segmentation.learn.confusion import class_scores, confusion_matrix
from maskwright.photos.images import IGNORE

BOUNDARY_TOLERANCE = 0.0075
"""Two boundaries match if their distance is below this share of the image diagonal (Csurka et al. 2013)."""


def boundary_f1(truth: np.ndarray, prediction: np.ndarray, number_of_classes: int) -> np.ndarray:
    """Score how well the classes' outlines agree in one image: the boundary F1 of each class.

    A pixel of class c is a boundary pixel of c if one of its 4 neighbours is labelled with another class; the image's
    edge is not a boundary. With B and B' for the boundary pixels of c in truth and prediction, d for the Euclidean
    distance in pixels to the nearest pixel of a set, and theta = 0.75 % of the image's diagonal,

        P = |{z in B' : d(z, B) < theta}| / |B'|,    R = |{z in B : d(z, B') < theta}| / |B|,    F1 = 2 P R / (P + R)

    Reference: Csurka, Larlus, Perronnin, "What is a good evaluation measure for semantic segmentation?", BMVC 2013,
    doi:10.5244/C.27.32. The strict inequality is theirs; the neighbourhood and the empty cases are our choice.

    Args:
        truth: (H, W) integers, a class or `IGNORE`. Unlabelled pixels have no boundary and make none.
        prediction: (H, W) integers.
        number_of_classes: C, including the background.

    Returns:
        (C,) float64. NaN: the class is in neither mask. 0: it is in only one of them, or only one has a boundary (the
        other fills the image), or no boundary pixels match. 1: it is in both, and neither has a boundary.

    By hand: theta is 0.0375 pixels, so only exact matches count. In the truth, class 1 is the middle column of the
    lower three rows, and all 3 pixels are its boundary. The prediction lacks the lowest one, so P = 2/2, R = 2/3 and
    F1 = 0.8. Class 0 has 7 boundary pixels in the truth: 1 above and 3 on either side. In the prediction it has 6: 1
    above, 2 on either side, and the pixel below. The lowest ones on either side are lost, and the pixel below is new.
    So P = 5/6, R = 5/7 and F1 = 10/13.

    >>> truth = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]])
    >>> prediction = np.array([[0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])
    >>> boundary_f1(truth, prediction, 3).round(4)
    array([0.7692, 0.8   ,    nan])
    """
    labelled = truth != IGNORE
    theta = BOUNDARY_TOLERANCE * math.hypot(*truth.shape)
    truth_points, truth_classes = _boundary(truth, labelled)
    prediction_points, prediction_classes = _boundary(prediction, labelled)
    counts = confusion_matrix(truth, prediction, number_of_classes)
    in_truth, in_prediction = counts.sum(axis=1) > 0, counts.sum(axis=0) > 0
    scores = np.full(number_of_classes, np.nan)
    for index in np.flatnonzero(in_truth | in_prediction):
        if not (in_truth[index] and in_prediction[index]):
            scores[index] = 0.0
            continue
        wanted = truth_points[truth_classes == index]
        found = prediction_points[prediction_classes == index]
        scores[index] = _matched_f1(wanted, found, theta)
    return scores


def _boundary(mask: np.ndarray, labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the labelled pixels with a labelled 4-neighbour of another class, (N, 2), and their classes, (N,)."""
    boundary = np.zeros(mask.shape, bool)
    for one, other in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = (mask[one] != mask[other]) & labelled[one] & labelled[other]
        boundary[one] |= differ
        boundary[other] |= differ
    return np.argwhere(boundary), mask[boundary]


def _matched_f1(wanted: np.ndarray, found: np.ndarray, theta: float) -> float:
    """Return the F1 of two sets of points, (N, 2) and (M, 2)."""
    if not len(wanted) or not len(found):
        return float(len(wanted) == len(found))
    # Outlines have few points, so a tree takes a tenth of the time of a distance transform of the whole image. It
    # reports only neighbours nearer than the bound, and infinity for the others.
    wanted_tree, found_tree = KDTree(wanted), KDTree(found)
    precision = np.isfinite(wanted_tree.query(found, distance_upper_bound=theta)[0]).mean()
    recall = np.isfinite(found_tree.query(wanted, distance_upper_bound=theta)[0]).mean()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


@dataclass(frozen=True)
class ImageScores:
    """The scores of one image. They are small enough to be sent from one process to another.

    Attributes:
        confusion: (C, C) int64, the result of `confusion_matrix`.
        boundary: (C,) float64, the result of `boundary_f1`.
    """

    confusion: np.ndarray
    boundary: np.ndarray

    @property
    def miou(self) -> float:
        """Mean IoU over the classes in this image's truth, including the background; NaN if no pixel is labelled.

        By hand: class 0 has TP 1, FP 0, FN 1, and class 1 has TP 3, FP 1, FN 1, so the IoUs are 1/2 and 3/5. Class 2
        is predicted but not in the truth, so it is not included in the mean.

        >>> round(image_scores(np.array([[0, 0, 1, 1, 1, 1]]), np.array([[0, 1, 1, 1, 1, 2]]), 3).miou, 4)
        0.55
        """
        in_truth = self.confusion.sum(axis=1) > 0
        return float(class_scores(self.confusion)["iou"][in_truth].mean()) if in_truth.any() else math.nan

    @property
    def pixel_accuracy(self) -> float:
        """Share of the labelled pixels whose class is right; NaN if no pixel is labelled."""
        pixels = self.confusion.sum()
        return float(np.trace(self.confusion) / pixels) if pixels else math.nan


def image_scores(truth: np.ndarray, prediction: np.ndarray, number_of_classes: int) -> ImageScores:
    """Score one image. Arguments and errors are those of `confusion_matrix` and `boundary_f1`."""
    return ImageScores(
        confusion_matrix(truth, prediction, number_of_classes), boundary_f1(truth, prediction, number_of_classes)
    )


class SegmentationTotals:
    """Sums over images. Their size does not grow with the number of images.

    Attributes:
        confusion: (C, C) int64, the confusion matrix of all pixels together.
        images: the number of images that were added.
    """

    def __init__(self, number_of_classes: int) -> None:
        self.confusion = np.zeros((number_of_classes, number_of_classes), np.int64)
        self.images = 0
        self._miou = _Mean(())
        self._pixel_accuracy = _Mean(())
        self._iou = _Mean((number_of_classes,))
        self._recall = _Mean((number_of_classes,))
        self._boundary = _Mean((number_of_classes,))

    def add(self, scores: ImageScores) -> None:
        """Add one image."""
        self.confusion += scores.confusion
        self.images += 1
        self._miou.add(scores.miou)
        self._pixel_accuracy.add(scores.pixel_accuracy)
        in_truth = scores.confusion.sum(axis=1) > 0
        per_class = class_scores(scores.confusion)
        self._iou.add(np.where(in_truth, per_class["iou"], np.nan))
        self._recall.add(np.where(in_truth, per_class["recall"], np.nan))
        self._boundary.add(scores.boundary)

    def per_image(self) -> dict[str, np.ndarray]:
        """Return the means over images under the names that `summarise` uses; NaN if there was no image."""
        return {
            "miou": self._miou.value(),
            "pixel_accuracy": self._pixel_accuracy.value(),
            "class_iou": self._iou.value(),
            "class_recall": self._recall.value(),
            "class_boundary_f1": self._boundary.value(),
        }


class _Mean:
    """A running mean of arrays of equal shape, which leaves out NaN."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.total = np.zeros(shape)
        self.count = np.zeros(shape, np.int64)

    def add(self, values: Any) -> None:
        defined = np.isfinite(values)
        self.total += np.where(defined, values, 0.0)
        self.count += defined

    def value(self) -> np.ndarray:
        return np.where(self.count > 0, self.total / np.maximum(self.count, 1), np.nan)


def summarise(totals: SegmentationTotals, classes: Sequence[str]) -> dict[str, Any]:
    """Return the named numbers of a whole split.

    Over all pixels of the split together, from one confusion matrix M of N pixels:
        miou: mean IoU over the classes that occur, as in `keras.metrics.MeanIoU`.
        pixel_accuracy: trace(M) / N.
        precision, recall, f1: means over the classes that occur (macro), as with scikit-learn's `average="macro"`.
    Per image first, then the mean over the images with a labelled pixel, so that all images have the same weight:
        miou_per_image: mean IoU over the classes in the image's truth, including the background.
        pixel_accuracy_per_image.
    boundary_f1: mean over the classes of a class's mean over the images with this class in truth or prediction, so
        that predicting an object that is not there lowers the score.
    images, pixels: the number of images, and the number of their labelled pixels.
    per_class: for each class iou, precision, recall, f1, pixel_accuracy (the share of its pixels that are right: its
        recall, where the truth has it), iou_per_image and pixel_accuracy_per_image (means over the images that have
        it in their truth), boundary_f1, and pixels (in truth).

    A class "occurs" if it is in the truth or the prediction of any image. A class that does not occur is left out of
    every mean, and its undefined numbers are left out of `per_class`. Means over nothing (no image, or no labelled
    pixel in any image) are 0, so that a failed evaluation does not look like a good one.

    Args:
        totals: the sums over all images.
        classes: the C names in index order, background first.

    Returns:
        Floats and ints under these names, and the nested `per_class`. All are ready for JSON and never NaN.

    By hand: M = [[1, 1], [0, 2]], so the IoUs are 1/2 and 2/3.

    >>> totals = SegmentationTotals(2)
    >>> totals.add(image_scores(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), 2))
    >>> metrics = summarise(totals, ["background", "cup"])
    >>> round(metrics["miou"], 4), metrics["pixel_accuracy"], metrics["per_class"]["cup"]["recall"]
    (0.5833, 0.75, 1.0)
    """
    if len(classes) != len(totals.confusion):
        raise ValueError(f"{len(classes)} class names for {len(totals.confusion)} classes")
    scores = class_scores(totals.confusion)
    per_image = totals.per_image()
    pixels = int(totals.confusion.sum())
    by_class = {
        "iou": scores["iou"],
        "iou_per_image": per_image["class_iou"],
        "pixel_accuracy": np.where(totals.confusion.sum(axis=1) > 0, scores["recall"], np.nan),
        "pixel_accuracy_per_image": per_image["class_recall"],
        "precision": scores["precision"],
        "recall": scores["recall"],
        "f1": scores["f1"],
        "boundary_f1": per_image["class_boundary_f1"],
    }
    return {
        "miou": _mean(scores["iou"]),
        "miou_per_image": _mean(per_image["miou"]),
        "pixel_accuracy": float(np.trace(totals.confusion) / pixels) if pixels else 0.0,
        "pixel_accuracy_per_image": _mean(per_image["pixel_accuracy"]),
        "precision": _mean(scores["precision"]),
        "recall": _mean(scores["recall"]),
        "f1": _mean(scores["f1"]),
        "boundary_f1": _mean(per_image["class_boundary_f1"]),
        "images": totals.images,
        "pixels": pixels,
        "per_class": {
            name: {
                **{key: float(values[index]) for key, values in by_class.items() if np.isfinite(values[index])},
                "pixels": int(totals.confusion[index].sum()),
            }
            for index, name in enumerate(classes)
        },
    }


def _mean(values: np.ndarray) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else 0.0
