import math
from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.learning.single.callbacks import EpochEnd, ProgressBar
from maskwright.learning.single.checkpoint import Progress, load_checkpoint, restore_best
from maskwright.shared.errors import MaskwrightError


def network() -> keras.Model:
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.25])
    optimizer = keras.optimizers.SGD(rate)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, "mse")
    return model


class Run:
    """An `EpochEnd` whose validation gives the numbers that the test names."""

    def __init__(self, folder: Path, patience: int | None = None) -> None:
        self.model = network()
        self.progress = Progress()
        self.folder = folder
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.scores: dict[str, float] = {}
        self.callback = EpochEnd(
            validate=lambda: dict(self.scores),
            best_by="miou",
            progress=self.progress,
            folder=folder,
            log_epoch=self.log,
            patience=patience,
        )
        self.callback.set_model(self.model)

    def log(self, epoch: int, row: dict[str, float]) -> None:
        assert load_checkpoint(self.folder, network()).next_epoch == epoch  # what is told is already safe
        self.logged.append((epoch, row))

    def epoch(self, loss: float, miou: float, **more: float) -> None:
        self.scores = {"miou": miou, **more}
        self.callback.on_epoch_end(self.progress.next_epoch, {"loss": loss})


class TestEpochEnd:
    def test_a_row_has_loss_scores_and_rate(self, tmp_path: Path):
        run = Run(tmp_path)
        run.epoch(2.0, 0.25, val_loss=1.5)
        expected = {"loss": 2.0, "miou": 0.25, "val_loss": 1.5, "learning_rate": 0.5}
        assert run.progress.history == [expected]
        assert run.logged == [(1, expected)]

    def test_the_rate_is_that_of_the_step_it_has_come_to(self, tmp_path: Path):
        run = Run(tmp_path)
        run.model.fit(np.zeros((4, 2)), np.zeros((4, 1)), batch_size=1, callbacks=[], verbose=0)
        run.epoch(2.0, 0.25)
        assert run.progress.history[0]["learning_rate"] == 0.25

    def test_of_several_rates_the_highest_is_told(self, tmp_path: Path):
        run = Run(tmp_path)
        slow, fast = keras.optimizers.SGD(0.125), keras.optimizers.SGD(0.5)
        several = keras.optimizers.MultiOptimizer(lambda variable: slow if variable.name == "kernel" else fast)
        several.build(run.model.trainable_variables)
        run.model.compile(several, "mse")
        run.callback.set_model(run.model)
        run.progress.history.clear()
        run.callback.log_epoch = lambda epoch, row: run.logged.append((epoch, row))
        run.epoch(2.0, 0.25)
        assert run.logged[0][1]["learning_rate"] == 0.5

    def test_the_best_is_the_highest_and_on_a_tie_the_earliest(self, tmp_path: Path):
        run, best, weights = Run(tmp_path), [], []
        for miou in (0.0, 0.5, 0.4, 0.5, 0.7, 0.6):
            run.model.set_weights([np.random.default_rng(len(best)).normal(size=w.shape) for w in run.model.weights])
            weights.append(run.model.get_weights())
            run.epoch(1.0, miou)
            best.append(run.progress.best_epoch)
        assert best == [0, 1, 1, 1, 4, 4]
        restore_best(tmp_path, run.model)
        for found, expected in zip(run.model.get_weights(), weights[4], strict=True):
            np.testing.assert_array_equal(found, expected)

    @pytest.mark.parametrize(
        ("patience", "stops"),
        # The best so far: 0.5 in the first epoch, 0.6 in the third. The same score again is no better.
        [(None, []), (1, [2, 4, 5, 6]), (2, [5, 6]), (3, [6]), (4, [])],
    )
    def test_patience(self, patience: int | None, stops: list[int], tmp_path: Path):
        run, found = Run(tmp_path, patience), []
        for epoch, miou in enumerate((0.5, 0.5, 0.6, 0.3, 0.6, 0.55), start=1):
            run.model.stop_training = False
            run.epoch(1.0, miou)
            assert run.progress.next_epoch == epoch
            if run.model.stop_training:
                found.append(epoch)
        assert found == stops

    @pytest.mark.parametrize(
        ("loss", "val_loss", "broken"),
        [(math.nan, 1.0, "loss is nan"), (math.inf, math.nan, "loss is inf, val_loss is nan")],
    )
    def test_a_training_that_diverged_stops(self, loss: float, val_loss: float, broken: str, tmp_path: Path):
        run = Run(tmp_path / "c")
        run.epoch(1.0, 0.5, val_loss=1.0)
        with pytest.raises(MaskwrightError) as caught:
            run.epoch(loss, 0.5, val_loss=val_loss)
        assert str(caught.value) == f"epoch 2: {broken}; the training diverged, set a lower learning_rate"
        assert len(run.logged) == 1
        assert not (tmp_path / "c").exists()


class TestProgressBar:
    ROWS = ({"loss": 1.25, "miou": 0.5}, {"loss": 0.75, "miou": 0.25})

    def shown(self, capsys: pytest.CaptureFixture[str], *, start: int = 0) -> str:
        progress = Progress([dict(row) for row in self.ROWS[:start]], 0 if start else -1)
        bar = ProgressBar(epochs=2, steps=3, start=start, progress=progress, shown=("loss", "miou"))
        bar.on_train_begin()
        for epoch in range(start, 2):
            for step in range(3):
                bar.on_train_batch_end(step)
            progress.history.append(dict(self.ROWS[epoch]))
            progress.best_epoch = 0
            bar.on_epoch_end(epoch)
        bar.on_train_end()
        bar.stop()
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err

    def test_a_line_an_epoch_where_nobody_watches(self, capsys: pytest.CaptureFixture[str]):
        lines = self.shown(capsys).splitlines()
        assert [line.rsplit("  ", 1)[0].rstrip() for line in lines] == [
            "epoch 1/2  loss 1.2500  miou 0.5000 (best)",
            "epoch 2/2  loss 0.7500  miou 0.2500",
        ]
        assert all(line.endswith(" s") for line in lines)

    def test_goes_on_where_a_kill_was(self, capsys: pytest.CaptureFixture[str]):
        assert self.shown(capsys, start=1).startswith("epoch 2/2  loss 0.7500  miou 0.2500  ")

    def test_on_a_terminal_one_bar(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "100")
        shown = self.shown(capsys)
        assert "6/6" in shown
        assert "miou 0.2500" in shown
        assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1  # the cursor is given back
