"""A power law through errors that fall with the number of photographs, and what twice as many would bring.

    error(n) = b n^-c

A third number, the error that no number of photographs removes, is left out: `error(n) = a + b n^-c` through four
sizes has one size to spare, and its `a` is then mostly noise (Viering and Loog 2023, "The Shape of Learning Curves: A
Review", section 4, compare such fits). Without it the law is too hopeful where a floor is near, so it is used no
further than to twice as many photographs, and how well it foretells the largest size from the smaller ones is told.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from maskwright.reporting.intervals import Interval, mean_interval
from maskwright.studies.intervals import pooled_interval

_LEAST = 1e-4
"""Errors are taken to be at least this, since the logarithm of 0 has no value."""


class PowerLaw(NamedTuple):
    """error(n) = scale · n^-exponent."""

    scale: float
    exponent: float

    def __call__(self, photographs: float) -> float:
        """Return the error with so many photographs."""
        return self.scale * photographs**-self.exponent


def fit(photographs: np.ndarray, errors: np.ndarray) -> PowerLaw:
    """Fit by least squares of log error on log n.

    Args:
        photographs: (P,) positive numbers, of which two differ at least.
        errors: (P,) numbers from 0 to 1; those under 0.0001 are taken as that.

    By hand: 0.4 with 10 photographs, 0.2 with 40: the error halves as n grows fourfold, so the exponent is 1/2, and
    the scale 0.4 · 10^(1/2) = 1.2649.
    """
    slope, level = np.polyfit(np.log(photographs), np.log(np.maximum(errors, _LEAST)), 1)
    return PowerLaw(float(np.exp(level)), -float(slope))


def gain_by_doubling(law: PowerLaw, photographs: float) -> float:
    """Return by how much the error falls from `photographs` to twice as many; negative if it grows.

    By hand: with the scale 1.2649 and the exponent 1/2, 40 photographs have 0.2 and 80 have 0.1414: 0.0586.
    """
    return law(photographs) - law(2 * photographs)


class Doubling(NamedTuple):
    """What twice as many photographs would bring, with 95 % intervals.

    Attributes:
        gain: the mean over the seeds, and Student's t interval over them.
        low, high: the interval by the bootstrap over test photographs.
    """

    gain: Interval
    low: float
    high: float

    @property
    def told(self) -> bool:
        """Whether it can be told if the gain is more or less than 0: by both intervals."""
        seeds = self.gain.low > 0 or self.gain.high < 0
        test = self.low > 0 or self.high < 0
        return seeds and test and (self.gain.mean > 0) == (self.low > 0)


def doubling(
    photographs: np.ndarray, error: Sequence[Sequence[Callable[[np.ndarray], float]]], test_groups: Sequence[str]
) -> Doubling:
    """Return what twice as many photographs would bring. A law is fitted to the errors of each seed.

    The seeds' interval is Student's t over the laws of the seeds. A bootstrap over three seeds would draw one seed
    three times in each ninth draw, and cover far too little. The seeds draw the subsets and the networks' beginnings;
    all photographs together are the same for each.

    Args:
        photographs: (seeds, sizes) numbers of training photographs, ascending along the sizes.
        error: for each seed and size the error, 1 - score, of drawn test photographs, by their places.
        test_groups: the group of each test photograph; its own for one that is by itself.
    """

    def gains(drawn: np.ndarray) -> np.ndarray:
        found = []
        for sizes, of_seed in zip(photographs, error, strict=True):
            errors = np.array([each(drawn) for each in of_seed])
            defined = np.isfinite(errors).all()
            found.append(gain_by_doubling(fit(sizes, errors), float(sizes[-1])) if defined else np.nan)
        return np.array(found)

    of_seeds = mean_interval(gains(np.arange(len(test_groups))))
    test = pooled_interval(lambda drawn: float(gains(drawn).mean()), test_groups)
    return Doubling(of_seeds, test.low, test.high)


def sentence(score: str, photographs: int, measured: float, found: Doubling) -> str:
    """Say in one sentence what twice as many photographs would bring.

    Args:
        score: its name.
        photographs: how many there are now.
        measured: the score with all of them, the mean over the seeds.
        found: see `doubling`.
    """
    gain, seeds = found.gain.mean, found.gain
    over_seeds, over_test = _range(seeds.low, seeds.high), _range(found.low, found.high)
    numbers = f"{gain:+.3f} ({over_seeds} over the seeds; {over_test} over the test photographs)"
    twice = f"twice as many photographs ({2 * photographs:,} in place of {photographs:,})"
    if not found.told:
        return f"What {twice} would bring to {score} {measured:.3f} cannot be told: {numbers}."
    end = min(1.0, measured + gain)
    return f"By the power law, {twice} would change {score} from {measured:.3f} to about {end:.3f}: {numbers}."


def _range(low: float, high: float) -> str:
    return f"{low:+.3f} to {high:+.3f}" if np.isfinite([low, high]).all() else "no interval"
