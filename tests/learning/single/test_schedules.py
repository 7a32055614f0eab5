import math
from dataclasses import dataclass

import keras
import numpy as np
import pytest

from maskwright.learning.single.schedules import learning_rate
from maskwright.shared.settings import Schedule


@dataclass(frozen=True)
class Training:
    learning_rate: float
    epochs: int
    schedule: Schedule


def training(name: str, epochs: int, peak: float = 1e-3, warmup: float = 0.0) -> Training:
    return Training(peak, epochs, Schedule.model_validate({"name": name, "warmup_epochs": warmup}))


def rates(params: Training, steps_per_epoch: int, steps: list[int]) -> list[float]:
    schedule = learning_rate(params, steps_per_epoch)
    return [float(schedule(step)) for step in steps]


class TestSteps:
    def test_100_epochs(self):
        # Of 7 steps an epoch: epoch 40 ends with step 279, epoch 60 with step 419, epoch 80 with step 559.
        steps = [0, 279, 280, 419, 420, 559, 560, 699, 700]
        expected = [1e-3, 1e-3, 5e-4, 5e-4, 1e-4, 1e-4, 5e-5, 5e-5, 5e-5]
        np.testing.assert_allclose(rates(training("steps", 100), 7, steps), expected, rtol=1e-6)

    def test_other_lengths_keep_the_shares(self):
        # 30 epochs of 10 steps: 12, 18 and 24 epochs.
        steps = [119, 120, 179, 180, 239, 240]
        expected = [2.0, 1.0, 1.0, 0.2, 0.2, 0.1]
        np.testing.assert_allclose(rates(training("steps", 30, peak=2.0), 10, steps), expected, rtol=1e-6)

    @pytest.mark.parametrize(("epochs", "expected"), [(1, [1.0]), (2, [1.0, 0.5]), (3, [1.0, 1.0, 0.1])])
    def test_hardly_any_steps(self, epochs: int, expected: list[float]):
        # Of 2 steps, step 1 is at 50 %; of 3, step 2 is at 67 %.
        np.testing.assert_allclose(rates(training("steps", epochs, peak=1.0), 1, list(range(epochs))), expected)


def test_inverse():
    # 5 epochs of 18 steps: 1 + 9 s / 90 is 1, 2, 5.5 and 10.
    np.testing.assert_allclose(rates(training("inverse", 5, peak=1.1), 18, [0, 10, 45, 90]), [1.1, 0.55, 0.2, 0.11])


@pytest.mark.parametrize("name", ["steps", "inverse", "cosine"])
def test_a_factor_scales_every_step(name: str):
    params = training(name, 4, warmup=1.0)
    whole, part = learning_rate(params, 5), learning_rate(params, 5, factor=0.25)
    assert [float(part(step)) for step in range(20)] == [float(whole(step)) / 4 for step in range(20)]


class TestCosine:
    def test_warm_up_then_half_a_cosine(self):
        # 2 epochs of 10 steps up, 8 epochs down: halfway down, at step 60, half the peak.
        steps = [0, 1, 10, 19, 20, 60, 99, 100, 500]
        # From peak / 20: step s has (1 + 19 s / 20) / 20 of it.
        up = [(1 + 19 * s / 20) / 20 for s in (0, 1, 10, 19)]
        down = [1.0, 0.5, (1 + math.cos(math.pi * 79 / 80)) / 2, 0.0, 0.0]
        expected = 3e-3 * np.array(up + down)
        np.testing.assert_allclose(
            rates(training("cosine", 10, 3e-3, 2.0), 10, steps), expected, atol=1e-9, rtol=1e-5
        )

    def test_no_warm_up(self):
        expected = [1.0, 0.5, 0.0]
        np.testing.assert_allclose(rates(training("cosine", 4, 1.0), 5, [0, 10, 20]), expected, atol=1e-7)

    def test_part_of_an_epoch(self):
        schedule = learning_rate(training("cosine", 4, 1.0, 0.5), 5)  # 2.5 steps, rounded to 2
        np.testing.assert_allclose([float(schedule(step)) for step in (0, 1, 2)], [0.5, 0.75, 1.0])

    def test_the_warm_up_takes_at_most_half(self):
        # 2 epochs of 4 steps with 5 epochs of warm-up: the peak is at step 4.
        values = rates(training("cosine", 2, 1.0, 5.0), 4, list(range(9)))
        assert int(np.argmax(values)) == 4
        assert values[4] == 1.0
        assert values[8] == pytest.approx(0.0, abs=1e-7)

    def test_one_step(self):
        assert rates(training("cosine", 1, 1.0, 2.0), 1, [0]) == [1.0]


@pytest.mark.parametrize(
    "params", [training("steps", 10), training("cosine", 10), training("cosine", 10, warmup=2.0)]
)
def test_is_a_function_of_the_step_and_survives_its_config(params: Training):
    schedule = learning_rate(params, 3)
    copy = keras.optimizers.schedules.deserialize(keras.optimizers.schedules.serialize(schedule))
    expected = [float(schedule(step)) for step in range(31)]
    assert [float(copy(step)) for step in reversed(range(31))] == expected[::-1]
    optimizer = keras.optimizers.Adam(schedule)
    variable = keras.Variable([1.0])
    optimizer.build([variable])
    for step in range(14):
        assert float(optimizer.learning_rate) == expected[step]
        optimizer.apply([variable * 0.0 + 1.0])


def test_refuses_an_empty_epoch():
    with pytest.raises(ValueError, match="at least 1, not 0"):
        learning_rate(training("steps", 10), 0)
