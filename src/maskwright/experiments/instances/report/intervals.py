"""How sure a split's numbers are, given its photographs: intervals by the bootstrap over photographs."""

from collections.abc import Callable, Sequence

import numpy as np

from maskwright.experiments.instances.learn.quality import Outcome, mean_of_defined
from maskwright.experiments.instances.report.metrics import ImageResult, evaluation_of
from maskwright.reporting.average_precision import average_precision, curves_of
from maskwright.reporting.intervals import resampled_interval

_FEWEST = 2  # to resample


def split_intervals(
    results: Sequence[ImageResult],
    baseline: Sequence[ImageResult],
    things: np.ndarray,
    number_of_classes: int,
    *,
    most: int,
) -> dict[str, list[float]]:
    """Return the ends of the 95 % interval of the numbers of `metrics.summarise`, and of the gain over the baseline.

    Args:
        results: those of the N photographs.
        baseline: those of the connected components, in the same order.
        things: (256,) bool, which classes are divided into objects.
        number_of_classes: C, with the background.
        most: see `metrics.summarise`.

    Returns:
        `pq`, `sq`, `rq`, `ap50`, `ap`, `count_error`, `count_bias` and `pq_gain`, with two numbers each; nothing if
        there are fewer than two photographs, and no average precision if there is no object.
    """
    if len(results) < _FEWEST:
        return {}
    ours, theirs = _stacked(results), _stacked(baseline)
    errors = np.stack([one.found - one.counted for one in results])[:, things[:number_of_classes]]

    def of(outcome: Outcome, name: str) -> Callable[[np.ndarray], float]:
        return lambda drawn: mean_of_defined(getattr(_drawn(outcome, drawn), name)())

    statistics: dict[str, Callable[[np.ndarray], float]] = {name: of(ours, name) for name in ("pq", "sq", "rq")}
    statistics |= {
        "pq_gain": lambda drawn: of(ours, "pq")(drawn) - of(theirs, "pq")(drawn),
        "count_error": lambda drawn: float(np.abs(errors[drawn]).mean()),
        "count_bias": lambda drawn: float(errors[drawn].mean()),
    }
    evaluation = evaluation_of(results, number_of_classes - 1, most)
    if evaluation is not None:
        curves = curves_of(evaluation, len(results), number_of_classes - 1)
        first = [curve.at_the_first_iou() for curve in curves]
        statistics |= {
            "ap50": lambda drawn: average_precision(first, drawn),
            "ap": lambda drawn: average_precision(curves, drawn),
        }
    found = {name: resampled_interval(statistic, len(results)) for name, statistic in statistics.items()}
    return {name: [one.low, one.high] for name, one in found.items() if np.isfinite(one.mean)}


def _stacked(results: Sequence[ImageResult]) -> Outcome:
    """Return the outcomes of N photographs as one of (N, C) arrays."""
    return Outcome(*(np.stack(parts) for parts in zip(*(one.outcome for one in results), strict=True)))


def _drawn(outcome: Outcome, drawn: np.ndarray) -> Outcome:
    """Return the outcome of drawn photographs together; one that is drawn twice counts twice."""
    times = np.bincount(drawn, minlength=len(outcome.ious))
    return Outcome(*(times @ part for part in outcome))
