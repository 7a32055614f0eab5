"""How sure a number is: 95 % confidence intervals. Plain functions of arrays.

The rule for every number that networks reach on test examples. It has two intervals, each with 95 % confidence:

    seeds     Student's t over the seeds' numbers: another training would have given another number
    test      bootstrap over the test examples: another test set would have given another number

The bootstrap resamples the test examples, the same for all seeds, and takes the mean over the seeds each time. So the
first interval is for this test set, and the second for these trainings. A number that is measured on every possible
input has no second interval, and a single training has no first.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special  # not `stats`, which takes a second to import

CONFIDENCE = 0.95

RESAMPLES = 2000
"""Number of the bootstrap's resamples."""


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


def exact_share_interval(successes: int, number: int) -> Interval:
    """Return the share of successes and its 95 % interval by the binomial distribution itself.

    Its ends are the shares that two one-sided binomial tests at 2.5 % just do not reject, so it agrees with these
    tests. It is wider than Wilson's, and covers the truth at least 95 times in 100 whatever the share is.

    Args:
        successes, number: as for `share_interval`; errors likewise.

    Example:
        5 of 5: from 0.025^(1/5) = 0.4782 to 1.

    References:
        C. J. Clopper, E. S. Pearson (1934), The use of confidence or fiducial limits illustrated in the case of the
        binomial, Biometrika 26.
    """
    share = share_interval(successes, number).mean
    half = (1 - CONFIDENCE) / 2
    low = float(special.betaincinv(successes, number - successes + 1, half)) if successes else 0.0
    high = float(special.betaincinv(successes + 1, number - successes, 1 - half)) if successes < number else 1.0
    return Interval(share, low, high)


def share_difference(first: tuple[int, int], second: tuple[int, int]) -> Interval:
    """Return the difference of two independent shares and its 95 % interval by Newcombe's hybrid score.

    With Wilson's intervals (l, u) of the shares p:

        low = p1 - p2 - √((p1 - l1)² + (u2 - p2)²),    high = p1 - p2 + √((u1 - p1)² + (p2 - l2)²)

    Args:
        first, second: how often it happened, and how often it was tried.

    Raises:
        ValueError: as `share_interval`.

    Example:
        20 of 20 less 20 of 20: both from 0.8389 to 1, so the difference is 0, from -0.1611 to 0.1611.

    References:
        R. G. Newcombe (1998), Interval estimation for the difference between independent proportions, Statistics in
        Medicine 17, method 10.
    """
    one, other = share_interval(*first), share_interval(*second)
    difference = one.mean - other.mean
    return Interval(
        difference,
        difference - math.hypot(one.mean - one.low, other.high - other.mean),
        difference + math.hypot(one.high - one.mean, other.mean - other.low),
    )


def examples_interval(values: Sequence[float] | np.ndarray, bounds: tuple[float, float] | None = None) -> Interval:
    """Return the mean over test examples and its 95 % interval by the bootstrap, see `resampled_interval`.

    Where every value of a share is 0, or every value is 1, resampling changes nothing; the interval is then Wilson's.

    Args:
        values: (N,) finite numbers, one for each test example: its mean over the seeds.
        bounds: (0, 1) for a share.

    Raises:
        ValueError: no value, or one that is not finite.

    Example:
        1000 examples of which 964 are right, once: 0.964, from about 0.952 to 0.975, as 1.96 √(0.964 · 0.036 / 1000)
        is 0.0115.
    """
    array = np.asarray(values, float)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"an interval needs finite values in one dimension, not {array!r}")
    if bounds == (0, 1) and np.ptp(array) == 0 and array[0] in bounds:
        return share_interval(int(array.sum()), len(array))
    return resampled_interval(lambda chosen: float(array[chosen].mean()), len(array))


def resampled_interval(statistic: Callable[[np.ndarray], float], examples: int) -> Interval:
    """Return a statistic of test examples and its 95 % interval by the percentile bootstrap.

    The ends are the 2.5 % and 97.5 % quantiles of the statistic over 2,000 draws of as many examples, with
    replacement. The draws are always the same, so that two statistics of the same examples are resampled together.

    Args:
        statistic: takes the numbers of the drawn examples, (N,) int64 from 0 to N - 1, and returns a number, or NaN
            where the draw has none. If no draw has one, the interval is NaN.
        examples: N, at least 1.

    References:
        B. Efron, R. Tibshirani (1993), An introduction to the bootstrap, chapter 13.
    """
    rng = np.random.default_rng(0)
    drawn = np.array([statistic(rng.integers(0, examples, examples)) for _ in range(RESAMPLES)])
    half = (1 - CONFIDENCE) / 2
    found = drawn[~np.isnan(drawn)]
    low, high = np.quantile(found, (half, 1 - half)) if len(found) else (np.nan, np.nan)
    return Interval(statistic(np.arange(examples)), float(low), float(high))


def two_intervals(values: np.ndarray, bounds: tuple[float, float] | None = None) -> dict[str, float]:
    """Return `mean`, the seeds' interval as `low` and `high`, and the test's as `test_low` and `test_high`.

    Args:
        values: (R, N) finite numbers, for each seed and test example: whether the answer is right, say. For the
            difference of two variants, that of their values.
        bounds: the least and the greatest possible value, for the seeds' interval.
    """
    array = np.asarray(values, float)
    seeds, test = mean_interval(array.mean(axis=1), bounds), examples_interval(array.mean(axis=0), bounds)
    return {**seeds._asdict(), "test_low": test.low, "test_high": test.high}
