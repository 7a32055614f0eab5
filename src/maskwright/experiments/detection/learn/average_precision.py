"""Average precision as measured by COCO. Training uses it to choose the best epoch."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth


def coco_scores(
    truths: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], *, most: int = 100
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return COCO's average precision and recall, from pycocotools, and the precision-recall curve of each class.

    AP is the area under the precision-recall curve, sampled at 101 recalls, as a mean over the classes that have a
    box: `ap50` and `ap75` at the IoUs 0.5 and 0.75, and `ap` as the mean over the IoUs 0.5, 0.55, ..., 0.95. `ar` is
    the greatest recall with `most` predictions for each image and class, as a mean over the same IoUs and classes.
    Regions of unknown class count as crowds of every class: predictions in them are neither right nor wrong. See
    https://cocodataset.org/#detection-eval

    Args:
        truths, found: one of each for each image. Include improbable predictions, since AP uses all scores.
        classes: class names, background first.
        most: the number of predictions per image and class that count; the ones with the highest scores are taken.

    Returns:
        First the four numbers, and, as `per_class`, `ap` and `ap50` of each class that has a box. All are 0 if there
        is no prediction, and all are left out if there is no box. Then for each class name the (101,) precisions at
        IoU 0.5.
    """
    names = classes[1:]
    evaluation = coco_evaluation(truths, found, len(names), most=most)
    if evaluation is None:
        return {}, {}
    with redirect_stdout(io.StringIO()):
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


def coco_evaluation(
    truths: Sequence[Truth], found: Sequence[Found], number_of_names: int, *, most: int = 100
) -> Any | None:
    """Match predictions and boxes as COCO does; see `coco_scores`.

    Args:
        truths, found, most: as for `coco_scores`.
        number_of_names: the number of classes without the background.

    Returns:
        pycocotools' COCOeval after `evaluate`, with one range of areas; None if there is no box of a known class.
    """
    if not any(len(truth.known().boxes) for truth in truths):
        return None
    with redirect_stdout(io.StringIO()):  # pycocotools prints every step
        annotated = _indexed(truths, [np.ones(len(truth.classes)) for truth in truths], number_of_names)
        predicted = _indexed(found, [one.scores for one in found], number_of_names)
        evaluation: Any = COCOeval(annotated, predicted, "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [most]
        evaluation.evaluate()
    return evaluation


def _indexed(images: Sequence[Truth] | Sequence[Found], scores: Sequence[np.ndarray], number_of_names: int) -> Any:
    """Return boxes as pycocotools wants them; one of unknown class is a crowd of every class."""
    categories = range(1, number_of_names + 1)
    annotations: list[dict[str, Any]] = []
    for image, (boxes, of_image) in enumerate(zip(images, scores, strict=True), start=1):
        rows = zip(_with_sides(boxes.boxes), of_image.tolist(), boxes.classes.tolist(), strict=True)
        annotations += [
            {
                "image_id": image,
                "category_id": category,
                "bbox": box,
                "area": box[2] * box[3],
                "iscrowd": int(label == UNKNOWN),
                "score": score,
            }
            for box, score, label in rows
            for category in (categories if label == UNKNOWN else [label])
        ]
    index: Any = COCO()
    index.dataset = {
        "images": [{"id": image} for image in range(1, len(images) + 1)],
        "categories": [{"id": category} for category in categories],
        "annotations": [{"id": number, **row} for number, row in enumerate(annotations, start=1)],
    }
    index.createIndex()
    return index


def _with_sides(boxes: np.ndarray) -> list[list[float]]:
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
