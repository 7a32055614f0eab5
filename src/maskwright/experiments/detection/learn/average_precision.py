"""Average precision as measured by COCO. Training uses it to choose the best epoch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth
from maskwright.photos import coco_scores as coco


def coco_scores(
    truths: Sequence[Truth], found: Sequence[Found], classes: Sequence[str], *, most: int = 100
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return COCO's average precision and recall, from pycocotools, and the precision-recall curve of each class.

    Regions of unknown class count as crowds of every class: predictions in them are neither right nor wrong.

    Args:
        truths, found: one of each for each image. Include improbable predictions, since AP uses all scores.
        classes: class names, background first.
        most: the number of predictions per image and class that count; the ones with the highest scores are taken.

    Returns:
        What `photos.coco_scores.coco_numbers` does; nothing if there is no box.
    """
    evaluation = coco_evaluation(truths, found, len(classes) - 1, most=most)
    return ({}, {}) if evaluation is None else coco.coco_numbers(evaluation, classes[1:])


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
    annotated = [_rows(truth, np.ones(len(truth.classes)), number_of_names) for truth in truths]
    predicted = [_rows(one, one.scores, number_of_names) for one in found]
    return coco.coco_evaluation(annotated, predicted, number_of_names, kind="bbox", most=most)


def _rows(boxes: Truth | Found, scores: np.ndarray, number_of_names: int) -> list[coco.Row]:
    """Return the boxes of an image as pycocotools wants them; one of unknown class is a crowd of every class."""
    categories = range(1, number_of_names + 1)
    rows = zip(_with_sides(boxes.boxes), scores.tolist(), boxes.classes.tolist(), strict=True)
    return [
        {
            "category_id": category,
            "bbox": box,
            "area": box[2] * box[3],
            "iscrowd": int(label == UNKNOWN),
            "score": score,
        }
        for box, score, label in rows
        for category in (categories if label == UNKNOWN else [label])
    ]


def _with_sides(boxes: np.ndarray) -> list[list[float]]:
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1).tolist()
