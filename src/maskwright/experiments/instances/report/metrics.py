"""The numbers of an evaluation: panoptic quality, average precision of masks, and how well objects are counted.

    result = image_result(truth, found, things, classes)        # for each photograph
    numbers = summarise(results, names, things, most=1000)

Imports no TensorFlow.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from maskwright.experiments.instances.learn.quality import Outcome, compare, total
from maskwright.photos.coco_scores import Row, coco_evaluation, coco_numbers
from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT, run_lengths, runs_of


class Truth(NamedTuple):
    """What is annotated in a photograph.

    Attributes:
        mask: (H, W) uint8 class indices, `IGNORE` where unknown.
        numbers: (H, W) uint16 object numbers.
    """

    mask: np.ndarray
    numbers: np.ndarray


class ImageResult(NamedTuple):
    """What is kept of a photograph; no pixels.

    Attributes:
        outcome: of its segments.
        counted: (C,) int64, how many objects of each class are annotated, those with a pixel.
        found: (C,) int64, how many were predicted.
        annotations, predictions: rows for `photos.coco_scores`.
    """

    outcome: Outcome
    counted: np.ndarray
    found: np.ndarray
    annotations: list[Row]
    predictions: list[Row]


def image_result(truth: Truth, found: Any, things: np.ndarray, number_of_classes: int) -> ImageResult:
    """Score one photograph.

    Args:
        truth: see above.
        found: `learn.grouping.Objects`, of the same size.
        things: (256,) bool, which classes are divided into objects.
        number_of_classes: C, with the background.
    """
    annotations = truth_rows(truth, things)
    known = [row for row in annotations if not row["iscrowd"]]
    return ImageResult(
        compare(truth, (found.mask, found.numbers), things, number_of_classes),
        np.bincount([row["category_id"] for row in known], minlength=number_of_classes),
        np.bincount(found.classes, minlength=number_of_classes),
        annotations + _unknown_rows(truth, things, number_of_classes),
        found_rows(found),
    )


def truth_rows(truth: Truth, things: np.ndarray) -> list[Row]:
    """Return the annotated objects of a photograph, with their run lengths."""
    numbers = np.where(things[truth.mask] & (truth.numbers != UNKNOWN_OBJECT), truth.numbers, 0)
    height, width = numbers.shape
    by_column = truth.mask.T.reshape(-1)
    return [
        _row(int(by_column[runs[0, 0]]), runs, height, width) | {"iscrowd": 0} for runs in runs_of(numbers).values()
    ]


def found_rows(found: Any) -> list[Row]:
    """Return the predicted objects of a photograph, with their run lengths and scores."""
    height, width = found.numbers.shape
    return [
        _row(int(found.classes[number - 1]), runs, height, width) | {"score": float(found.scores[number - 1])}
        for number, runs in runs_of(found.numbers).items()
    ]


def _unknown_rows(truth: Truth, things: np.ndarray, number_of_classes: int) -> list[Row]:
    """Return what is unknown as a crowd of every class: objects in it are neither right nor wrong."""
    unknown = (truth.mask == IGNORE) | (truth.numbers == UNKNOWN_OBJECT)
    height, width = unknown.shape
    return [
        _row(category, runs, height, width) | {"iscrowd": 1}
        for runs in runs_of(unknown.astype(np.uint8)).values()
        for category in np.flatnonzero(things[:number_of_classes]).tolist()
    ]


def _row(category: int, runs: np.ndarray, height: int, width: int) -> Row:
    area = int((runs[:, 1] - runs[:, 0]).sum())
    return {"category_id": category, "segmentation": run_lengths(runs, height, width), "area": area}


def evaluation_of(results: Sequence[ImageResult], number_of_names: int, most: int) -> Any | None:
    """Return pycocotools' matches of the masks; see `photos.coco_scores.coco_evaluation`."""
    truths, found = [one.annotations for one in results], [one.predictions for one in results]
    return coco_evaluation(truths, found, number_of_names, kind="segm", most=most)


def summarise(
    results: Sequence[ImageResult], names: Sequence[str], things: np.ndarray, *, most: int
) -> dict[str, Any]:
    """Return the numbers of a split.

    `pq`, `sq` and `rq` are means over the classes that have a value (see `learn.quality`), `pq_things` and `pq_stuff`
    over those of each kind. `ap`, `ap50`, `ap75` and `ar` are COCO's, of masks of things. With n_i objects of a class
    in photograph i, m_i of which were predicted, and N photographs,

        count_error = sum_i |m_i - n_i| / N,     count_bias = sum_i (m_i - n_i) / N

    as means over the classes of things, in objects a photograph. Where 2 and 2 are annotated in two photographs, and
    1 and 3 found, the error is 1 and the bias 0.

    Args:
        results: those of the N photographs.
        names: of the classes, background first.
        things: (256,) bool, which of them are divided into objects.
        most: objects of a class in a photograph that count for the average precision.

    Returns:
        These numbers, and under `per_class` for each class name `pq`, `sq`, `rq`, `ap`, `ap50`, `objects`
        (annotated), `found`, `count_error` and `count_bias`. A number without a value is left out.
    """
    outcome = total([one.outcome for one in results])
    qualities = {"pq": outcome.pq(), "sq": outcome.sq(), "rq": outcome.rq()}
    kinds = things[: len(names)]
    errors = np.stack([one.found - one.counted for one in results])  # (N, C)
    numbers: dict[str, Any] = {name: _mean(values) for name, values in qualities.items()}
    numbers |= {"pq_things": _mean(qualities["pq"][kinds]), "pq_stuff": _mean(qualities["pq"][~kinds])}
    numbers |= {
        "count_error": float(np.abs(errors)[:, kinds].mean()),
        "count_bias": float(errors[:, kinds].mean()),
    }
    evaluation = evaluation_of(results, len(names) - 1, most)
    scores = {} if evaluation is None else coco_numbers(evaluation, names[1:])[0]
    by_class = scores.pop("per_class", {})
    numbers |= scores
    per_class = {}
    for index, name in enumerate(names[1:], start=1):
        values = {key: _number(of_classes[index]) for key, of_classes in qualities.items()}
        if things[index]:
            values |= by_class.get(name, {}) | {
                "objects": int(sum(one.counted[index] for one in results)),
                "found": int(sum(one.found[index] for one in results)),
                "count_error": float(np.abs(errors[:, index]).mean()),
                "count_bias": float(errors[:, index].mean()),
            }
        per_class[name] = {key: value for key, value in values.items() if value is not None}
    numbers = {key: value for key, value in numbers.items() if value is not None}
    return {**numbers, "per_class": per_class}


def _mean(values: np.ndarray) -> float | None:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
