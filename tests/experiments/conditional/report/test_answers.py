import numpy as np
import tensorflow as tf

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.network import network, separate_networks
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.params import Conditional
from maskwright.experiments.conditional.report.answers import answers_of, largest_derivative, second_logits

SIZES = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)


def few_images(number=9):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (number, 16, 16, 1)).astype(np.uint8)
    fine = np.arange(number, dtype=np.uint8)
    return TwoLevels(images, fine % 2, fine)


def settings():
    return Conditional.model_construct(temperature=1.0)


def test_the_largest_derivative_by_hand():
    logits = tf.constant([[1.0, 2.0], [0.0, 3.0]])
    # x² - 5 y: 2 x and -5.
    assert np.asarray(largest_derivative(lambda x: x[:, 0] ** 2 - 5 * x[:, 1], logits)).tolist() == [5, 5]
    assert np.asarray(largest_derivative(lambda x: 4 * x[:, 0] ** 2, logits)).tolist() == [8, 0]
    chosen = largest_derivative(lambda x: tf.cast(tf.argmax(x, -1), tf.float32), logits)
    assert np.asarray(chosen).tolist() == [0, 0]


def test_a_derivative_passes_the_switch_but_no_if_then():
    test = few_images()
    soft = network(SIZES, 2, 10, gate="soft", temperature=1.0, seed=3)
    answers = answers_of(soft, "soft", settings(), test, 2)
    assert (answers.through_if_then == 0).all()
    assert (answers.through_switch > 0).all()
    # By the difference of the losses at two logits a little apart.
    middle, last, first = soft.get_layer("trunk")(test.images / np.float32(255))

    def losses(shift):
        gate = tf.nn.softmax(first + tf.constant([shift, 0.0]))
        logits = second_logits(soft, middle, last, gate)
        return np.asarray(tf.nn.sparse_softmax_cross_entropy_with_logits(test.fine.astype(np.int32), logits))

    slope = (losses(0.05) - losses(-0.05)) / 0.1
    # Of two classes the other logit has the same derivative with the other sign.
    np.testing.assert_allclose(answers.through_switch, np.abs(slope), atol=2e-4)


def test_the_surest_of_separate_networks():
    test = few_images(2)
    model = separate_networks(SIZES, 2, 3, seed=3)
    answers = answers_of(model, "routed", settings(), test, 2)
    logits = np.asarray(model(test.images / np.float32(255)))
    each = np.exp(logits[:, 2:].reshape(2, 2, 3))
    probabilities = each / each.sum(axis=-1, keepdims=True)
    for row in range(2):
        _, fine = np.unravel_index(probabilities[row].argmax(), (2, 3))
        assert answers.likeliest[row] == fine
        k = logits[row, :2].argmax()
        assert answers.second[row] == probabilities[row, k].argmax()
        assert answers.flipped[row] == probabilities[row, 1 - k].argmax()
        assert answers.gate[row].tolist() == np.eye(2)[k].tolist()


def test_with_the_first_head_s_own_gate_the_second_one_says_what_it_says_anyway():
    batch = np.random.default_rng(0).random((9, 16, 16, 1)).astype(np.float32)
    sizes = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)
    soft = network(sizes, 2, 10, gate="soft", temperature=1.0, seed=3)
    logits = np.asarray(soft(batch))
    probabilities = np.exp(logits[:, :2]) / np.exp(logits[:, :2]).sum(axis=1, keepdims=True)
    middle, last, _ = soft.get_layer("trunk")(batch)
    np.testing.assert_allclose(np.asarray(second_logits(soft, middle, last, probabilities)), logits[:, 2:], atol=1e-5)
