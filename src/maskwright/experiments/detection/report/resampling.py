"""How sure a detector's numbers are, given the test photographs: intervals by the bootstrap over photographs.

The photographs are resampled with all their boxes and predictions, since errors in one photograph go together. See
`reporting.intervals` for the rule.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from maskwright.experiments.detection.learn.average_precision import coco_evaluation
from maskwright.experiments.detection.learn.boxes import Found, Truth
from maskwright.experiments.detection.report.metrics import Counts
from maskwright.reporting.average_precision import Curve, average_precision, curves_of
from maskwright.reporting.intervals import Interval, examples_interval, resampled_interval, share_interval


def image_intervals(
    truths: Sequence[Truth],
    found: Sequence[Found],
    counts: Sequence[Counts],
    sources: Mapping[str, np.ndarray],
    number_of_names: int,
    *,
    most: int,
) -> dict[str, list[float]]:
    """Return the ends of the 95 % interval of each measure.

    Where precision or recall is 0 or 1, resampling changes nothing. The interval is then Wilson's, which takes each
    prediction or box by itself.

    Args:
        truths, found, most: as for `metrics.all_scores`.
        counts: the outcome of each image, from `metrics.count`.
        sources: the measures of each image, from `metrics.sources_scores`.
        number_of_names: the number of classes without the background.

    Returns:
        `ap50`, `ap`, `precision`, `recall`, `f1`, `iou` and the names in `sources`, with two numbers each. A measure
        without a value is left out, as in `metrics`.
    """
    right, wrong, missed = (
        np.array([getattr(one, name).sum() for one in counts]) for name in ("right", "wrong", "missed")
    )
    ious = np.array([one.ious.sum() for one in counts])
    images = len(counts)
    intervals: dict[str, Interval] = {}
    curves = class_curves(truths, found, number_of_names, most)
    if curves:
        first = [curve.at_the_first_iou() for curve in curves]
        intervals["ap50"] = resampled_interval(lambda chosen: average_precision(first, chosen), images)
        intervals["ap"] = resampled_interval(lambda chosen: average_precision(curves, chosen), images)
    boxes = right + missed
    if boxes.sum() + wrong.sum():
        intervals["precision"] = _share(right, right + wrong)
        intervals["f1"] = resampled_interval(_ratio(2 * right, right + wrong + boxes), images)
    if boxes.sum():
        intervals["recall"] = _share(right, boxes)
        intervals["iou"] = resampled_interval(_ratio(ious, boxes), images)
    intervals |= {name: examples_interval(values) for name, values in sources.items()}
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}


def _share(part: np.ndarray, whole: np.ndarray) -> Interval:
    if whole.sum() and part.sum() in (0, whole.sum()):
        return share_interval(int(part.sum()), int(whole.sum()))
    return resampled_interval(_ratio(part, whole), len(whole))


def _ratio(part: np.ndarray, whole: np.ndarray) -> Callable[[np.ndarray], float]:
    """Return the statistic sum of `part` / sum of `whole`; 0 where the drawn images have nothing."""
    return lambda chosen: float(part[chosen].sum() / max(1, whole[chosen].sum()))


def class_curves(truths: Sequence[Truth], found: Sequence[Found], number_of_names: int, most: int) -> list[Curve]:
    """Return the curve of each class, at the IoUs 0.5, 0.55, ..., 0.95; nothing if there is no box."""
    evaluation = coco_evaluation(truths, found, number_of_names, most=most)
    return [] if evaluation is None else curves_of(evaluation, len(truths), number_of_names)
