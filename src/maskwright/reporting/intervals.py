"""How sure a number is: 95 % confidence intervals over seeds. Plain functions of arrays."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import special  # not `stats`, which takes a second to import

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate with the two ends of its confidence interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Sequence[float] | np.ndarray, bounds: tuple[float, float] | None = None) -> Interval:
    """Return the mean of independent values and its 95 % interval by Student's t distribution.

        mean ± t(0.975, n - 1) · s / √n,    s the standard deviation with n - 1 in the denominator

    Args:
        values: (n,) finite numbers, n >= 1, for example one accuracy for each seed.
        bounds: the least and the greatest possible value, to which the interval is cut: (0, 1) for a share.

    Returns:
        Mean and ends. One value says nothing of the spread: its interval is all of `bounds`, or infinite.

    Raises:
        ValueError: no value, or one that is not finite.

    Example:
        1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.3027, half width 4.3027 / √3 = 2.4841, so -0.484 to 4.484.
    """
    array = np.asarray(values, float)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"an interval needs finite values in one dimension, not {array!r}")
    mean = float(array.mean())
    if array.size == 1:
        half = np.inf
    else:
        quantile = special.stdtrit(array.size - 1, (1 + CONFIDENCE) / 2)
        half = float(quantile * array.std(ddof=1) / np.sqrt(array.size))
    low, high = bounds or (-np.inf, np.inf)
    return Interval(mean, max(low, mean - half), min(high, mean + half))


def share_interval(successes: int, number: int) -> Interval:
    """Return the share of successes and its 95 % interval by Wilson's score.

    Unlike mean ± t · s / √n it says something where all or none succeed.

    Args:
        successes: how often it happened, from 0 to `number`.
        number: how often it was tried, at least 1.

    Raises:
        ValueError: `successes` is not among the possible ones, or nothing was tried.

    Example:
        10 of 10: from 1 / (1 + 1.95996² / 10) = 0.7225 to 1.

    References:
        E. B. Wilson (1927), Probable inference, the law of succession, and statistical inference, JASA 22.
    """
    if not 0 <= successes <= number or number < 1:
        raise ValueError(f"{successes} successes of {number} is not possible")
    share = successes / number
    z = special.ndtri(0.5 + 0.5 * CONFIDENCE)
    denominator = 2 * (number + z**2)
    centre = (2 * number * share + z**2) / denominator
    half = z / denominator * math.sqrt(4 * number * share * (1 - share) + z**2)
    # Exactly 0 or 1 where none or all succeed, which the formula misses by a rounding.
    low = 0.0 if successes == 0 else float(centre - half)
    high = 1.0 if successes == number else float(centre + half)
    return Interval(share, low, high)


def paired_difference(first: Sequence[float] | np.ndarray, second: Sequence[float] | np.ndarray) -> Interval:
    """Return the mean of `first - second`, seed by seed, and its 95 % interval, as `mean_interval`.

    Args:
        first, second: (n,) values of the same n seeds in the same order.

    Raises:
        ValueError: the lengths differ, or as `mean_interval`.
    """
    one, other = np.asarray(first, float), np.asarray(second, float)
    if one.shape != other.shape:
        raise ValueError(f"{one.shape} values cannot be paired with {other.shape}")
    return mean_interval(one - other)
