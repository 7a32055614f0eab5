"""Confusion matrices of index masks, and scores from them. Imports no TensorFlow.

Scores are fractions from 0 to 1, or NaN if undefined.
"""

import numpy as np

from maskwright.photos.images import IGNORE


def confusion_matrix(
    truth: np.ndarray, prediction: np.ndarray, number_of_classes: int, ignore: int = IGNORE
) -> np.ndarray:
    """Count the pixels of each pair of classes: M[t, p] = |{i : truth_i = t and prediction_i = p}|.

    Args:
        truth: integers of any shape, 0 <= t < C, or `ignore`.
        prediction: integers of the same shape, 0 <= p < C; any value where the truth is `ignore`.
        number_of_classes: C, including the background.
        ignore: the value of the truth for pixels that are not counted.

    Returns:
        (C, C) int64, pixel counts, with the truth in rows and the prediction in columns. All zeros if no pixel is
        labelled.

    Raises:
        ValueError: the shapes differ, or a class is outside 0..C-1.

    By hand: one of the four labelled pixels has class 0 but is predicted as class 1.

    >>> confusion_matrix(np.array([0, 0, 1, 1, 255]), np.array([0, 1, 1, 1, 0]), 2)
    array([[1, 1],
           [0, 2]])
    """
    if truth.shape != prediction.shape:
        raise ValueError(f"truth and prediction differ in shape: {truth.shape} and {prediction.shape}")
    labelled = truth != ignore
    if labelled.all():
        rows, columns = truth.ravel(), prediction.ravel()
    else:
        rows, columns = truth[labelled], prediction[labelled]
    for name, values in (("truth", rows), ("prediction", columns)):
        if values.size and not 0 <= values.min() <= values.max() < number_of_classes:
            raise ValueError(f"{name} holds classes {values.min()}..{values.max()}, not 0..{number_of_classes - 1}")
    pairs = rows.astype(np.intp) * number_of_classes + columns
    counts = np.bincount(pairs, minlength=number_of_classes**2)
    return counts.reshape(number_of_classes, number_of_classes).astype(np.int64)


def class_scores(confusion: np.ndarray) -> dict[str, np.ndarray]:
    """Score each class by its true positives TP, false positives FP and false negatives FN.

        iou = TP / (TP + FP + FN)            (Jaccard index; Everingham et al. 2015, doi:10.1007/s11263-014-0733-5)
        precision = TP / (TP + FP)
        recall = TP / (TP + FN)              (also called class accuracy; Long et al. 2015, arXiv:1411.4038)
        f1 = 2 TP / (2 TP + FP + FN)         (also called Dice coefficient)

    Args:
        confusion: (..., C, C), results of `confusion_matrix`.

    Returns:
        (..., C) float64 under each of these names. All four are NaN for a class in neither truth nor prediction. All
        four are 0 for a class in only one of them, even if the formula gives 0 / 0, as with scikit-learn's
        `zero_division=0`.

    By hand: class 0 has TP 1, FP 0, FN 1; class 1 has TP 2, FP 1, FN 0; class 2 does not occur.

    >>> class_scores(np.array([[1, 1, 0], [0, 2, 0], [0, 0, 0]]))["iou"].round(3)
    array([0.5  , 0.667,   nan])
    """
    true_positives = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    in_truth = confusion.sum(axis=-1).astype(np.float64)
    in_prediction = confusion.sum(axis=-2).astype(np.float64)
    occurs = in_truth + in_prediction > 0

    def ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
        values = np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
        return np.where(occurs, values, np.nan)

    return {
        "iou": ratio(true_positives, in_truth + in_prediction - true_positives),
        "precision": ratio(true_positives, in_prediction),
        "recall": ratio(true_positives, in_truth),
        "f1": ratio(2 * true_positives, in_truth + in_prediction),
    }
