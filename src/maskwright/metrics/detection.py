"""How good detections are: by the sources' definitions, by honest ones, and as COCO measures it.

Plain functions: `boxes.Truth` and `boxes.Found` of each image in, named numbers out. A number that has no value (a
mean of nothing, a share of nothing) is left out, never NaN; each function says when.
"""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maskwright.boxes import UNKNOWN, Found, Truth, box_iou, covered

MATCH_IOU = 0.5
"""A prediction is right from this IoU on, in the honest measures."""

_MOSTLY = 0.5


def sources_scores(truths: Sequence[Truth], found: Sequence[Found]) -> dict[str, float]:
    """Return mIoU, precision and recall as the sources define them.

    Each ground-truth box is paired with the prediction, of any class, that has the highest IoU with it; two may be
    paired with the same one. Only pairs with an IoU above 0 count. A pair is a true positive where the classes agree,
    whatever the IoU, else a false positive; predictions that are in no pair are not counted. Over all images,

        miou = mean IoU of the pairs
        precision = TP / (TP + FP)
        recall = TP / (TP + FN),    FN = ground-truth boxes - TP

    so all three flatter: missed objects do not lower the mIoU, and inventions do not lower the precision.

    Args:
        truths, found: one of each an image. Boxes of unknown class do not count. Predictions are those to be shown:
            leave out the improbable ones.

    Returns:
        `miou` and `precision`, 0 where there are boxes but no pair, and `recall`; nothing without boxes.

    Example:
        A cat at (0, 0, 2, 2) and a dog at (5, 0, 7, 2). Predicted: a cat at (1, 0, 3, 2), with an IoU of 2 / 6, and a
        cat at (20, 0, 22, 2). One pair, which is right: miou 1/3, precision 1, recall 1/2.
    """
    ious: list[float] = []
    right = boxes = 0
    for truth, predictions in zip(truths, found, strict=True):
        truth = _known(truth)
        boxes += len(truth.boxes)
        if not len(predictions.boxes) or not len(truth.boxes):
            continue
        iou = box_iou(truth.boxes, predictions.boxes)
        partner = iou.argmax(axis=1)
        highest = iou[np.arange(len(iou)), partner]
        paired = highest > 0
        ious += highest[paired].tolist()
        right += int(np.count_nonzero(predictions.classes[partner[paired]] == truth.classes[paired]))
    if not boxes:
        return {}
    return {
        "miou": float(np.mean(ious)) if ious else 0.0,
        "precision": right / len(ious) if ious else 0.0,
        "recall": right / boxes,
    }


@dataclass(frozen=True)
class Counts:
    """One image's outcome at `MATCH_IOU`, by class: (C,) int each, the background's always 0.

    Attributes:
        right: predictions that were matched with a box of their class.
        wrong: predictions that were not, and do not lie in a region of unknown class.
        missed: boxes that no prediction was matched with.
        ious: (M,) each known box's greatest IoU with a prediction of its class, in the truth's order.
    """

    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray
    ious: np.ndarray


def count(truth: Truth, found: Found, number_of_classes: int) -> Counts:
    """Match predictions with boxes one to one.

    Those with the highest score choose first: each takes, of the boxes of its class that are left, the one with the
    greatest IoU, if that is at least 0.5. More than half of an unmatched prediction in a region of unknown class, and
    it is neither right nor wrong.
    """
    unknown = truth.boxes[truth.classes == UNKNOWN]
    truth = _known(truth)
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
    """Return precision, recall, F1 and mean IoU where every prediction and every box counts.

    With the sums over all images of `count`:

        precision = right / (right + wrong)
        recall = right / (right + missed)
        f1 = 2 right / (2 right + wrong + missed)
        iou = the mean over all boxes of the greatest IoU with a prediction of their class, 0 for those without any

    Args:
        truths, found: one of each an image; leave out improbable predictions.
        classes: names, the background first.

    Returns:
        The four, and under `per_class` precision, recall and f1 of each class. Precision is left out where there is
        neither a prediction nor a box, recall and iou where there is no box, f1 where there is nothing at all;
        precision is 0 where there are boxes but no prediction.

    Example:
        As of `sources_scores`: the cat's IoU is below 0.5, so right 0, wrong 2, missed 2: precision and recall 0. The
        mean IoU is (1/3 + 0) / 2 = 1/6.
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


def coco_scores(
    truths: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], *, most: int = 100
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return COCO's average precision and recall, by pycocotools, and the precision over recall of each class.

    AP is the area under precision over recall, read off at 101 recalls, as a mean over the classes that have a box:
    `ap50` and `ap75` at those IoUs, `ap` as the mean over the IoUs 0.5, 0.55, ..., 0.95. `ar` is the greatest recall
    with so many predictions an image, a mean over the same IoUs and classes. Regions of unknown class are crowds of
    every class: predictions in them count neither way. See https://cocodataset.org/#detection-eval

    Args:
        truths, found: one of each an image; also improbable predictions, since AP looks at all scores.
        classes: names, the background first.
        most: predictions an image and class that count, those with the highest scores.

    Returns:
        The four numbers, and under `per_class` ap and ap50 of each class that has a box, all 0 where there is no
        prediction; nothing where there is no box. And (101,) precisions at IoU 0.5 by class name.
    """
    names = classes[1:]
    known = [_known(truth) for truth in truths]
    if not any(len(truth.boxes) for truth in known):
        return {}, {}
    with redirect_stdout(io.StringIO()):  # pycocotools tells its every step
        truth_index: Any = COCO()
        predicted: Any = COCO()
        truth_index.dataset = _as_coco(truths, len(names))
        predicted.dataset = _found_as_coco(found, len(names))
        truth_index.createIndex()
        predicted.createIndex()
        evaluation = COCOeval(truth_index, predicted, "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [most]
        evaluation.evaluate()
        evaluation.accumulate()
    # (IoUs, recalls, classes) and (IoUs, classes); -1 for a class without a box.
    precision = evaluation.eval["precision"][:, :, :, 0, 0]
    recall = evaluation.eval["recall"][:, :, 0, 0]
    there = recall[0] > -1
    by_class = precision.mean(axis=1)  # (IoUs, classes)
    scores: dict[str, Any] = {
        "ap": float(by_class[:, there].mean()),
        "ap50": float(by_class[0, there].mean()),
        "ap75": float(by_class[5, there].mean()),
        "ar": float(recall[:, there].mean()),
        "per_class": {
            name: {"ap": float(by_class[:, index].mean()), "ap50": float(by_class[0, index])}
            for index, name in enumerate(names)
            if there[index]
        },
    }
    return scores, {name: precision[0, :, index] for index, name in enumerate(names) if there[index]}


def _known(truth: Truth) -> Truth:
    known = truth.classes != UNKNOWN
    return Truth(truth.boxes[known], truth.classes[known])


def _as_coco(truths: Sequence[Truth], number: int) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image, truth in enumerate(truths, start=1):
        for box, label in zip(_with_sides(truth.boxes), truth.classes.tolist(), strict=True):
            for category in range(1, number + 1) if label == UNKNOWN else [label]:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": category,
                        "bbox": box,
                        "area": box[2] * box[3],
                        "iscrowd": int(label == UNKNOWN),
                    }
                )
    return {**_listed(len(truths), number), "annotations": annotations}


def _found_as_coco(found: Sequence[Found], number: int) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image, predictions in enumerate(found, start=1):
        rows = zip(
            _with_sides(predictions.boxes), predictions.scores.tolist(), predictions.classes.tolist(), strict=True
        )
        for box, score, label in rows:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": label,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "iscrowd": 0,
                    "score": score,
                }
            )
    return {**_listed(len(found), number), "annotations": annotations}


def _listed(images: int, classes: int) -> dict[str, Any]:
    return {
        "images": [{"id": image} for image in range(1, images + 1)],
        "categories": [{"id": number} for number in range(1, classes + 1)],
    }


def _with_sides(boxes: np.ndarray) -> list[list[float]]:
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
