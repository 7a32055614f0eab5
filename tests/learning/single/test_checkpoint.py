import json
from pathlib import Path

import keras
import numpy as np
import pytest

from maskwright.learning.single.checkpoint import (
    Progress,
    load_checkpoint,
    remove_checkpoint,
    restore_best,
    save_checkpoint,
)
from support.full_disk import no_file_beyond

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
Y = X.sum(axis=1, keepdims=True)


def network(seed: int = 0, width: int = 4) -> keras.Model:
    """Return a compiled, built model with normalisation (moving statistics) and dropout (a seed as state)."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((3,))
    hidden = keras.layers.Dropout(0.5, seed=7)(keras.layers.BatchNormalization()(keras.layers.Dense(width)(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    optimizer = keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, "mse", run_eagerly=True)
    return model


def learn(model: keras.Model, epochs: int) -> None:
    model.fit(X, Y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)


def values(model: keras.Model) -> list[np.ndarray]:
    return [np.asarray(v) for v in [*model.weights, *model.optimizer.variables]]


def assert_equal(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def row(loss: float) -> dict[str, float]:
    return {"loss": loss, "miou": 1 / 3}


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_resumed_training_is_the_uninterrupted_one(tmp_path: Path):
    whole = network()
    learn(whole, 3)

    first = network()
    learn(first, 2)
    progress = Progress([row(2.0), row(0.1 + 0.2)], best_epoch=1)
    save_checkpoint(tmp_path / "c", first, progress)
    second = network(seed=5)
    assert load_checkpoint(tmp_path / "c", second) == progress
    assert_equal(values(second), values(first))
    learn(second, 1)
    assert_equal(values(second), values(whole))  # so the optimizer's moments and dropout's seed went on too


def test_the_best_weights_are_kept(tmp_path: Path):
    model, progress = network(), Progress()
    kept = None
    for epoch, best in enumerate([0, 1, 1, 1]):
        learn(model, 1)
        progress.history.append(row(float(epoch)))
        progress.best_epoch = best
        save_checkpoint(tmp_path, model, progress)
        if epoch == 1:
            kept = model.get_weights()
    assert names(tmp_path) == ["best.npz", "progress.json", "state-4.npz"]
    other = network(seed=5)
    restore_best(tmp_path, other)
    assert_equal(other.get_weights(), kept)


def test_nothing_there(tmp_path: Path):
    model = network()
    before = values(model)
    progress = load_checkpoint(tmp_path / "none", model)
    assert progress == Progress([], -1)
    assert progress.next_epoch == 0
    assert_equal(values(model), before)


def test_removed(tmp_path: Path):
    save_checkpoint(tmp_path / "c", network(), Progress([row(1.0)], 0))
    remove_checkpoint(tmp_path / "c")
    remove_checkpoint(tmp_path / "c")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("last", ["best.npz", "state-2.npz", "progress.json", "unlink"])
def test_a_kill_at_any_moment_of_saving_leaves_the_state_before_or_after(
    last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    model, progress = network(), Progress([row(1.0)], 0)
    learn(model, 1)
    save_checkpoint(tmp_path, model, progress)
    old = values(model)
    learn(model, 1)
    progress.history.append(row(0.5))
    progress.best_epoch = 1

    replace = Path.replace

    def killed_after(self: Path, target: Path) -> Path:
        result = replace(self, target)
        if Path(target).name == last:
            raise KeyboardInterrupt
        return result

    def killed(self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed_after)
    if last == "unlink":
        monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, model, progress)
    monkeypatch.undo()

    again = network(seed=5)
    found = load_checkpoint(tmp_path, again)
    recorded = last in ("progress.json", "unlink")
    assert found == Progress(progress.history[: 1 + recorded], int(recorded))
    assert_equal(values(again), values(model) if recorded else old)
    # Going on sweeps the leftovers away, and ends where it would have.
    if not recorded:
        learn(again, 1)
    save_checkpoint(tmp_path, again, progress)
    assert names(tmp_path) == ["best.npz", "progress.json", "state-2.npz"]
    restore_best(tmp_path, again)
    assert_equal(again.get_weights(), model.get_weights())


def test_a_half_written_file_is_harmless(tmp_path: Path):
    model = network()
    save_checkpoint(tmp_path, model, Progress([row(1.0)], 0))
    for name in (".state-2.npz", ".best.npz", ".progress.json.partial"):
        (tmp_path / name).write_bytes(b"PK half")
    again = network(seed=5)
    assert load_checkpoint(tmp_path, again).next_epoch == 1
    assert_equal(values(again), values(model))


class TestDamage:
    def check(self, folder: Path, capsys: pytest.CaptureFixture[str], model: keras.Model | None = None) -> None:
        model = model or network(seed=5)
        before = values(model)
        assert load_checkpoint(folder, model) == Progress()
        assert_equal(values(model), before)  # not a mixture
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert error.startswith(f"maskwright: warning: {folder}: damaged checkpoint (")
        assert error.endswith("); starting over\n")

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        save_checkpoint(tmp_path / "c", network(), Progress([row(1.0)], 0))
        return tmp_path / "c"

    @pytest.mark.parametrize("name", ["state-1.npz", "best.npz"])
    @pytest.mark.parametrize("damage", ["missing", "empty", "short", "text", "flipped"])
    def test_arrays(self, name: str, damage: str, folder: Path, capsys: pytest.CaptureFixture[str]):
        path = folder / name
        content = path.read_bytes()
        middle = len(content) // 2
        flipped = bytes(255 - byte for byte in content[middle - 200 : middle + 200])
        path.write_bytes(
            {
                "missing": b"",
                "empty": b"",
                "short": content[:middle],
                "text": b"not an archive",
                "flipped": content[: middle - 200] + flipped + content[middle + 200 :],
            }[damage]
        )
        if damage == "missing":
            path.unlink()
        self.check(folder, capsys)

    @pytest.mark.parametrize("text", ["", "{", "null", "[]", "{}", '{"state": "state-1.npz"}'])
    def test_record(self, text: str, folder: Path, capsys: pytest.CaptureFixture[str]):
        (folder / "progress.json").write_text(text)
        self.check(folder, capsys)

    def test_binary_record(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        (folder / "progress.json").write_bytes(b"\xff\xfe\x00")
        self.check(folder, capsys)

    def test_of_another_model(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        self.check(folder, capsys, network(seed=5, width=6))

    def test_training_then_goes_on(self, folder: Path, capsys: pytest.CaptureFixture[str]):
        (folder / "state-1.npz").write_bytes(b"")
        model = network(seed=5)
        progress = load_checkpoint(folder, model)
        learn(model, 1)
        progress.history.append(row(1.0))
        progress.best_epoch = 0
        save_checkpoint(folder, model, progress)
        assert load_checkpoint(folder, network()) == progress
        assert capsys.readouterr().err.count("starting over") == 1


def test_numbers_come_back_to_the_last_bit(tmp_path: Path):
    history = [{"loss": 0.1 + 0.2, "miou": 1 / 3, "rate": 5e-324}]
    save_checkpoint(tmp_path, network(), Progress(history, 0))
    assert json.loads((tmp_path / "progress.json").read_text())["history"] == history
    assert load_checkpoint(tmp_path, network()).history == history


def test_a_disk_that_is_full_leaves_the_state_before_and_nothing_half_written(tmp_path: Path):
    model = network(width=2000)  # of 3 x 2,000 weights, four bytes each, and more
    save_checkpoint(tmp_path, model, Progress([row(0.5)], 0))
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(OSError, match="File too large"), no_file_beyond(10_000):
        save_checkpoint(tmp_path, model, Progress([row(0.5), row(0.25)], 1))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
