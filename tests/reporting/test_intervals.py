import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from maskwright.reporting.intervals import (
    exact_share_interval,
    examples_interval,
    mean_interval,
    paired_difference,
    resampled_interval,
    share_difference,
    share_interval,
    two_intervals,
)

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


@pytest.mark.parametrize(("successes", "number"), [(0, 5), (3, 8), (20, 20), (47, 50)])
def test_exact_interval_of_a_share_as_scipys(successes, number):
    expected = stats.binomtest(successes, number).proportion_ci(method="exact")
    assert exact_share_interval(successes, number)[1:] == pytest.approx((expected.low, expected.high))


def test_exact_interval_by_hand():
    # 0.025 ** (1 / 5)
    assert exact_share_interval(5, 5) == pytest.approx((1.0, 0.478176, 1.0), abs=1e-6)


def test_difference_of_shares_as_published():
    # Newcombe 1998, table II, (a): 56/70 less 48/80, method 10
    assert share_difference((56, 70), (48, 80)) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)


def test_equal_shares_are_not_certainly_equal():
    # both Wilson's (0.8389, 1): 0 give or take 0.1611
    assert share_difference((20, 20), (20, 20)) == pytest.approx((0, -0.16112, 0.16112), abs=1e-4)


def test_examples_of_a_share_as_by_the_normal_approximation():
    right = np.repeat([1.0, 0.0], [964, 36])
    mean, low, high = examples_interval(right)
    assert mean == 0.964
    # 1.96 * sqrt(0.964 * 0.036 / 1000) = 0.01155
    assert (low, high) == pytest.approx((0.964 - 0.01155, 0.964 + 0.01155), abs=0.002)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_examples_that_are_all_alike(value):
    assert examples_interval(np.full(50, value), (0, 1)) == share_interval(int(50 * value), 50)


def test_a_difference_that_is_0_everywhere_is_no_share():
    assert examples_interval(np.zeros(50)) == (0, 0, 0)


def test_examples_with_another_constant_value():
    assert examples_interval(np.full(50, 0.5)) == (0.5, 0.5, 0.5)


def test_examples_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        examples_interval([1.0, math.nan])


def test_examples_cover_the_truth_95_times_in_100():
    rng = np.random.default_rng(0)
    intervals = [examples_interval(rng.random(200) < 0.9) for _ in range(300)]
    covered = sum(low <= 0.9 <= high for _, low, high in intervals)
    # Binomial with p = 0.95: 285, standard deviation 3.8; the percentile bootstrap is a little narrow.
    assert 272 <= covered <= 296


def test_resamples_leave_out_draws_without_a_value():
    values = np.array([1.0, math.nan, 3.0])

    def mean_of_present(chosen):
        present = values[chosen][~np.isnan(values[chosen])]
        return present.mean() if len(present) else math.nan

    mean, low, high = resampled_interval(mean_of_present, 3)
    assert (mean, low, high) == (2, 1, 3)


def test_two_intervals_of_seeds_and_examples():
    # Seeds: 0.5 and 1.0. s = 0.35355, t(0.975, 1) = 12.7062, so the interval is cut to 0 and 1.
    # Test: means over the seeds 1, 1, 0.5, 0.5, whose resampled means lie between 0.5 and 1.
    values = np.array([[1, 1, 0, 0], [1, 1, 1, 1]])
    two = two_intervals(values, (0, 1))
    assert (two["mean"], two["low"], two["high"]) == (0.75, 0, 1)
    assert (two["test_low"], two["test_high"]) == pytest.approx((0.5, 1.0), abs=0.13)
    assert two["test_low"] < 0.75 < two["test_high"]


def test_a_statistic_that_no_draw_has_gives_no_interval_and_no_warning(recwarn):
    interval = resampled_interval(lambda drawn: math.nan, 5)
    assert all(math.isnan(value) for value in interval)
    assert not recwarn.list
