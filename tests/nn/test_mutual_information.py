import numpy as np
import pytest
import tensorflow as tf

from maskwright.nn.mutual_information import donsker_varadhan, statistics_network


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


def test_the_statistic_is_that_of_the_source():
    network = statistics_network(3, 5, seed=0)
    x, y = np.random.default_rng(0).normal(size=(2, 4, 3)).astype(np.float32)
    of_x, bias, of_y, w, c = (np.asarray(v) for v in network.weights)
    expected = np.maximum(x @ of_x + bias + y @ of_y, 0) @ w + c
    np.testing.assert_allclose(network([x, y]), expected[:, 0], rtol=1e-5)
    again, other = statistics_network(3, 5, seed=0), statistics_network(3, 5, seed=1)
    np.testing.assert_array_equal(again.get_weights()[0], of_x)
    assert (other.get_weights()[0] != of_x).any()
