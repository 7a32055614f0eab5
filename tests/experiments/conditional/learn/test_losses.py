import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.conditional.learn.losses import two_level_loss

K, F = 2, 3


def crossentropy(logits, index):
    return np.log(np.exp(logits).sum()) - logits[index]


def loss_and_gradient(variant, logits, coarse, fine, weights=(0.5, 1.0)):
    logits = tf.constant(logits, tf.float32)
    images = np.zeros((len(coarse), 1, 1, 1), np.uint8)
    coarse, fine = tf.constant(coarse), tf.constant(fine)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value, report = two_level_loss(variant, (K, F), weights)(lambda images: logits, (images, coarse, fine))
    assert report == {}
    return float(value), np.asarray(tape.gradient(value, logits))


def test_the_weighted_sum_of_both_heads():
    logits = np.array([[2.0, 0.0, 1.0, 0.0, 0.0]])
    expected = 0.5 * crossentropy(logits[0, :2], 1) + 0.25 * crossentropy(logits[0, 2:], 0)
    value, _ = loss_and_gradient("soft", logits, [1], [0], weights=(0.5, 0.25))
    assert value == pytest.approx(expected, rel=1e-6)


def test_routed_networks_learn_from_every_image_and_specialists_from_those_of_their_class():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, K + K * F))
    coarse, fine = [0, 1], [2, 0]
    each = logits[:, K:].reshape(2, K, F)
    of_first = np.mean([crossentropy(logits[row, :K], coarse[row]) for row in range(2)])
    value, gradient = loss_and_gradient("routed", logits, coarse, fine)
    of_all = np.mean([crossentropy(each[row, k], fine[row]) for row in range(2) for k in range(K)])
    assert value == pytest.approx(0.5 * of_first + of_all, rel=1e-5)
    assert (gradient != 0).all()
    value, gradient = loss_and_gradient("specialists", logits, coarse, fine)
    of_own = np.mean([crossentropy(each[row, coarse[row]], fine[row]) for row in range(2)])
    assert value == pytest.approx(0.5 * of_first + of_own, rel=1e-5)
    of_networks = gradient[:, K:].reshape(2, K, F)
    assert (of_networks[[0, 1], [0, 1]] != 0).all()
    assert (of_networks[[0, 1], [1, 0]] == 0).all()
