"""Panoptic quality: how well predicted segments agree with the true ones. Imports no TensorFlow.

A segment is an object, or all pixels of a photograph that have one class of stuff. Each pixel is in one segment at
most. A true and a predicted segment of the same class match if their IoU is above 0.5; there is at most one such
partner. With TP the matched pairs, FP the predicted and FN the true segments without a partner, for each class

    PQ = sum of the matched pairs' IoU / (TP + FP / 2 + FN / 2) = SQ * RQ
    SQ = mean IoU of the matched pairs                              segmentation quality
    RQ = TP / (TP + FP / 2 + FN / 2)                                recognition quality, the F1 of the segments

(Kirillov, He, Girshick, Rother, Dollár 2019, https://arxiv.org/abs/1801.00868, section 4). TP, FP and FN are summed
over the photographs of a split; a split's PQ is the mean over the classes that have a segment, true or predicted.

Pixels whose truth is unknown count for nothing: they are in no union, and a predicted segment without a partner that
lies in them by more than half is left out. Background is no class, so what is predicted on it is in the union.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT

_STUFF = 1 << 20
"""Added to a class of stuff to make the number of its segment: beyond all numbers of objects."""


class Outcome(NamedTuple):
    """How the segments of a photograph, or of several, fared, class by class.

    Attributes:
        ious: (C,) float64, the sum of the matched pairs' IoU; the background's is 0.
        matched: (C,) int64, TP.
        extra: (C,) int64, FP.
        missed: (C,) int64, FN.
    """

    ious: np.ndarray
    matched: np.ndarray
    extra: np.ndarray
    missed: np.ndarray

    def pq(self) -> np.ndarray:
        """Return the (C,) panoptic quality; NaN for a class without a segment."""
        return _share(self.ious, self._segments())

    def sq(self) -> np.ndarray:
        """Return the (C,) segmentation quality; NaN for a class without a matched pair."""
        return _share(self.ious, self.matched)

    def rq(self) -> np.ndarray:
        """Return the (C,) recognition quality; NaN for a class without a segment."""
        return _share(self.matched, self._segments())

    def _segments(self) -> np.ndarray:
        return self.matched + (self.extra + self.missed) / 2


def total(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome of several photographs together."""
    return Outcome(*(np.sum(parts, axis=0) for parts in zip(*outcomes, strict=True)))


def compare(
    truth: tuple[np.ndarray, np.ndarray], found: tuple[np.ndarray, np.ndarray], things: np.ndarray, classes: int
) -> Outcome:
    """Match the segments of one photograph.

    Args:
        truth: (H, W) class indices, `IGNORE` where unknown, and (H, W) object numbers. What has the class of a thing
            and no number counts as unknown.
        found: the same of a prediction; what has the class of a thing and no number is no segment.
        things: (256,) bool, which classes are divided into objects.
        classes: C, with the background.

    By hand: object 1 has three pixels, of which two are found, and one more that is not its own. The IoU is 2 / 4 =
    0.5, which is no match: one segment too many, and one missed.

    >>> mask, numbers = np.array([[1, 1, 1, 0]]), np.array([[1, 1, 1, 0]])
    >>> things = np.arange(256) == 1
    >>> shifted = np.array([[0, 1, 1, 1]])
    >>> outcome = compare((mask, numbers), (shifted, shifted), things, 2)
    >>> outcome.matched[1], outcome.extra[1], outcome.missed[1]
    (np.int64(0), np.int64(1), np.int64(1))
    """
    true, of_truth, known = _segments(*truth, things)
    predicted, of_found, _ = _segments(*found, things)
    # Of each pair of segments, 0 for none, the pixels they share; only where the truth is known.
    shared = np.zeros((len(of_truth), len(of_found)), np.int64)
    np.add.at(shared, (true[known], predicted[known]), 1)
    in_unknown = np.bincount(predicted[~known], minlength=len(of_found))
    areas = shared.sum(axis=1)[:, None] + shared.sum(axis=0)[None, :]
    with np.errstate(invalid="ignore"):
        ious = shared / (areas - shared)
    pairs = (ious > 0.5) & (of_truth[:, None] == of_found[None, :])
    pairs[0], pairs[:, 0] = False, False
    rows, columns = np.nonzero(pairs)
    left_out = in_unknown > (shared.sum(axis=0) + in_unknown) / 2
    missed = np.ones(len(of_truth), bool)
    missed[rows] = False
    # A segment of which no pixel is known is in neither.
    missed &= shared.sum(axis=1) > 0
    extra = ~left_out
    extra[columns] = False
    missed[0] = extra[0] = False
    summed = np.zeros(classes)
    np.add.at(summed, of_truth[rows], ious[rows, columns])
    return Outcome(
        summed,
        np.bincount(of_truth[rows], minlength=classes),
        np.bincount(of_found[extra], minlength=classes),
        np.bincount(of_truth[missed], minlength=classes),
    )


def mean_of_defined(values: np.ndarray) -> float:
    """Return the mean of the values that are not NaN; NaN if there is none."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _segments(mask: np.ndarray, numbers: np.ndarray, things: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pixels' segments, counted from 1, the segments' classes, and where it is known what is there.

    Returns:
        (N,) int64 of the flattened pixels, 0 for none; (S + 1,) int64, the first of which stands for none; (N,) bool.
    """
    mask, numbers = mask.reshape(-1).astype(np.int64), numbers.reshape(-1).astype(np.int64)
    thing = things[mask]
    known = (mask != IGNORE) & (numbers != UNKNOWN_OBJECT) & ~(thing & (numbers == 0))
    codes = np.where(thing, numbers, np.where(mask > 0, _STUFF + mask, 0))
    codes[~known] = 0
    values, first, places = np.unique(np.append(codes, 0), return_index=True, return_inverse=True)
    classes = np.append(mask, 0)[first]
    classes[values == 0] = 0
    return places.reshape(-1)[:-1], classes, known


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
