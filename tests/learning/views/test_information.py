import doctest
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn.metrics import mutual_info_score

from maskwright.learning.views import information as module
from maskwright.learning.views.information import (
    count_information,
    entropy,
    gaussian_information,
    information,
    pair_counts,
    parabola_information,
    quantile_bins,
    sample_information,
)

count_tables = arrays.arrays(
    np.int64, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(0, 30)
).filter(lambda table: table.sum() > 0)
joint_tables = count_tables.map(lambda table: table / table.sum())
samples = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), min_size=1, max_size=60).map(
    lambda pairs: tuple(np.array(column) for column in zip(*pairs, strict=True))
)


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(module).attempted == 7
    assert doctest.testmod(module).failed == 0


def test_a_byte_and_its_four_high_bits():
    byte = np.arange(256)
    for measured in (
        information(np.repeat(np.eye(16), 16, axis=0) / 256, "bits"),
        sample_information(byte, byte >> 4, "bits"),
    ):
        assert (measured.x, measured.y, measured.joint) == pytest.approx((8, 4, 8), abs=1e-12)
        assert (measured.x_given_y, measured.y_given_x, measured.mutual) == pytest.approx((4, 0, 4), abs=1e-12)


def test_a_table_by_hand():
    # p = [[1/2, 1/4], [0, 1/4]]: H(X) = H(3/4, 1/4) = 2 - 3/4 log2 3, H(Y) = 1, H(X, Y) = 1/2 + 1/2 + 1/2.
    measured = information(np.array([[0.5, 0.25], [0.0, 0.25]]), "bits")
    assert measured.x == pytest.approx(2 - 0.75 * math.log2(3))
    assert measured.y == pytest.approx(1)
    assert measured.joint == pytest.approx(1.5)
    assert measured.mutual == pytest.approx(1.5 - 0.75 * math.log2(3))


def test_entropies_by_hand():
    assert entropy(np.array([1.0, 0.0])) == 0
    assert math.copysign(1, entropy(np.array([1.0]))) == 1
    assert entropy(np.full((2, 4), 1 / 8), "bits") == pytest.approx(3)
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3 * math.log(2))


@given(joint_tables)
def test_identities(joint):
    measured = information(joint)
    rows, columns = joint.sum(axis=1), joint.sum(axis=0)
    assert measured.joint == pytest.approx(entropy(joint), abs=1e-9)
    # The chain rule, and the four ways to write mutual information.
    conditional = sum(p * entropy(joint[:, j] / p) for j, p in enumerate(columns) if p > 0)
    assert measured.x_given_y == pytest.approx(conditional, abs=1e-9)
    assert measured.joint == pytest.approx(measured.x_given_y + entropy(columns), abs=1e-9)
    assert measured.joint == pytest.approx(measured.y_given_x + entropy(rows), abs=1e-9)
    independent = np.outer(rows, columns)
    where = joint > 0
    divergence = np.sum(joint[where] * np.log(joint[where] / independent[where]))
    assert measured.mutual == pytest.approx(divergence, abs=1e-9)
    assert measured.mutual == pytest.approx(measured.x - measured.x_given_y, abs=1e-9)
    assert measured.mutual == pytest.approx(measured.y - measured.y_given_x, abs=1e-9)
    assert measured.mutual == pytest.approx(information(joint.T).mutual, abs=1e-9)
    assert information(independent).mutual == pytest.approx(0, abs=1e-9)
    assert information(joint, "bits").mutual * math.log(2) == pytest.approx(measured.mutual, abs=1e-9)


@given(joint_tables)
def test_bounds(joint):
    measured = information(joint)
    assert -1e-9 <= measured.mutual <= min(measured.x, measured.y) + 1e-9
    assert -1e-9 <= measured.x_given_y <= measured.x + 1e-9
    assert measured.joint <= measured.x + measured.y + 1e-9
    assert measured.x <= math.log(joint.shape[0]) + 1e-9
    itself = information(np.diag(joint.sum(axis=1)))
    assert itself.mutual == pytest.approx(measured.x, abs=1e-9)


@given(joint_tables, st.data())
def test_renaming_the_values_changes_nothing(joint, data):
    order = data.draw(st.permutations(range(joint.shape[0])))
    assert information(joint[order]).mutual == pytest.approx(information(joint).mutual, abs=1e-9)


@given(joint_tables)
def test_merging_two_values_loses_information_or_none(joint):
    merged = np.vstack([joint[:1] + joint[-1:], joint[1:-1]]) if len(joint) > 1 else joint
    assert information(merged).mutual <= information(joint).mutual + 1e-9


@given(samples)
def test_agrees_with_scikit_learn(pairs):
    assert sample_information(*pairs).mutual == pytest.approx(mutual_info_score(*pairs), abs=1e-9)


@given(count_tables)
def test_counts_are_probabilities_of_their_shares(counts):
    assert count_information(counts).mutual == pytest.approx(information(counts / counts.sum()).mutual, abs=1e-9)


def test_miller_madow_by_hand():
    # 8 samples; X and Y take 2 values each, and 3 of the 4 pairs occur: corrections 1/16, 1/16 and 2/16.
    counts = np.array([[4, 2], [0, 2]])
    plain, corrected = count_information(counts), count_information(counts, miller_madow=True)
    assert corrected.x - plain.x == pytest.approx(1 / 16)
    assert corrected.y - plain.y == pytest.approx(1 / 16)
    assert corrected.joint - plain.joint == pytest.approx(2 / 16)
    assert corrected.mutual == pytest.approx(plain.mutual)
    in_bits = count_information(counts, "bits", miller_madow=True)
    assert in_bits.joint == pytest.approx(corrected.joint / math.log(2))


def test_miller_madow_takes_most_of_the_bias_away():
    rng = np.random.default_rng(0)
    draws = [(rng.integers(0, 8, 200), rng.integers(0, 8, 200)) for _ in range(200)]
    plain = np.mean([sample_information(*pair).mutual for pair in draws])
    corrected = np.mean([sample_information(*pair, miller_madow=True).mutual for pair in draws])
    # Independent variables: the exact value is 0, the bias in first order 7 · 7 / 400 = 0.1225.
    assert plain == pytest.approx(0.1225, abs=0.02)
    assert abs(corrected) < 0.02


@given(st.integers(1, 50), st.integers(0, 2**32 - 1), st.data())
def test_quantile_bins_are_even_and_blind_to_increasing_functions(number, seed, data):
    bins = data.draw(st.integers(1, number))
    values = np.random.default_rng(seed).normal(size=number)
    found = quantile_bins(values, bins)
    sizes = np.bincount(found, minlength=bins)
    assert sizes.max() - sizes.min() <= 1
    assert (np.diff(found[np.argsort(values)]) >= 0).all()
    np.testing.assert_array_equal(found, quantile_bins(np.exp(values), bins))


def test_gaussian_information_by_hand():
    assert gaussian_information(0.0) == 0
    assert gaussian_information(0.9) == gaussian_information(-0.9) == pytest.approx(-0.5 * math.log(0.19))
    assert gaussian_information(0.5, "bits") == pytest.approx(0.1438 / math.log(2), abs=1e-4)


def test_parabola_information_is_between_its_limits():
    # With much noise y is nearly Gaussian: 1/2 ln(1 + 2 / 100^2) = 0.0001 nats.
    assert parabola_information(100.0) == pytest.approx(1e-4, rel=1e-3)
    # By adaptive quadrature of the density of y (scipy.integrate.quad, nested).
    assert parabola_information(1.0) == pytest.approx(0.42987223, abs=1e-8)
    assert parabola_information(0.5) == pytest.approx(0.80270256, abs=1e-8)
    assert parabola_information(1.0, "bits") == pytest.approx(0.42987223 / math.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parabola_information(0.05), "at least 0.1, not 0.05"),
        (lambda: entropy(np.array([0.5, 0.6])), "must sum to 1, not 1.1"),
        (lambda: entropy(np.array([1.5, -0.5])), "not negative"),
        (lambda: entropy(np.array([np.nan, 1.0])), "finite"),
        (lambda: entropy(np.array([])), "no probabilities"),
        (lambda: entropy(np.array([1.0]), "hartleys"), "bits or nats, not in 'hartleys'"),
        (lambda: information(np.array([0.5, 0.5])), "two dimensions, not 1"),
        (lambda: count_information(np.array([[3, -1]])), "must not be negative, but the smallest is -1"),
        (lambda: count_information(np.array([[0.5, 1.5]])), "whole numbers"),
        (lambda: count_information(np.zeros((2, 2), int)), "no samples: every count is 0"),
        (lambda: pair_counts(np.array([], int), np.array([], int)), "no samples"),
        (lambda: pair_counts(np.array([0, 1]), np.array([0])), "not pairs"),
        (
            lambda: pair_counts(np.array([0, 3]), np.array([0, 1]), (3, 2)),
            "x holds values from 0 to 3; allowed are 0",
        ),
        (lambda: pair_counts(np.array([0, 1]), np.array([0, -1])), "y holds values from -1 to 0; allowed are 0 and"),
        (lambda: pair_counts(np.array([0.5]), np.array([1])), "x holds float64, not whole numbers"),
        (lambda: quantile_bins(np.array([1.0, 2.0]), 3), "2 values cannot fill 3 bins"),
        (lambda: quantile_bins(np.array([1.0, np.inf]), 1), "finite"),
        (lambda: gaussian_information(1.0), "strictly between -1 and 1, not 1.0"),
    ],
)
def test_wrong_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
