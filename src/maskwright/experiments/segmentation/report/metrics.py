"""Segmentation metrics: named numbers from index masks. Imports no TensorFlow.

    scores = [image_scores(truth, prediction, 3) for truth, prediction in pairs]    # a few numbers for each image
    metrics = summarise(scores, ["background", "cup", "can"])

Masks are (H, W) arrays of class indices; 0 is the background. Pixels where the *truth* is `IGNORE` are never counted.
Scores are fractions from 0 to 1. In arrays, undefined scores are NaN. `summarise` leaves them out of its means, so
its result never holds NaN.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

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


class ImageScores(NamedTuple):
    """The scores of one image. They are small enough to be sent from one process to another.

    Attributes:
        confusion: (C, C) int64, the result of `confusion_matrix`.
        boundary: (C,) float64, the result of `boundary_f1`.
    """

    confusion: np.ndarray
    boundary: np.ndarray


def image_scores(truth: np.ndarray, prediction: np.ndarray, number_of_classes: int) -> ImageScores:
    """Score one image. Arguments and errors are those of `confusion_matrix` and `boundary_f1`."""
    return ImageScores(
        confusion_matrix(truth, prediction, number_of_classes), boundary_f1(truth, prediction, number_of_classes)
    )


def over_pixels(confusion: np.ndarray) -> dict[str, float]:
    """Score all pixels of a split together.

    With M for the confusion matrix of N pixels:

        miou = mean IoU over the classes that occur, as in `keras.metrics.MeanIoU`
        pixel_accuracy = trace(M) / N
        precision, recall, f1 = means over the classes that occur, as with scikit-learn's `average="macro"`

    A class occurs if it is in truth or prediction. All are 0 if no pixel is labelled.

    Args:
        confusion: (C, C), the sum of the images' confusion matrices; the formulas of a class are in `class_scores`.

    By hand: the IoUs are 1/2 and 2/3, and 3 of 4 pixels are right.

    >>> scores = over_pixels(np.array([[1, 1], [0, 2]]))
    >>> round(scores["miou"], 4), scores["pixel_accuracy"]
    (0.5833, 0.75)
    """
    scores, pixels = class_scores(confusion), confusion.sum()
    return {
        "miou": mean_of_defined(scores["iou"]),
        "pixel_accuracy": float(np.trace(confusion) / pixels) if pixels else 0.0,
        **{name: mean_of_defined(scores[name]) for name in ("precision", "recall", "f1")},
    }


def per_image(confusions: np.ndarray) -> dict[str, np.ndarray]:
    """Score each image by itself.

        miou_per_image = mean IoU over the classes in the image's truth, including the background
        pixel_accuracy_per_image = share of the image's labelled pixels whose class is right

    Their means over the images are the numbers that R. Atienza reports for the published network (Advanced Deep
    Learning with TensorFlow 2 and Keras, 2nd edition, chapter 12, section 5). The text calls its mIoU the mean of all
    IoUs, background included; the book's program takes the mean within each image first, as here. A class that is
    predicted where the truth has none of it has no IoU of its own, but its pixels lower those of the classes in whose
    place they are.

    Args:
        confusions: (N, C, C), the images' confusion matrices.

    Returns:
        (N,) float64 under each of these names; NaN for an image without a labelled pixel.

    By hand: class 0 has TP 1, FP 0, FN 1, and class 1 has TP 3, FP 1, FN 1, so the IoUs are 1/2 and 3/5. Class 2 is
    predicted but not in the truth. 4 of 6 pixels are right.

    >>> scores = per_image(np.array([[[1, 1, 0], [0, 3, 1], [0, 0, 0]]]))
    >>> scores["miou_per_image"].round(4), scores["pixel_accuracy_per_image"].round(4)
    (array([0.55]), array([0.6667]))
    """
    in_truth = confusions.sum(axis=-1) > 0  # (N, C)
    ious = np.where(in_truth, class_scores(confusions)["iou"], 0.0)
    pixels = confusions.sum(axis=(-2, -1))
    right = np.trace(confusions, axis1=-2, axis2=-1)
    return {
        "miou_per_image": ratio(ious.sum(axis=-1), in_truth.sum(axis=-1)),
        "pixel_accuracy_per_image": ratio(right, pixels),
    }


def summarise(scores: Sequence[ImageScores], classes: Sequence[str]) -> dict[str, Any]:
    """Return the named numbers of a whole split.

    Over all pixels of the split together, see `over_pixels`:
        miou, pixel_accuracy, precision, recall, f1.
    Per image first, see `per_image`, then the mean over the images with a labelled pixel, so that all images have the
    same weight:
        miou_per_image, pixel_accuracy_per_image.
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
        scores: those of the N images.
        classes: the C names in index order, background first.

    Returns:
        Floats and ints under these names, and the nested `per_class`. All are ready for JSON and never NaN.

    Raises:
        ValueError: an image was scored for another number of classes.

    By hand: M = [[1, 1], [0, 2]], so the IoUs are 1/2 and 2/3.

    >>> scores = image_scores(np.array([[0, 0, 1, 1]]), np.array([[0, 1, 1, 1]]), 2)
    >>> metrics = summarise([scores], ["background", "cup"])
    >>> round(metrics["miou"], 4), metrics["pixel_accuracy"], metrics["per_class"]["cup"]["recall"]
    (0.5833, 0.75, 1.0)
    """
    for one in scores:
        if len(one.confusion) != len(classes):
            raise ValueError(f"{len(classes)} class names for {len(one.confusion)} classes")
    confusions, boundaries = stacked(scores, len(classes))
    confusion = confusions.sum(axis=0)
    by_image, by_pixel = class_scores(confusions), class_scores(confusion)
    in_truth = confusions.sum(axis=-1) > 0  # (N, C)
    boundary = _means(boundaries)
    by_class = {
        "iou": by_pixel["iou"],
        "iou_per_image": _means(np.where(in_truth, by_image["iou"], np.nan)),
        "pixel_accuracy": np.where(confusion.sum(axis=1) > 0, by_pixel["recall"], np.nan),
        "pixel_accuracy_per_image": _means(np.where(in_truth, by_image["recall"], np.nan)),
        "precision": by_pixel["precision"],
        "recall": by_pixel["recall"],
        "f1": by_pixel["f1"],
        "boundary_f1": boundary,
    }
    return {
        **over_pixels(confusion),
        **{name: mean_of_defined(values) for name, values in per_image(confusions).items()},
        "boundary_f1": mean_of_defined(boundary),
        "images": len(scores),
        "pixels": int(confusion.sum()),
        "per_class": {
            name: {
                **{key: float(values[index]) for key, values in by_class.items() if np.isfinite(values[index])},
                "pixels": int(confusion[index].sum()),
            }
            for index, name in enumerate(classes)
        },
    }


def stacked(scores: Sequence[ImageScores], number_of_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the confusion matrices, (N, C, C) int64, and the boundary F1, (N, C) float64, of N images or none."""
    confusions = np.zeros((len(scores), number_of_classes, number_of_classes), np.int64)
    boundaries = np.zeros((len(scores), number_of_classes))
    for place, one in enumerate(scores):
        confusions[place], boundaries[place] = one
    return confusions, boundaries


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """Divide one array by another of its shape; NaN where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=denominator > 0)


def _means(values: np.ndarray) -> np.ndarray:
    """Return the (C,) means of (N, C) values over the images, without those that are NaN; NaN if all are."""
    return ratio(np.nan_to_num(values).sum(axis=0), np.isfinite(values).sum(axis=0))


def mean_of_defined(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; 0 if all are."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if defined.size else 0.0
