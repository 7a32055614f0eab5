"""The power law of a learning curve, by hand."""

import numpy as np
import pytest

from maskwright.reporting.intervals import Interval
from maskwright.studies.power_law import Doubling, doubling, fit, gain_by_doubling, sentence

SIZES = np.array([5.0, 10, 20, 40])


def test_two_sizes_by_hand():
    """0.4 with 10, 0.2 with 40: the exponent is 1/2, the scale 0.4 · √10 = 1.2649; 80 have 0.2 / √2 = 0.1414."""
    law = fit(np.array([10.0, 40]), np.array([0.4, 0.2]))
    assert law == pytest.approx((0.4 * 10**0.5, 0.5))
    assert law(80) == pytest.approx(0.2 / 2**0.5)
    assert gain_by_doubling(law, 40) == pytest.approx(0.2 - 0.2 / 2**0.5)


def test_an_error_that_does_not_fall_gains_nothing():
    assert gain_by_doubling(fit(SIZES, np.full(4, 0.3)), 40) == pytest.approx(0, abs=1e-12)
    assert gain_by_doubling(fit(SIZES, np.array([0.1, 0.2, 0.3, 0.4])), 40) < 0
    assert np.isfinite(gain_by_doubling(fit(SIZES, np.array([0.3, 0.1, 0.0, 0.0])), 40))


def errors(exponents, noise):
    """Return errors n^-c of each seed, which depend on the drawn test photographs by `noise`."""
    return [
        [lambda drawn, n=n, c=c: float(n**-c * (1 + noise * (drawn.mean() - 9.5))) for n in SIZES] for c in exponents
    ]


def test_doubling_is_the_mean_over_the_seeds():
    """Exponents 0.4, 0.5, 0.6: gains 40^-c (1 - 2^-c)."""
    found = doubling(np.tile(SIZES, (3, 1)), errors([0.4, 0.5, 0.6], 0.0), [str(n) for n in range(20)])
    gains = [40**-c * (1 - 2**-c) for c in (0.4, 0.5, 0.6)]
    assert found.gain.mean == pytest.approx(np.mean(gains))
    half = 4.302653 * np.std(gains, ddof=1) / 3**0.5
    assert found.gain.high - found.gain.mean == pytest.approx(half)
    assert found.low == pytest.approx(found.high) == pytest.approx(found.gain.mean)
    assert found.told
    noisy = doubling(np.tile(SIZES, (3, 1)), errors([0.4, 0.5, 0.6], 0.05), [str(n) for n in range(20)])
    assert noisy.low < found.gain.mean < noisy.high
    # All test photographs in one group: every draw is the same.
    one = doubling(np.tile(SIZES, (3, 1)), errors([0.4, 0.5, 0.6], 0.05), ["g"] * 20)
    assert one.low == one.high


def test_the_sentence():
    told = Doubling(Interval(0.05, 0.01, 0.09), 0.02, 0.08)
    assert sentence("miou", 40, 0.5, told) == (
        "By the power law, twice as many photographs (80 in place of 40) would change miou from 0.500 to about "
        "0.550: +0.050 (+0.010 to +0.090 over the seeds; +0.020 to +0.080 over the test photographs)."
    )
    untold = Doubling(Interval(0.05, -0.01, 0.11), 0.02, 0.08)
    assert sentence("miou", 40, 0.5, untold).startswith(
        "What twice as many photographs (80 in place of 40) would bring to miou 0.500 cannot be told: +0.050 ("
    )
    assert not Doubling(Interval(0.05, 0.01, 0.09), -0.02, 0.08).told
    assert not Doubling(Interval(0.05, -np.inf, np.inf), 0.02, 0.08).told
