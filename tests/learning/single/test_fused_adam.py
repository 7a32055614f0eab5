"""Adam in one operation does what Keras's does."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.optimizers.schedules import CosineDecay

from maskwright.learning.single.fused_adam import FusedAdam


def trained(optimizer, steps=12):
    rng = np.random.default_rng(0)
    shapes = {"kernel": (3, 4), "bias": (5,), "scale": ()}
    variables = [keras.Variable(rng.normal(size=s).astype(np.float32), name=name) for name, s in shapes.items()]
    optimizer.build(variables)

    @tf.function
    def step(gradients):
        optimizer.apply(gradients, variables)

    for _ in range(steps):
        step([tf.constant(rng.normal(size=v.shape).astype(np.float32)) for v in variables])
    return variables


def arguments():
    return {"learning_rate": CosineDecay(0.01, 12), "beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-5}


def test_it_makes_the_same_steps_as_keras():
    ours, theirs = FusedAdam(**arguments()), keras.optimizers.Adam(**arguments())
    for one, other in zip(trained(ours), trained(theirs), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for one, other in zip(ours.variables, theirs.variables, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def test_the_first_step_by_hand():
    variable = keras.Variable(1.0)
    optimizer = FusedAdam(0.1)
    optimizer.build([variable])
    optimizer.apply([tf.constant(-4.0)], [variable])
    # The moments, corrected for their beginning at 0, are the gradient and its square: 1 + 0.1 * 4 / sqrt(16).
    assert variable.numpy() == pytest.approx(1.1, abs=1e-5)


def test_a_configuration_comes_back():
    optimizer = FusedAdam(**arguments())
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert isinstance(again, FusedAdam)
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("asked", [{"amsgrad": True}, {"gradient_accumulation_steps": 2}])
def test_what_it_cannot_do_is_refused(asked):
    with pytest.raises(ValueError, match="neither with amsgrad nor with gradient_accumulation_steps"):
        FusedAdam(**asked)
