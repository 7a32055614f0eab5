from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.learning.single.checkpoint import Progress, load_checkpoint, save_checkpoint
from maskwright.learning.single.training import keras_fit, optimizer, train_epochs
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


class TestPatience:
    SCORES = (0.3, 0.6, 0.5, 0.6, 0.9)

    def trained(self, folder: Path, told: list[int], *, patience: int | None = 2, fails_in: int = 0):
        """Train for at most five epochs with these scores; an error may come when an epoch is told."""

        def log_epoch(epoch: int, row: dict[str, float]) -> None:
            told.append(epoch)
            if epoch == fails_in:
                raise KeyboardInterrupt

        model = network()
        model.compile(optimizer(Training(epochs=5), model, 1), "mse", run_eagerly=True)
        batches = tf.data.Dataset.from_tensors((np.ones((2, 1)), np.ones((2, 1)))).repeat()
        return train_epochs(
            model,
            keras_fit(model, lambda start: batches, epochs=5, steps=1),
            epochs=5,
            steps=1,
            validate=lambda: {"val_miou": self.SCORES[len(told)]},
            best_by="val_miou",
            folder=folder,
            log_epoch=log_epoch,
            patience=patience,
        )

    def test_ends_the_training_and_says_so(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        told: list[int] = []
        epochs, best = self.trained(tmp_path, told)
        assert told == [1, 2, 3, 4]
        assert [row["val_miou"] for row in epochs] == [0.3, 0.6, 0.5, 0.6]
        assert best == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last == "stopped after epoch 4/5: val_miou was highest in epoch 2, and patience is 2"

    def test_killed_at_its_end_it_does_not_go_on(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        told: list[int] = []
        with pytest.raises(KeyboardInterrupt):
            self.trained(tmp_path, told, fails_in=4)
        capsys.readouterr()
        epochs, best = self.trained(tmp_path, told)
        assert (told, len(epochs), best) == ([1, 2, 3, 4], 4, 1)
        assert "epoch" not in capsys.readouterr().err

    def test_without_it_all_epochs_are_trained(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
        told: list[int] = []
        _, best = self.trained(tmp_path, told, patience=None)
        assert (told, best) == ([1, 2, 3, 4, 5], 4)
        assert "stopped" not in capsys.readouterr().err
