import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.clustering.learn.losses import information_loss
from maskwright.learning.views.information import information
from maskwright.learning.views.sampling import random_views
from support.tiny_clustering import tiny_clustering


def test_the_loss_is_the_mean_over_the_heads_of_minus_the_information():
    settings = tiny_clustering()
    shares = np.random.default_rng(0).dirichlet(np.ones(11), 8).astype(np.float32)
    parts = np.split(shares, [3, 6], axis=1)
    shares = np.concatenate([part / part.sum(axis=1, keepdims=True) for part in parts], axis=1)
    drawn = random_views(4, 28, settings.views, np.random.default_rng(0))
    batch = tf.zeros((4, 28, 28, 1), tf.uint8), *drawn
    seen = []
    value, reported = information_loss(settings)(lambda views: seen.append(views.shape) or tf.constant(shares), batch)
    assert seen == [(8, 24, 24, 1)]
    expected = []
    for columns in (slice(0, 3), slice(3, 6), slice(6, 11)):
        first, second = shares[:4, columns], shares[4:, columns]
        joint = first.T @ second / 4
        joint = (joint + joint.T) / 2
        expected.append(information(joint.astype(float) / joint.sum()).mutual)
    np.testing.assert_allclose(reported["information"], expected, atol=1e-5)
    assert float(value) == pytest.approx(-np.mean(expected), abs=1e-5)
    assert reported["joint"].shape == (2, 3, 3)
