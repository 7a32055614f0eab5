"""The measures that decide a claim: results in, an interval and the number of seeds out."""

from collections.abc import Callable
from functools import reduce
from operator import getitem
from typing import Any

import numpy as np

from maskwright.claims.judge import Results
from maskwright.reporting.intervals import Interval, mean_interval, paired_difference, share_interval

Measure = Callable[[Results], tuple[Interval, int]]

Values = Callable[[Results], np.ndarray]
"""Takes one number for each seed from the results, (R,), always in the same order."""


def of_seeds(variant: str, measure: str) -> Values:
    """Take the value that each seed of a variant reached."""
    return lambda results: results.seeds(variant, measure)


def of_trials(measure: str, levels: dict[str, str]) -> Values:
    """Take the value that each seed reached in a sweep's trials with these levels, averaged over several trials."""
    return lambda results: results.trial_seeds(measure, levels)


def mean(values: Values, bounds: tuple[float, float] | None = None) -> Measure:
    """Measure the mean over the seeds; its interval ends at the bounds."""

    def measured(results: Results) -> tuple[Interval, int]:
        taken = values(results)
        return mean_interval(taken, bounds), len(taken)

    return measured


def share(values: Values) -> Measure:
    """Measure the share of the seeds for which something happened: their value is 1, not 0."""

    def measured(results: Results) -> tuple[Interval, int]:
        taken = values(results)
        return share_interval(int(taken.sum()), len(taken)), len(taken)

    return measured


def share_without(*values: Values) -> Measure:
    """Measure the share of the seeds for which all values are 0."""

    def measured(results: Results) -> tuple[Interval, int]:
        happened = np.array([taken(results) for taken in values]) > 0
        return share_interval(int((~happened.any(axis=0)).sum()), happened.shape[1]), happened.shape[1]

    return measured


def difference(first: Values, second: Values) -> Measure:
    """Measure how much greater the first is than the second, seed by seed."""

    def measured(results: Results) -> tuple[Interval, int]:
        one, other = first(results), second(results)
        return paired_difference(one, other), len(one)

    return measured


def number(variant: str, *keys: str) -> Measure:
    """Take a number from `details.json` that does not depend on a seed."""

    def measured(results: Results) -> tuple[Interval, int]:
        value: Any = reduce(getitem, keys, results.variants[variant])
        return Interval(value, value, value), 0

    return measured


def stored(variant: str, *keys: str) -> Measure:
    """Take an interval over the seeds that `details.json` holds."""

    def measured(results: Results) -> tuple[Interval, int]:
        value: Any = reduce(getitem, keys, results.variants[variant])
        return Interval(**value), results.variants[variant]["seeds"]

    return measured


def effect(response: str, change: str) -> Measure:
    """Take the effect of a change on a response of the sweep, by its name in the effects' `metrics.json`."""

    def measured(results: Results) -> tuple[Interval, int]:
        analysis = results.effects(response)
        found = analysis["effects"][change]
        return Interval(found["estimate"], found["low"], found["high"]), analysis["seeds"]

    return measured
