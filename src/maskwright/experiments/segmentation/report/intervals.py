"""How sure a split's scores are, given its images."""

from collections.abc import Callable, Sequence

import numpy as np

from maskwright.experiments.segmentation.report.metrics import (
    ImageScores,
    mean_of_defined,
    over_pixels,
    per_image,
    ratio,
    stacked,
)
from maskwright.reporting.intervals import examples_interval, resampled_interval

_FEWEST = 2  # to resample


def split_intervals(scores: Sequence[ImageScores]) -> dict[str, list[float]]:
    """Return the 95 % interval of each number that `metrics.summarise` gives for the split as a whole.

    The bootstrap draws images, see `reporting.intervals`: another test set would have given other numbers. Each draw
    has its own numbers, those over pixels from the sum of the drawn images' confusion matrices.

    Args:
        scores: those of the N images. Images without a labelled pixel are not drawn, as they have no scores.

    Returns:
        [low, high] under the names of the numbers; nothing if fewer than two images can be drawn.
    """
    labelled = [one for one in scores if one.confusion.any()]
    if len(labelled) < _FEWEST:
        return {}
    confusions, boundaries = stacked(labelled, len(labelled[0].confusion))
    number, classes = boundaries.shape
    # The drawn images are not copied: each one's numbers are multiplied by how often it was drawn.
    flat = confusions.reshape(number, -1).astype(np.float64)
    defined, filled = np.isfinite(boundaries).astype(np.float64), np.nan_to_num(boundaries)

    def from_pixels(name: str) -> Callable[[np.ndarray], float]:
        def statistic(drawn: np.ndarray) -> float:
            times = np.bincount(drawn, minlength=number)
            return over_pixels((times @ flat).reshape(classes, classes))[name]

        return statistic

    def boundary_f1(drawn: np.ndarray) -> float:
        times = np.bincount(drawn, minlength=number)
        return mean_of_defined(ratio(times @ filled, times @ defined))

    intervals = {name: resampled_interval(from_pixels(name), number) for name in over_pixels(confusions[0])}
    intervals |= {name: examples_interval(values) for name, values in per_image(confusions).items()}
    intervals["boundary_f1"] = resampled_interval(boundary_f1, number)
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}
