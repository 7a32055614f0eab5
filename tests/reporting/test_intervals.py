import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.reporting.intervals import mean_interval, paired_difference, share_interval

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)


def test_mean_by_hand():
    # s = 1, t(0.975, 2) = 4.30265, half width 4.30265 / sqrt(3) = 2.48414
    mean, low, high = mean_interval([1, 2, 3])
    assert mean == 2
    assert low == pytest.approx(2 - 2.484138, abs=1e-6)
    assert high == pytest.approx(2 + 2.484138, abs=1e-6)


def test_mean_is_cut_to_what_is_possible():
    # s = 0.1 * sqrt(1/2) * ... two values 0.9 and 1.0: s = 0.0707, t(0.975, 1) = 12.706, half width 0.635
    assert mean_interval([0.9, 1.0], (0, 1)) == pytest.approx((0.95, 0.95 - 0.635310, 1.0), abs=1e-6)


def test_one_value_says_nothing_of_the_spread():
    assert mean_interval([0.5]) == (0.5, -math.inf, math.inf)
    assert mean_interval([0.5], (0, 1)) == (0.5, 0.0, 1.0)


def test_equal_values():
    assert mean_interval([0.25] * 8, (0, 1)) == (0.25, 0.25, 0.25)


@given(VALUES)
def test_mean_lies_between(values):
    mean, low, high = mean_interval(values)
    assert low <= mean <= high


def test_covers_the_truth_95_times_in_100():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(3.0, 2.0, 5)) for _ in range(2000)]
    covered = sum(low <= 3.0 <= high for _, low, high in intervals)
    # Binomial with p = 0.95: 1900, standard deviation 9.7.
    assert 1860 <= covered <= 1940


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf], [[1.0, 2.0]]])
def test_refuses_what_has_no_mean(values):
    with pytest.raises(ValueError, match="finite"):
        mean_interval(values)


def test_share_by_hand():
    # Wilson with z = 1.959964: all of 10 gives n / (n + z^2) = 10 / 13.841459 as the lower end.
    assert share_interval(10, 10) == pytest.approx((1.0, 0.722467, 1.0), abs=1e-6)
    assert share_interval(0, 10) == pytest.approx((0.0, 0.0, 0.277533), abs=1e-6)


@pytest.mark.parametrize(("successes", "number"), [(-1, 5), (6, 5), (0, 0)])
def test_share_of_what_is_impossible(successes, number):
    with pytest.raises(ValueError, match="not possible"):
        share_interval(successes, number)


def test_paired_difference_is_that_of_the_pairs():
    assert paired_difference([5, 3, 7], [4, 1, 4]) == mean_interval([1, 2, 3])
    with pytest.raises(ValueError, match="cannot be paired"):
        paired_difference([1, 2, 3], [1, 2])
