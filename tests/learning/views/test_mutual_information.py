import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from maskwright.learning.views.information import information
from maskwright.learning.views.mutual_information import (
    donsker_varadhan,
    joint_information,
    soft_joint,
    statistics_network,
)

tables = st.integers(2, 5).flatmap(
    lambda k: arrays.arrays(np.float64, (k, k), elements=st.floats(0.001, 1)).map(lambda t: t / t.sum())
)


def test_donsker_varadhan_by_hand():
    # Mean 2 of the joint; log mean exp of 0 and ln 3 is ln 2.
    bound = donsker_varadhan(tf.constant([1.0, 3.0]), tf.constant([0.0, np.log(3.0)]))
    assert float(bound) == pytest.approx(2 - np.log(2), rel=1e-6)


def test_donsker_varadhan_is_tight_for_the_log_ratio_and_blind_to_constants():
    # X = Y, a fair bit: log p(x, y) / p(x) p(y) is ln 2 where they agree, and I = ln 2.
    joint = tf.fill([100, 2], np.float32(np.log(2)))
    marginal = tf.constant(np.repeat([[np.log(2)], [-50.0]], 2, axis=1), tf.float32)
    np.testing.assert_allclose(donsker_varadhan(joint, marginal), np.log(2), rtol=1e-5)
    np.testing.assert_allclose(donsker_varadhan(joint + 7, marginal + 7), np.log(2), rtol=1e-4)
    # Large statistics must not overflow.
    assert np.isfinite(donsker_varadhan(joint * 1e4, marginal * 1e4)).all()


@settings(max_examples=30, deadline=None)
@given(tables)
def test_information_of_a_joint_is_that_of_the_metric(table):
    found = joint_information(tf.constant(table, tf.float32))
    assert float(found) == pytest.approx(information(table).mutual, abs=2e-5)


def test_joint_and_information_of_soft_assignments_by_hand():
    first = tf.constant([[1.0, 0.0], [0.5, 0.5]])  # two images, two clusters
    second = tf.constant([[0.8, 0.2], [0.4, 0.6]])
    # Outer products [[.8, .2], [0, 0]] and [[.2, .3], [.2, .3]]: mean [[.5, .25], [.1, .15]], then symmetrised.
    joint = soft_joint(first, second)
    np.testing.assert_allclose(joint, [[0.5, 0.175], [0.175, 0.15]], rtol=1e-6)
    two_heads = soft_joint(tf.stack([first, second], axis=1), tf.stack([second, first], axis=1))
    np.testing.assert_allclose(two_heads, tf.stack([joint, joint]), rtol=1e-6)
    # Both sums .675 and .325: .5 ln(.5 / .455625) + 2 · .175 ln(.175 / .219375) + .15 ln(.15 / .105625).
    assert float(joint_information(joint)) == pytest.approx(0.046469 - 0.079099 + 0.052611, abs=2e-6)


def test_information_of_an_image_s_views_is_between_none_and_the_logarithm_of_the_clusters():
    assignment = tf.constant(np.eye(4, dtype=np.float32)[np.arange(8) % 4])
    with tf.GradientTape() as tape:
        tape.watch(assignment)
        found = joint_information(soft_joint(assignment, assignment))
    np.testing.assert_allclose(found, np.log(4), rtol=1e-5)
    # Most of the joint's probabilities are 0 here.
    assert np.isfinite(tape.gradient(found, assignment)).all()
    one = tf.ones_like(assignment) * tf.constant([1.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(joint_information(soft_joint(one, one)), 0, atol=1e-6)
    # Certain, but the clusters say nothing of the other view's.
    np.testing.assert_allclose(joint_information(tf.fill([4, 4], 1 / 16)), 0, atol=1e-6)


def test_the_statistic_is_that_of_the_source():
    network = statistics_network(3, 5, seed=0)
    x, y = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    of_x, bias, of_y, other_bias, w, c = (np.asarray(v) for v in network.weights)
    expected = np.maximum(x @ of_x + bias + y @ of_y + other_bias, 0) @ w + c
    np.testing.assert_allclose(network([x, y]), expected[:, 0], rtol=1e-5)
    again, other = statistics_network(3, 5, seed=0), statistics_network(3, 5, seed=1)
    np.testing.assert_array_equal(again.get_weights()[0], of_x)
    assert (other.get_weights()[0] != of_x).any()
