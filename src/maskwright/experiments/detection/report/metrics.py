"""How good detections are: by the source's definitions and by honest ones, beside what COCO measures.

The functions take `boxes.Truth` and `boxes.Found` of each image and return named numbers. A number that has no value
(a mean or a share of nothing) is left out; it is never NaN. Each function says when that happens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from maskwright.experiments.detection.learn.average_precision import coco_scores
from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth, box_iou, covered

SHOWN_SCORE = 0.5
"""Predictions of at least this probability are shown. Measures that do not use all scores count only these."""

MATCH_IOU = 0.5
"""A prediction is right from this IoU on, in the honest measures."""

_MOSTLY = 0.5


class Scores(NamedTuple):
    """What was measured on a set of images.

    Attributes:
        numbers: the measures by name, and as `per_class` the measures of each class.
        curves: for each class with a box the (101,) precisions at evenly spaced recalls from 0 to 1, at IoU 0.5.
    """

    numbers: dict[str, Any]
    curves: Mapping[str, np.ndarray]

    @property
    def of_all_classes(self) -> dict[str, float]:
        """The numbers without `per_class`."""
        return {name: value for name, value in self.numbers.items() if name != "per_class"}


def all_scores(truths: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], *, most: int) -> Scores:
    """Return the measures of `coco_scores` and those of `honest_scores`.

    Args:
        truths, found: one of each for each image. Include improbable predictions: for measures that do not use all
            scores, this function removes predictions below `SHOWN_SCORE`.
        classes: class names, background first.
        most: see `coco_scores`.
    """
    coco, curves = coco_scores(truths, found, classes, most=most)
    honest = honest_scores(truths, [one.at_least(SHOWN_SCORE) for one in found], classes)
    per_class = {
        name: {**coco.get("per_class", {}).get(name, {}), **values} for name, values in honest["per_class"].items()
    }
    return Scores({**coco, **honest, "per_class": per_class}, curves)


def sources_scores(truths: Sequence[Truth], found: Sequence[Found]) -> dict[str, np.ndarray]:
    """Return mIoU, precision and recall of each image as the source defines them. It reports their means.

    Each ground-truth box is paired with the prediction, of any class, that has the highest IoU with it (on a tie, the
    first). Several boxes may be paired with the same prediction. Only pairs with an IoU above 0 count. A pair is a
    true positive where the classes agree, whatever the IoU, and else a false positive. For an image with n
    ground-truth boxes,

        miou = sum of the pairs' IoUs / n
        precision = TP / (TP + FP)
        recall = TP / (TP + FN),    FN = |n - TP|

    All three are 0 in an image without predictions or without boxes, which still counts in the mean over the images.
    Where no box is overlapped by a prediction, TP + FP is 0; the source's program would stop there, and here the
    precision is 0. In the mIoU a missed object counts as 0. The precision flatters: it does not count a prediction
    that overlaps nothing, nor a second one on the same object.

    Args:
        truths, found: one of each for each image. Boxes of unknown class do not count. Leave out predictions below
            `SHOWN_SCORE`, which is the source's threshold, and suppress as the source does, see
            `inference.sources_nms`.

    Returns:
        `sources_miou`, `sources_precision` and `sources_recall`, (N,) float64 each, for N images. Nothing if no image
        has a box.

    Example:
        A cat at (0, 0, 2, 2) and a dog at (5, 0, 7, 2). Predicted: a cat at (0, 0, 2, 2). The pair has an IoU of 1,
        and nothing overlaps the dog: miou (1 + 0) / 2 = 0.5, precision 1 / 1 = 1, recall 1 / (1 + 1) = 0.5.

    References:
        R. Atienza (2020), Advanced Deep Learning with TensorFlow 2 and Keras, 2nd ed., Listing 11.13.1.
    """
    if not any(len(truth.known().boxes) for truth in truths):
        return {}
    rows = [_sources_row(truth.known(), predictions) for truth, predictions in zip(truths, found, strict=True)]
    columns = np.array(rows, float).T
    return dict(zip(("sources_miou", "sources_precision", "sources_recall"), columns, strict=True))


def _sources_row(truth: Truth, found: Found) -> tuple[float, float, float]:
    number = len(truth.boxes)
    if not number or not len(found.boxes):
        return 0.0, 0.0, 0.0
    iou = box_iou(truth.boxes, found.boxes)
    partner = iou.argmax(axis=1)
    highest = iou.max(axis=1)
    paired = highest > 0
    right = int(np.count_nonzero(found.classes[partner[paired]] == truth.classes[paired]))
    pairs = int(np.count_nonzero(paired))
    return float(highest.sum()) / number, right / max(1, pairs), right / number


@dataclass(frozen=True)
class Counts:
    """The outcome of one image at `MATCH_IOU`. C is the number of classes; the background's counts are 0.

    Attributes:
        right: (C,) int, predictions of each class that were matched with a box of the class.
        wrong: (C,) int, predictions that were not matched and are not in a region of unknown class.
        missed: (C,) int, boxes that were not matched with a prediction.
        ious: (M,) float, the greatest IoU of each box of a known class with a prediction of its class, in the truth's
            order.
    """

    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray
    ious: np.ndarray


def count(truth: Truth, found: Found, number_of_classes: int) -> Counts:
    """Match predictions with boxes one to one.

    Predictions with a higher score choose first. Each takes the remaining box of its class with the greatest IoU, if
    that IoU is at least 0.5. An unmatched prediction with more than half of its area in a region of unknown class is
    neither right nor wrong.
    """
    unknown = truth.boxes[truth.classes == UNKNOWN]
    truth = truth.known()
    iou = box_iou(found.boxes, truth.boxes)
    iou[found.classes[:, None] != truth.classes] = 0
    free = np.ones(len(truth.boxes), bool)
    right, wrong = np.zeros(number_of_classes, int), np.zeros(number_of_classes, int)
    excused = np.any(covered(found.boxes, unknown) > _MOSTLY, axis=1)
    for number in np.argsort(-found.scores, kind="stable"):
        overlap = np.where(free, iou[number], 0)
        if overlap.max(initial=0) >= MATCH_IOU:
            free[int(overlap.argmax())] = False
            right[found.classes[number]] += 1
        elif not excused[number]:
            wrong[found.classes[number]] += 1
    missed = np.bincount(truth.classes[free], minlength=number_of_classes)
    return Counts(right, wrong, missed, iou.max(axis=0, initial=0))


def honest_scores(truths: Sequence[Truth], found: Sequence[Found], classes: Sequence[str]) -> dict[str, Any]:
    """Return precision, recall, F1 and mean IoU, for which every prediction and every box counts.

    With the sums of `count` over all images:

        precision = right / (right + wrong)
        recall = right / (right + missed)
        f1 = 2 right / (2 right + wrong + missed)
        iou = the mean over all boxes of the greatest IoU with a prediction of their class, 0 for those without any

    Args:
        truths, found: one of each for each image; leave out improbable predictions.
        classes: names, the background first.

    Returns:
        The four numbers, and as `per_class` precision, recall and f1 of each class. Recall and iou are left out if
        there is no box, and all four if there is no prediction either. Precision is 0 if there are boxes but no
        prediction.

    Example:
        A cat at (0, 0, 2, 2) and a dog at (5, 0, 7, 2). Predicted: a cat at (1, 0, 3, 2), with an IoU of 2 / 6, and a
        cat at (20, 0, 22, 2). The first cat's IoU is below 0.5, so 0 are right, 2 wrong and 2 missed; precision and
        recall are 0. The mean IoU is (1/3 + 0) / 2 = 1/6.
    """
    counts = [count(truth, predictions, len(classes)) for truth, predictions in zip(truths, found, strict=True)]
    right, wrong, missed = (
        np.sum([getattr(c, name) for c in counts], axis=0) for name in ("right", "wrong", "missed")
    )
    ious = np.concatenate([c.ious for c in counts])
    scores: dict[str, Any] = _shares(int(right.sum()), int(wrong.sum()), int(missed.sum()))
    if len(ious):
        scores["iou"] = float(ious.mean())
    per_class = {
        name: _shares(int(right[index]), int(wrong[index]), int(missed[index]))
        for index, name in enumerate(classes)
        if index
    }
    return {**scores, "per_class": per_class}


def _shares(right: int, wrong: int, missed: int) -> dict[str, float]:
    values: dict[str, float] = {}
    if right + wrong + missed:
        values["precision"] = right / max(1, right + wrong)
        if right + missed:
            values["recall"] = right / (right + missed)
        values["f1"] = 2 * right / (2 * right + wrong + missed)
    return values
