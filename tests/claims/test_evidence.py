import math

import numpy as np
import pytest
from scipy import stats

from maskwright.claims.evidence import exact, of_mean, of_share, of_share_difference


def test_mean_of_seeds_by_students_t():
    found = of_mean(np.array([1.0, 2.0, 3.0]), None)
    # s = 1, t(0.975, 2) = 4.30265: 2 give or take 2.48414
    assert found.seeds == pytest.approx((2, 2 - 2.484138, 2 + 2.484138), abs=1e-6)
    assert (found.test, found.count, found.examples) == (None, 3, 0)
    # The one-sided p of a mean of 1 or less is that of scipy's own test.
    expected = stats.ttest_1samp([1, 2, 3], 1, alternative="greater").pvalue
    assert found.p_above(1.0) == pytest.approx(expected)
    assert found.p_below(1.0) == pytest.approx(1 - expected)
    assert found.p_above(-math.inf) == found.p_below(math.inf) == 0


def test_the_weaker_of_the_two_uncertainties_counts():
    # Seeds all alike, so only the 400 test examples are uncertain: 0.5 give or take about 0.049.
    examples = np.tile([0.0, 1.0], 200)
    found = of_mean(np.array([0.5, 0.5]), examples, (0, 1))
    assert found.test == pytest.approx((0.5, 0.451, 0.549), abs=0.006)
    # 0.05 above the limit, with a standard error of 0.025: two of them, p = 0.023
    assert found.p_above(0.45) == pytest.approx(0.023, abs=0.012)
    assert found.p_below(0.55) == pytest.approx(0.023, abs=0.012)


def test_one_seed_decides_nothing():
    found = of_mean(np.array([0.9]), None, (0, 1))
    assert found.seeds == (0.9, 0.0, 1.0)
    assert found.p_above(0.1) == found.p_below(0.95) == 0.5


@pytest.mark.parametrize(("successes", "number", "limit"), [(20, 20, 0.5), (18, 20, 0.5), (0, 20, 0.1), (3, 50, 0.1)])
def test_share_by_the_binomial_distribution(successes, number, limit):
    found = of_share(successes, number)
    greater = stats.binomtest(successes, number, limit, alternative="greater").pvalue
    less = stats.binomtest(successes, number, limit, alternative="less").pvalue
    assert (found.p_above(limit), found.p_below(limit)) == pytest.approx((greater, less))
    assert (found.seeds.low > limit) == (greater < 0.025)


def test_difference_of_shares():
    found = of_share_difference((20, 20), (20, 20))
    assert found.seeds == pytest.approx((0, -0.16112, 0.16112), abs=1e-4)
    assert found.p_above(0.0) == pytest.approx(0.5)
    # 0.25 is 3.04 standard errors of 0.16112 / 1.96 away: p = 0.0012
    assert found.p_below(0.25) == pytest.approx(0.0012, abs=2e-4)


def test_exact_numbers():
    found = exact(4.0)
    assert found.seeds == (4, 4, 4)
    assert (found.p_above(3.9), found.p_above(4.0), found.p_below(3.9)) == (0, 1, 1)
