"""What was measured for a claim, how sure it is, and how improbable it would be if the claim were wrong."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from maskwright.reporting.intervals import (
    Interval,
    exact_share_interval,
    examples_interval,
    mean_interval,
    share_difference,
)

_NORMAL = 1.959964  # half the width of a 95 % interval, in standard errors


@dataclass(frozen=True)
class Evidence:
    """A number with its two uncertainties; see `reporting.intervals` for the rule.

    Attributes:
        seeds: the number, and its 95 % interval over the seeds. Without seeds both ends are the number itself.
        test: its 95 % interval over the test examples; None if it is not measured on a sample of examples.
        count: how many seeds; 0 if it depends on none.
        examples: how many test examples; 0 if it is not measured on a sample of them.
        at_least: limit -> the probability, over the seeds, of a number as large as this one or larger, if its true
            value is the limit.
        at_most: the same, as small or smaller.
    """

    seeds: Interval
    test: Interval | None
    count: int
    examples: int
    at_least: Callable[[float], float]
    at_most: Callable[[float], float]

    def p_above(self, limit: float) -> float:
        """Return the one-sided p of `true value <= limit`: small if both uncertainties speak against it."""
        return 0.0 if limit == -math.inf else max(self.at_least(limit), _tail(self.test, limit))

    def p_below(self, limit: float) -> float:
        """Return the one-sided p of `true value >= limit`."""
        if limit == math.inf:
            return 0.0
        test = None if self.test is None else _mirrored(self.test)
        return max(self.at_most(limit), _tail(test, -limit))


def exact(value: float) -> Evidence:
    """Return a number that depends on no chance."""
    return Evidence(
        seeds=Interval(value, value, value),
        test=None,
        count=0,
        examples=0,
        at_least=lambda limit: float(value <= limit),
        at_most=lambda limit: float(value >= limit),
    )


def of_mean(values: np.ndarray, examples: np.ndarray | None, bounds: tuple[float, float] | None = None) -> Evidence:
    """Return the mean over the seeds.

    Args:
        values: (R,), a number for each seed.
        examples: (N,), the mean over the seeds for each test example; None if there is none.
        bounds: the least and the greatest possible value, to which the seeds' interval is cut.
    """
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    test = None if examples is None else examples_interval(examples, bounds)
    size = 0 if examples is None else len(examples)
    return of_student(mean_interval(values, bounds), error, len(values) - 1, len(values), test, size)


def of_student(
    seeds: Interval, error: float, df: float, count: int, test: Interval | None, examples: int
) -> Evidence:
    """Return a number whose deviation from the true value has a Student distribution.

    Args:
        seeds: the number and its interval.
        error: its standard error.
        df: the degrees of freedom.
        count, test, examples: see `Evidence`.
    """

    def at_least(limit: float) -> float:
        if error == 0:
            return _without_spread(seeds.mean, limit)
        return 0.5 if math.isinf(error) else float(special.stdtr(df, (limit - seeds.mean) / error))

    return Evidence(seeds, test, count, examples, at_least, lambda limit: 1.0 - at_least(limit))


def of_share(successes: int, number: int) -> Evidence:
    """Return the share of the seeds for which something happened: exact binomial interval and p."""
    return Evidence(
        exact_share_interval(successes, number),
        None,
        number,
        0,
        lambda limit: float(special.bdtrc(successes - 1, number, limit)) if successes else 1.0,
        lambda limit: float(special.bdtr(successes, number, limit)),
    )


def of_intervals(seeds: Interval, test: Interval | None, count: int, examples: int) -> Evidence:
    """Return a number of which only the intervals are known; the p follow from their widths on either side."""
    return Evidence(
        seeds, test, count, examples, lambda limit: _tail(seeds, limit), lambda limit: _tail(_mirrored(seeds), -limit)
    )


def of_share_difference(first: tuple[int, int], second: tuple[int, int]) -> Evidence:
    """Return the difference of two shares of seeds, with Newcombe's interval."""
    return of_intervals(share_difference(first, second), None, min(first[1], second[1]), 0)


def _without_spread(value: float, limit: float) -> float:
    """Return the tail probability of a value that does not vary."""
    return 0.5 if value == limit else float(value < limit)


def _mirrored(interval: Interval) -> Interval:
    return Interval(-interval.mean, -interval.high, -interval.low)


def _tail(interval: Interval | None, limit: float) -> float:
    """Return the probability of the interval's mean, or a larger number, if its true value is the limit.

    It is that of a normal distribution that has the interval's width on the limit's side. So it is 2.5 % where the
    limit is the interval's end.
    """
    if interval is None:
        return 0.0
    width = interval.mean - interval.low if limit < interval.mean else interval.high - interval.mean
    if width == 0:
        return _without_spread(interval.mean, limit)
    return float(special.ndtr(_NORMAL * (limit - interval.mean) / width))
