from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.learning.single.checkpoint import Progress, load_checkpoint, save_checkpoint
from maskwright.learning.single.training import optimizer
from maskwright.shared.settings import Schedule


@dataclass(frozen=True)
class Training:
    """Settings whose learning rate is 0.1 at step 0 and 0.05 from step 1 on: 2 epochs of a step, `steps` to half."""

    weight_decay: float = 0.5
    learning_rate: float = 0.1
    epochs: int = 2
    schedule: Schedule = field(default_factory=lambda: Schedule(name="steps"))


def network() -> keras.Model:
    """Return a network with the trainable weights body/kernel, body/bias, head/kernel and head/bias."""
    image = keras.Input((1,))
    x = keras.layers.Dense(1, name="head")(keras.layers.Dense(1, name="body")(image))
    model = keras.Model(image, x)
    model.set_weights([np.full((1, 1), 2.0), np.array([3.0])] * 2)
    return model


def values(model: keras.Model) -> list[float]:
    return [float(weight.numpy().reshape(())) for weight in model.trainable_variables]


def by_hand(weight: float, gradients: list[float], rates: list[float], decay: float) -> float:
    """AdamW of Loshchilov and Hutter (2019), algorithm 2, with Keras's defaults.

    Its step does not depend on the scale of the gradients. With gradients 4 and -2, say: m = 0.4, v = 0.016, so the
    first step is the rate. Then m = 0.9 * 0.4 - 0.2 = 0.16 and v = 0.999 * 0.016 + 0.004 = 0.019984; corrected
    0.16 / 0.19 = 0.8421 and 0.019984 / 0.001999 = 9.997; and the second step is 0.8421 / 3.1618 = 0.2663 of the rate.
    """
    m = v = 0.0
    for step, (gradient, rate) in enumerate(zip(gradients, rates, strict=True), start=1):
        weight -= rate * decay * weight
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        weight -= rate * (m / (1 - 0.9**step)) / np.sqrt(v / (1 - 0.999**step))
    return weight


def test_the_hand_computed_example():
    # 3 - 0.1 * 1 - 0.05 * 0.2663 = 2.8867
    assert by_hand(3.0, [4.0, -2.0], [0.1, 0.05], 0.0) == pytest.approx(2.8867, abs=1e-4)
    # (2 * (1 - 0.05) - 0.1) * (1 - 0.025) - 0.05 * 0.2663 = 1.7417
    assert by_hand(2.0, [4.0, -2.0], [0.1, 0.05], 0.5) == pytest.approx(1.7417, abs=1e-4)


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("factor", [1.0, 0.2, 0.0])
def test_two_steps_by_hand(decay: float, factor: float):
    model = network()
    body = model.get_layer("body").trainable_variables
    adam = optimizer(Training(weight_decay=decay), model, 1, slower=body, factor=factor)
    gradients = ([4.0, -2.0], [1.0, 1.0], [-3.0, 5.0], [0.1, 0.2])
    for step in range(2):
        by_variable = [
            keras.ops.full(v.shape, g[step]) for g, v in zip(gradients, model.trainable_variables, strict=True)
        ]
        adam.apply(by_variable, model.trainable_variables)
    rates = np.array([0.1, 0.05])
    # Kernels start at 2 and decay, biases start at 3 and do not; the body has the slower rates.
    expected = [
        by_hand(2.0, gradients[0], rates * factor, decay),
        by_hand(3.0, gradients[1], rates * factor, 0.0),
        by_hand(2.0, gradients[2], rates, decay),
        by_hand(3.0, gradients[3], rates, 0.0),
    ]
    np.testing.assert_allclose(values(model), expected, rtol=1e-5)


def test_within_the_training_loop_and_after_a_kill(tmp_path: Path):
    x = np.random.default_rng(0).normal(size=(8, 1)).astype(np.float32)

    def trained(epochs: range, *, resumed: bool = False) -> keras.Model:
        model = network()
        body = model.get_layer("body").trainable_variables
        model.compile(optimizer(Training(), model, 2, slower=body, factor=0.2), "mse")
        if resumed:
            load_checkpoint(tmp_path, model)
        model.fit(x, 3 * x, batch_size=4, initial_epoch=epochs.start, epochs=epochs.stop, shuffle=False, verbose=0)
        return model

    whole, first = trained(range(2)), trained(range(1))
    save_checkpoint(tmp_path, first, Progress([{"loss": 1.0}], best_epoch=0))
    second = trained(range(1, 2), resumed=True)
    assert values(second) == values(whole) != values(first)


def test_without_slower_variables_it_is_one_adam():
    model = network()
    assert type(optimizer(Training(), model, 1)) is keras.optimizers.AdamW
    assert type(optimizer(Training(), model, 1, factor=0.2)) is keras.optimizers.AdamW
    assert type(optimizer(Training(weight_decay=0.0), model, 1)) is keras.optimizers.Adam


def test_variables_that_are_not_trained():
    model = network()
    body = model.get_layer("body")
    variables = body.trainable_variables
    body.trainable = False
    with pytest.raises(ValueError, match="not all of them are trainable variables"):
        optimizer(Training(), model, 1, slower=variables, factor=0.2)
