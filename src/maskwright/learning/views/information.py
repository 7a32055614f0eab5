"""Entropy and mutual information of discrete variables, from tables or samples. Imports no TensorFlow.

    information(joint_probabilities, "bits").mutual
    sample_information(first_labels, second_labels, miller_madow=True).mutual

All logarithms are to base 2 (`bits`) or e (`nats`), and 0 log 0 is 0. Reference: Cover and Thomas 2006, Elements of
Information Theory, chapter 2, doi:10.1002/047174882X.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

Unit = Literal["bits", "nats"]

_TOLERANCE = 1e-6
"""How far the sum of probabilities may be from 1. The sum of a float32 softmax is off by about 1e-7."""


@dataclass(frozen=True)
class PairInformation:
    """Entropies and mutual information of two discrete variables X and Y, in bits or nats.

        x = H(X) = -sum_x p(x) log p(x)                 y = H(Y)
        joint = H(X, Y) = -sum_xy p(x, y) log p(x, y)
        x_given_y = H(X | Y) = H(X, Y) - H(Y)           y_given_x = H(Y | X) = H(X, Y) - H(X)
        mutual = I(X; Y) = H(X) + H(Y) - H(X, Y)

    No value is negative, except after a correction for bias, which may lead below 0 if there are few samples.
    """

    x: float
    y: float
    joint: float

    @property
    def x_given_y(self) -> float:
        """H(X | Y): the entropy of X that is left once Y is known."""
        return self.joint - self.y

    @property
    def y_given_x(self) -> float:
        """H(Y | X): the entropy of Y that is left once X is known."""
        return self.joint - self.x

    @property
    def mutual(self) -> float:
        """I(X; Y): what each variable says about the other."""
        return self.x + self.y - self.joint


def entropy(probabilities: np.ndarray, unit: Unit = "nats") -> float:
    """Return H = -sum p log p of a distribution.

    Args:
        probabilities: an array of any shape, not negative, with the sum 1. A joint table gives the joint entropy.
        unit: unit of the result.

    Returns:
        Between 0 (one outcome is certain) and log n (all n outcomes have the same probability).

    Raises:
        ValueError: there are no probabilities, one is negative or not finite, or their sum is not 1.

    By hand: 1/2 · 1 + 1/4 · 2 + 1/4 · 2 = 1.5 bits.

    >>> entropy(np.array([0.5, 0.25, 0.25]), "bits")
    1.5
    """
    return _entropy(_checked_probabilities(probabilities)) / _nats(unit)


def information(joint: np.ndarray, unit: Unit = "nats") -> PairInformation:
    """Return entropies and mutual information of two variables from their joint distribution.

    Args:
        joint: (A, B) probabilities, P(X = a, Y = b) in row a and column b.
        unit: unit of the result.

    Raises:
        ValueError: the table does not have two dimensions, or `entropy` would raise the error.

    By hand: X is a uniform byte, Y its four high bits. H(X) = 8 bits, Y leaves 4 of them open, and I = 4 bits.

    >>> byte = information(np.repeat(np.eye(16), 16, axis=0) / 256, "bits")
    >>> byte.x, byte.x_given_y, byte.mutual
    (8.0, 4.0, 4.0)
    """
    table = _checked_probabilities(_two_dimensional(joint))
    parts = (table.sum(axis=1), table.sum(axis=0), table)
    return PairInformation(*(_entropy(part) / _nats(unit) for part in parts))


def count_information(counts: np.ndarray, unit: Unit = "nats", *, miller_madow: bool = False) -> PairInformation:
    """Estimate entropies and mutual information of two variables from the counts of their pairs of values.

    When relative frequencies replace probabilities, entropies are underestimated, and mutual information is
    overestimated if a cell has few samples. Miller and Madow's correction adds (m - 1) / 2N nats to each entropy, for
    N samples and m outcomes that occur. This is the first term of the bias; the rest is of order 1 / N^2.

    Args:
        counts: (A, B) integers, the number of samples with X = a and Y = b in row a and column b.
        unit: unit of the result.
        miller_madow: whether to correct the bias (Miller 1955, Note on the bias of information estimates).

    Raises:
        ValueError: the table does not have two dimensions, a count is negative or not an integer, or all are 0.
    """
    table = np.asarray(_two_dimensional(counts))
    if not np.isfinite(table).all() or (table != np.round(table)).any():
        raise ValueError("counts must be whole numbers")
    if (table < 0).any():
        raise ValueError(f"counts must not be negative, but the smallest is {table.min():g}")
    samples = int(table.sum())
    if not samples:
        raise ValueError("no samples: every count is 0")
    parts = []
    for part in (table.sum(axis=1), table.sum(axis=0), table):
        correction = (np.count_nonzero(part) - 1) / (2 * samples) if miller_madow else 0.0
        parts.append((_entropy(part / samples) + correction) / _nats(unit))
    return PairInformation(*parts)


def sample_information(
    x: np.ndarray,
    y: np.ndarray,
    unit: Unit = "nats",
    *,
    sizes: tuple[int, int] | None = None,
    miller_madow: bool = False,
) -> PairInformation:
    """Estimate entropies and mutual information of two variables from samples; see `count_information`.

    Args:
        x, y: (N,) integers from 0; a pair for each sample.
        unit: unit of the result.
        sizes: the numbers of values that X and Y can take; None for one more than the largest value of each.
        miller_madow: whether to correct the bias.

    Raises:
        ValueError: `pair_counts` refuses the samples.
    """
    return count_information(pair_counts(x, y, sizes), unit, miller_madow=miller_madow)


def pair_counts(x: np.ndarray, y: np.ndarray, sizes: tuple[int, int] | None = None) -> np.ndarray:
    """Count how often each pair of values occurs.

    Args:
        x, y: (N,) integers from 0.
        sizes: (A, B), the numbers of values that X and Y can take; None for one more than the largest value of each.

    Returns:
        (A, B) int64, x in rows and y in columns.

    Raises:
        ValueError: there are no samples, the lengths differ, or a value is not an integer or is out of range.

    >>> pair_counts(np.array([0, 0, 1]), np.array([2, 2, 0]))
    array([[0, 0, 2],
           [1, 0, 0]])
    """
    columns = np.asarray(x), np.asarray(y)
    if columns[0].ndim != 1 or columns[0].shape != columns[1].shape:
        raise ValueError(
            f"samples of shape {columns[0].shape} and {columns[1].shape} are not pairs; give (N,) and (N,)"
        )
    if not columns[0].size:
        raise ValueError("no samples")
    limits = sizes or (None, None)
    for name, values, limit in zip("xy", columns, limits, strict=True):
        if not np.issubdtype(values.dtype, np.integer):
            raise ValueError(f"{name} holds {values.dtype}, not whole numbers")
        if values.min() < 0 or (limit is not None and values.max() >= limit):
            allowed = "0 and above" if limit is None else f"0 to {limit - 1}"
            raise ValueError(f"{name} holds values from {values.min()} to {values.max()}; allowed are {allowed}")
    rows, columns_ = (
        int(values.max()) + 1 if limit is None else limit for values, limit in zip(columns, limits, strict=True)
    )
    pairs = columns[0].astype(np.int64) * columns_ + columns[1]
    return np.bincount(pairs, minlength=rows * columns_).reshape(rows, columns_)


def quantile_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """Divide real numbers into bins of equal size, give or take one.

    Replacing a variable by an increasing function of it does not change its mutual information. It does not change
    these bins either, unlike bins of equal width.

    Args:
        values: (N,) finite numbers.
        bins: number of bins, from 1 to N.

    Returns:
        (N,) int64, from 0 to bins - 1. Equal numbers may fall into different bins.

    Raises:
        ValueError: a value is not finite, or there are fewer values than bins.

    >>> quantile_bins(np.array([0.3, -2.0, 7.5, 0.1]), 2)
    array([1, 0, 1, 0])
    """
    numbers = np.asarray(values, float)
    if numbers.ndim != 1 or not np.isfinite(numbers).all():
        raise ValueError("bins need finite numbers in one dimension")
    if not 1 <= bins <= numbers.size:
        raise ValueError(f"{numbers.size} values cannot fill {bins} bins")
    ranks = np.empty(numbers.size, np.int64)
    ranks[np.argsort(numbers, kind="stable")] = np.arange(numbers.size)
    return ranks * bins // numbers.size


def gaussian_information(correlation: float, unit: Unit = "nats") -> float:
    """Return the mutual information of two jointly Gaussian variables, -1/2 log(1 - correlation^2).

    Args:
        correlation: a number strictly between -1 and 1.
        unit: unit of the result.

    Raises:
        ValueError: the correlation is out of range.

    By hand: for 0.5 it is -1/2 ln 0.75 = 0.1438 nats.

    >>> round(gaussian_information(0.5), 4)
    0.1438
    """
    if not -1 < correlation < 1:
        raise ValueError(f"the correlation must be strictly between -1 and 1, not {correlation}")
    return -0.5 * math.log1p(-(correlation**2)) / _nats(unit)


def parabola_information(noise: float, unit: Unit = "nats") -> float:
    """Return the mutual information of x and y = x^2 + noise, both x and the noise normal with mean 0.

        I(x; y) = h(y) - h(y | x) = -integral p(y) log p(y) dy - 1/2 log(2 pi e noise^2)

    p(y) = integral N(x; 0, 1) N(y; x^2, noise^2) dx. Both integrals are sums over even grids, which for such smooth
    functions that vanish at the ends are exact to about 10 digits.

    Args:
        noise: standard deviation of the noise, at least 0.1; that of x is 1.
        unit: unit of the result.

    Raises:
        ValueError: there is too little noise for the grids.

    As a check: with much noise y is nearly Gaussian with a share 2 / (2 + noise^2) of its variance from x, so that
    I is about 1/2 log(1 + 2 / noise^2) = 0.0099 nats for a noise of 10.

    >>> round(parabola_information(10.0), 4)
    0.0099
    """
    if not noise >= 0.1:
        raise ValueError(f"the noise must be at least 0.1, not {noise}")
    farthest = 9.0  # beyond it, the normal distribution has a share of 2e-19
    x, step = np.linspace(0, farthest, max(500, math.ceil(2 * farthest**2 / noise)), retstep=True)
    weights = np.exp(-(x**2) / 2) * step * 2 / math.sqrt(2 * math.pi)  # both signs of x
    weights[0] /= 2
    ends = -farthest * noise, farthest**2 + farthest * noise
    y, step = np.linspace(*ends, math.ceil((ends[1] - ends[0]) * 2 / min(noise, 1)), retstep=True)
    kernel = np.exp(-(((y[:, None] - x**2) / noise) ** 2) / 2) / (noise * math.sqrt(2 * math.pi))
    density = kernel @ weights
    of_noise = 0.5 * math.log(2 * math.pi * math.e * noise**2)
    return (_entropy(density) * float(step) - of_noise) / _nats(unit)


def _nats(unit: Unit) -> float:
    """Return the unit in nats."""
    lengths = {"bits": math.log(2), "nats": 1.0}
    if unit not in lengths:
        raise ValueError(f"information is measured in bits or nats, not in {unit!r}")
    return lengths[unit]


def _two_dimensional(table: np.ndarray) -> np.ndarray:
    table = np.asarray(table)
    if table.ndim != 2:
        raise ValueError(f"a joint table has two dimensions, not {table.ndim}")
    return table


def _checked_probabilities(probabilities: np.ndarray) -> np.ndarray:
    values = np.asarray(probabilities, float)
    if not values.size:
        raise ValueError("no probabilities")
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("probabilities must be finite and not negative")
    if abs(values.sum() - 1) > _TOLERANCE:
        raise ValueError(f"probabilities must sum to 1, not {values.sum():.6g}")
    return values


def _entropy(probabilities: np.ndarray) -> float:
    """Return the entropy in nats."""
    positive = probabilities[probabilities > 0]
    # Without the maximum, a certain outcome would give -0.0.
    return max(0.0, -float(np.sum(positive * np.log(positive))))
