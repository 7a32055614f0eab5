import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.instances.learn.losses import CentresLoss, kth_greatest
from maskwright.experiments.instances.learn.targets import CHANNELS
from maskwright.photos.images import IGNORE


def example():
    """One picture of 1 x 4 pixels: background, an object, a small one, and one unknown."""
    targets = np.zeros((1, 1, 4, CHANNELS), np.float32)
    targets[0, 0, :, 0] = [0, 1, 1, IGNORE]
    targets[0, 0, :, 1] = [1, 1, 3, 1]  # weights
    targets[0, 0, :, 2] = [0, 1, 0.5, 0.7]  # heat
    targets[0, 0, :, 3] = [1, 1, 1, 0]  # known
    targets[0, 0, :, 4:6] = [(0, 0), (2, -1), (0, 3), (0, 0)]
    targets[0, 0, :, 6] = [0, 4, 2, 0]  # radii
    outputs = np.zeros((1, 1, 4, 2 + 3), np.float32)
    outputs[0, 0, 0, 0] = np.log(3)  # p = 3/4
    outputs[0, 0, 1, 1] = np.log(3)  # p = 3/4
    outputs[0, 0, 2, 0] = np.log(3)  # p = 1/4
    outputs[0, 0, 3, 2:] = 100  # no matter: unknown
    outputs[0, 0, 1, 2:] = (0.5, 1, 0)
    return targets, outputs


def test_by_hand_with_all_pixels():
    targets, outputs = example()
    # Classes: (ln(4/3) + ln(4/3) + 3 ln 4) / 3. Heat: 0 + 0.25 + 0.25, by 50, which is more than 0 + 1 + 0.5.
    classes = (2 * np.log(4 / 3) + 3 * np.log(4)) / 3
    # Offsets: the first object is off by 1 + 1 of a radius of 4, the second by 0 + 3 of 2: (0.5 + 1.5) / 2.
    expected = classes + 3 * 0.5 / 50 + 0.1 * 1
    assert float(CentresLoss(1.0, 3.0, 0.1)(targets, outputs)) == pytest.approx(expected, rel=1e-5)


def test_the_heat_of_many_objects_weighs_as_that_of_few():
    few = np.zeros((1, 30, 30, CHANNELS), np.float32)
    few[..., 0], few[..., 3] = IGNORE, 1
    few[0, 5:15, 5:15, 2] = 1.0
    many = np.concatenate([few, few], axis=1)
    nothing = np.zeros((1, 60, 30, 2 + 3), np.float32)
    loss = CentresLoss(1.0, 3.0, 0.0)
    assert float(loss(few, nothing[:, :30])) == float(loss(many, nothing)) == pytest.approx(3.0)
    assert float(loss(0 * few + [IGNORE, 0, 0, 1, 0, 0, 0], nothing[:, :30])) == 0  # no object, and none is found


def test_by_hand_with_the_hardest():
    targets, outputs = example()
    # The hardest third of 3 labelled pixels is the one of 3 ln 4; of two thirds the two equal ones share a place.
    assert float(CentresLoss(1 / 3, 0.0, 0.0)(targets, outputs)) == pytest.approx(3 * np.log(4), rel=1e-5)
    two = (3 * np.log(4) + np.log(4 / 3)) / 2
    assert float(CentresLoss(2 / 3, 0.0, 0.0)(targets, outputs)) == pytest.approx(two, rel=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [0.0, 0.0, 0.0, 1e-45, 1e-38, 1.0, np.inf],
        [1.0, 1.0 + 2**-23, 1.0 - 2**-24, 1.0],  # neighbours, in two of the first bins
        np.random.default_rng(0).exponential(size=500) ** 8,
        np.random.default_rng(1).integers(0, 4, 300),
    ],
)
def test_the_kth_greatest(values):
    values = np.asarray(values, np.float32)
    found = [float(kth_greatest(tf.constant(values), k + 1)) for k in range(len(values))]
    assert found == np.sort(values)[::-1].tolist()


def test_unknown_pixels_have_no_gradient_and_nothing_known_costs_nothing():
    targets, outputs = example()
    variable = tf.Variable(outputs)
    with tf.GradientTape() as tape:
        loss = CentresLoss(0.5, 1.0, 1.0)(targets, variable)
    assert np.abs(tape.gradient(loss, variable)[0, 0, 3]).max() == 0
    targets[..., 0], targets[..., 3], targets[..., 6] = IGNORE, 0, 0
    assert float(CentresLoss(0.5, 1.0, 1.0)(targets, outputs)) == 0


def test_it_survives_its_config():
    loss = CentresLoss(0.3, 5.0, 0.2)
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert again.get_config() == loss.get_config()
    assert (again.hardest, again.centres, again.offsets) == (0.3, 5.0, 0.2)
