"""Average precision as measured by COCO, of boxes or of masks, from pycocotools. Imports no TensorFlow."""

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

Row = dict[str, Any]
"""An annotation or a prediction: `category_id` from 1, `bbox` or `segmentation` (run lengths), `area`; `iscrowd` of
an annotation, `score` of a prediction."""


def coco_evaluation(
    truths: Sequence[Sequence[Row]],
    found: Sequence[Sequence[Row]],
    number_of_names: int,
    *,
    kind: Literal["bbox", "segm"],
    most: int,
) -> Any | None:
    """Match predictions and annotations as COCO does.

    Args:
        truths, found: the rows of each image.
        number_of_names: the number of classes without the background.
        kind: whether the IoU is that of boxes or of masks.
        most: the number of predictions per image and class that count; the ones with the highest scores are taken.

    Returns:
        pycocotools' COCOeval after `evaluate`, with one range of areas; None if there is no annotation but crowds.
    """
    if not any(not row["iscrowd"] for rows in truths for row in rows):
        return None
    with redirect_stdout(io.StringIO()):  # pycocotools prints every step
        evaluation: Any = COCOeval(_indexed(truths, number_of_names), _indexed(found, number_of_names), kind)
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [most]
        evaluation.evaluate()
    return evaluation


def coco_numbers(evaluation: Any, names: Sequence[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return COCO's average precision and recall, and the precision-recall curve of each class.

    AP is the area under the precision-recall curve, sampled at 101 recalls, as a mean over the classes that have an
    annotation: `ap50` and `ap75` at the IoUs 0.5 and 0.75, and `ap` as the mean over the IoUs 0.5, 0.55, ..., 0.95.
    `ar` is the greatest recall with the predictions that count, as a mean over the same IoUs and classes. See
    https://cocodataset.org/#detection-eval

    Args:
        evaluation: from `coco_evaluation`.
        names: of the classes, without the background.

    Returns:
        First the four numbers, and, as `per_class`, `ap` and `ap50` of each class that has an annotation. All are 0
        if there is no prediction. Then for each class name the (101,) precisions at IoU 0.5.
    """
    with redirect_stdout(io.StringIO()):
        evaluation.accumulate()
    # (IoUs, recalls, classes) and (IoUs, classes); -1 for a class without an annotation.
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


def _indexed(images: Sequence[Sequence[Row]], number_of_names: int) -> Any:
    rows = [{"image_id": image, **row} for image, its in enumerate(images, start=1) for row in its]
    index: Any = COCO()
    index.dataset = {
        # The sizes are asked for, and not used: run lengths have their own.
        "images": [{"id": image, "height": 0, "width": 0} for image in range(1, len(images) + 1)],
        "categories": [{"id": category} for category in range(1, number_of_names + 1)],
        "annotations": [{"id": number, **row} for number, row in enumerate(rows, start=1)],
    }
    index.createIndex()
    return index
