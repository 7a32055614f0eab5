"""The scores of the masked digits over the seeds, and the accuracy of guessing. Plain functions of arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from maskwright.experiments.masked_digits.params import SINGLE
from maskwright.reporting.intervals import mean_interval, paired_difference
from maskwright.shared.datasets import DIGIT_CLASSES

MEASURES = {"grid": "accuracy", "canvas": "canvas_accuracy"}
"""For each kind of image, the name of its accuracy."""


def summary(measured: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, Any]:
    """Return for each variant its measures over the R seeds, each as `mean`, `low` and `high`.

    Args:
        measured: for each variant `accuracy` (R,) and `canvas_accuracy` (R,). `single` must be one of the variants;
            its `canvas_accuracy` is not used.

    Returns:
        For each variant `accuracy`, `seeds`, and, except for `single`, `canvas_accuracy`, `below_bound` and
        `canvas_below_bound`: the accuracy of `single` minus the variant's, seed by seed.
    """
    bound = measured[SINGLE]["accuracy"]
    variants: dict[str, Any] = {}
    for variant, measures in measured.items():
        values: dict[str, Any] = {"accuracy": mean_interval(measures["accuracy"], (0, 1))._asdict()}
        if variant != SINGLE:
            values["canvas_accuracy"] = mean_interval(measures["canvas_accuracy"], (0, 1))._asdict()
            values["below_bound"] = paired_difference(bound, measures["accuracy"])._asdict()
            values["canvas_below_bound"] = paired_difference(bound, measures["canvas_accuracy"])._asdict()
        variants[variant] = {**values, "seeds": len(bound)}
    return variants


def guessing_ceiling(digits: np.ndarray) -> float:
    """Return the greatest accuracy without knowing which of the digits is the real one.

    The best guess is the most frequent of the four digits. The result is the mean over the images of
    (count of the most frequent digit) / 4.

    Args:
        digits: (N, 4) integers from 0 to 9.

    Example:
        Half of the digits 3 1 3 7 are 3, and a quarter of the digits 0 1 2 3 is each. The result for these two images
        is 0.375.
    """
    counts = (digits[:, :, None] == np.arange(DIGIT_CLASSES)).sum(axis=1)
    return float(counts.max(axis=1).mean() / digits.shape[1])
