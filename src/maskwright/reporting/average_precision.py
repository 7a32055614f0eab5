"""COCO's average precision of a draw of images, for the bootstrap, from what pycocotools matched once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

_RECALLS = np.linspace(0.0, 1.0, 101)


class Curve(NamedTuple):
    """The predictions of a class in descending order of score, at I IoUs: what is needed to resample images.

    Attributes:
        images: (D,) int, the image of each prediction, up to the last one that is right at any IoU.
        wrong: (I, D) bool, the predictions that are wrong.
        places: (I, T) int, the places of those that are right, in order; 0 where there are fewer than T.
        there: (I, T) bool, where `places` holds a place.
        boxes: (N,) int, the number of boxes in each image.
    """

    images: np.ndarray
    wrong: np.ndarray
    places: np.ndarray
    there: np.ndarray
    boxes: np.ndarray

    def at_the_first_iou(self) -> "Curve":
        """Return the curve at the first IoU alone."""
        return self._replace(wrong=self.wrong[:1], places=self.places[:1], there=self.there[:1])


def average_precision(curves: Sequence[Curve], chosen: np.ndarray) -> float:
    """Return COCO's average precision of a draw of images: the mean over the classes with a box, and over the IoUs.

    An image that is drawn twice has all its predictions twice, next to each other in the order of the scores. At the
    last of such copies the precision is highest if they are right, and the precisions at the others do not count,
    since COCO takes the highest precision at the same or a greater recall. So one step for all copies is enough.

    Args:
        curves: one for each class.
        chosen: the numbers of the drawn images.

    Returns:
        NaN if none of the drawn images has a box.
    """
    drawn = np.bincount(chosen, minlength=len(curves[0].boxes))
    values = [_of_class(curve, drawn) for curve in curves if drawn @ curve.boxes]
    return float(np.mean(values)) if values else float("nan")


def _of_class(curve: Curve, drawn: np.ndarray) -> float:
    weights = drawn[curve.images]  # (D,)
    right = np.cumsum(weights[curve.places] * curve.there, axis=1)  # (I, T)
    wrong = np.take_along_axis(np.cumsum(weights * curve.wrong, axis=1), curve.places, axis=1)
    precision = curve.there * right / np.maximum(1, right + wrong)
    highest = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    # So many of the sampled recalls lie at or below each recall; each has the highest precision from there on.
    reached = np.searchsorted(_RECALLS, right / (drawn @ curve.boxes), side="right")
    sampled = np.diff(reached, axis=1, prepend=0)
    return float((highest * sampled).sum() / (len(_RECALLS) * len(precision)))


def curves_of(evaluation: Any, images: int, number_of_names: int) -> list[Curve]:
    """Return the curve of each class, at the IoUs 0.5, 0.55, ..., 0.95.

    Args:
        evaluation: from `photos.coco_scores.coco_evaluation`.
        images: their number.
        number_of_names: the number of classes without the background.
    """
    by_class = (evaluation.evalImgs[start : start + images] for start in range(0, number_of_names * images, images))
    return [_curve(of_class, len(evaluation.params.iouThrs)) for of_class in by_class]


def _curve(of_images: Sequence[Mapping[str, np.ndarray] | None], number_of_ious: int) -> Curve:
    """Return the curve of a class from what pycocotools found in each image, None where there is nothing."""
    boxes = np.array([0 if one is None else np.count_nonzero(one["gtIgnore"] == 0) for one in of_images])
    rows = [(image, one) for image, one in enumerate(of_images) if one is not None and len(one["dtScores"])]
    if not rows:
        nothing = np.zeros((number_of_ious, 0), int)
        return Curve(nothing[0], nothing > 0, nothing, nothing > 0, boxes)
    images = np.concatenate([np.full(len(one["dtScores"]), image) for image, one in rows])
    order = np.argsort(-np.concatenate([one["dtScores"] for _, one in rows]), kind="stable")
    counted = ~np.concatenate([one["dtIgnore"] for _, one in rows], axis=1).astype(bool)[:, order]
    matched = (np.concatenate([one["dtMatches"] for _, one in rows], axis=1) > 0)[:, order]
    right = matched & counted
    end = int(np.max(np.flatnonzero(right.any(axis=0)), initial=-1)) + 1
    right, wrong = right[:, :end], (~matched & counted)[:, :end]
    number = right.sum(axis=1, keepdims=True)
    there = np.arange(number.max(initial=0)) < number  # (I, T)
    places = np.zeros(there.shape, int)
    places[there] = np.nonzero(right)[1]
    return Curve(images[order][:end], wrong, places, there, boxes)
