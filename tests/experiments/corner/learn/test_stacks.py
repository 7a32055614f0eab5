import keras
import numpy as np
import pytest

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn import stacks
from maskwright.experiments.corner.learn.network import detector, hand_set_weights
from maskwright.experiments.corner.learn.orders import draw_batches
from maskwright.experiments.corner.learn.stacks import Trained, report_epochs, train_all
from maskwright.experiments.corner.learn.variants import Setting
from maskwright.experiments.corner.report.hand_set import single_network
from maskwright.learning.replicates.fitting import start_fitting

PATTERNS, LABELS = (array.astype(np.float32) for array in all_patterns())
SOFTMAX = {"head": "softmax", "loss": "cross_entropy", "labels": "matched", "learning_rate": 1e-3, "batch_size": 512}
KINDS = {
    "as posted": Setting(epochs=2),
    "matched": Setting(labels="matched", epochs=2),
    "weighted, labels as posted": Setting(epochs=2, corner_weight=511),
    "weighted": Setting(labels="matched", epochs=2, corner_weight=511),
    "repeated": Setting(labels="matched", epochs=2, repeats=64),
    "centred": Setting(labels="matched", epochs=2, centred=True),
    "sigmoid": Setting("sigmoid", "cross_entropy", "matched", epochs=2),
    "sigmoid, by hand": Setting("sigmoid", "cross_entropy", "matched", epochs=2, by_hand=True),
    "filters": Setting(labels="matched", epochs=2, filters=3),
    "one by one": Setting(labels="matched", epochs=1, batch_size=1),
    "softmax": Setting(**SOFTMAX, epochs=3),
    "softmax, weighted": Setting(**SOFTMAX, epochs=3, corner_weight=511),
    "softmax, balanced": Setting(**SOFTMAX, epochs=2, balanced=True),
}


@pytest.fixture(scope="module", autouse=True)
def without_xla():
    """XLA takes seconds each time, and the steps are few; the whole experiment is tested with it."""

    def start(*arguments, xla, **options):
        return start_fitting(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stacks, "start_fitting", start)
        yield


@pytest.fixture(scope="module")
def together():
    return train_all(KINDS, [3, 5], PATTERNS, LABELS)


def rows_of(setting, seed):
    """Return the patterns of each batch, as many as its counts say, for a network trained alone."""
    for steps in draw_batches([setting], [seed], [1] * setting.epochs):
        for times in steps[..., 0]:
            if setting.batch_size == 1:
                yield times.astype(int)
            else:
                yield np.repeat(np.arange(512), times)


def trained_by_keras(setting, seed):
    """Return the weights after Keras's own training on the same batches, from the same beginning."""
    network = single_network(setting)
    begin = hand_set_weights(1) if setting.by_hand else detector(setting, [seed], "begin").get_weights()
    network.set_weights(
        [one[0].reshape(plain.shape) for one, plain in zip(begin, network.get_weights(), strict=True)]
    )
    if setting.head == "softmax":
        # With the outputs reshaped to (B, 2), as in the source.
        network.add(keras.layers.Reshape((2,)))
    loss = {"mse": "mse", "softmax": "categorical_crossentropy"}.get(
        setting.loss if setting.loss == "mse" else setting.head, "binary_crossentropy"
    )
    network.compile(keras.optimizers.Adam(setting.learning_rate), loss=loss)
    weight = {0: 1.0, 1: setting.corner_weight} if setting.corner_weight != 1 else None
    inputs = 2 * PATTERNS - 1 if setting.centred else PATTERNS
    for rows in rows_of(setting, seed):
        labels = LABELS[rows]
        if setting.head == "softmax":
            labels = np.eye(2, dtype=np.float32)[labels.astype(int)]
        elif setting.labels == "matched":
            labels = labels.reshape(-1, 1, 1, 1)
        # Keras's class_weight wants one label an example; weights of the examples are the same thing.
        each = None if weight is None else np.array([weight[int(y)] for y in LABELS[rows]], np.float32)
        if each is not None and setting.labels == "matched" and setting.head != "softmax":
            each = each.reshape(-1, 1, 1)
        network.train_on_batch(inputs[rows][..., None], labels, sample_weight=each)
    return network.get_weights()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_training_is_that_of_keras(kind, together):
    trained = together[kind].weights
    for own, expected in zip(trained, trained_by_keras(KINDS[kind], 5), strict=True):
        np.testing.assert_allclose(own[1].ravel(), expected.ravel(), rtol=2e-3, atol=2e-5)


@pytest.mark.slow
def test_a_network_trained_with_others_ends_as_if_alone(together):
    for kind in ("as posted", "repeated", "softmax, balanced"):
        alone = train_all({"it": KINDS[kind]}, [5], PATTERNS, LABELS)["it"]
        for many, one in zip(together[kind].weights, alone.weights, strict=True):
            assert many.shape == (2, *one.shape[1:])
            np.testing.assert_allclose(many[1], one[0], rtol=1e-4, atol=1e-6)
        for name, values in alone.history.items():
            np.testing.assert_allclose(together[kind].history[name][:, 1], values[:, 0], rtol=1e-3, atol=1e-5)


def test_runs_of_one_seed_begin_alike():
    begin = [detector(setting, [7], "begin").get_weights()[0] for setting in (KINDS["matched"], KINDS["sigmoid"])]
    np.testing.assert_array_equal(begin[0], begin[1])


def test_solved_counts_from_where_it_stays():
    recall = np.array([[0, 1, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1]])
    false = np.array([[0, 0, 3, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]])
    run = Trained([], {"recall": recall, "false_positives": false}, epochs=[10, 20, 30, 35])
    assert run.solved_epochs == [35, 10, None, 35]


def test_reports_end_with_the_last_epoch():
    assert report_epochs(3) == [1, 2, 3]
    assert report_epochs(401) == [*range(3, 400, 3), 401]
    assert len(report_epochs(10_000)) == 200


def test_trains_as_many_epochs_as_said(monkeypatch):
    """With five reports at most, seven epochs are three parts of two and one of one."""
    monkeypatch.setattr(stacks, "_REPORTS", 5)
    settings = {epochs: Setting(**SOFTMAX, epochs=epochs) for epochs in (6, 7)}
    runs = train_all(settings, [3, 5], PATTERNS, LABELS)
    assert {epochs: run.epochs for epochs, run in runs.items()} == {6: [2, 4, 6], 7: [2, 4, 6, 7]}
    for name, values in runs[7].history.items():
        assert len(values) == 4
        np.testing.assert_array_equal(values[:3], runs[6].history[name])
    monkeypatch.setattr(stacks, "_REPORTS", 200)
    whole = train_all({7: settings[7]}, [3, 5], PATTERNS, LABELS)[7]
    for one, other in zip(runs[7].weights, whole.weights, strict=True):
        np.testing.assert_array_equal(one, other)
