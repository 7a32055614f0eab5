import keras
import numpy as np
import pytest

from maskwright.experiments.conditional.learn.network import (
    chosen_logits,
    network,
    plain_network,
    separate_networks,
)
from maskwright.experiments.conditional.learn.parts import Sizes

SIZES = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)


def images(number=9, sizes=SIZES):
    return np.random.default_rng(0).random((number, sizes.side, sizes.side, sizes.channels)).astype(np.float32)


def gated(gate, coarse=2, **arguments):
    return network(SIZES, coarse, 10, **{"gate": gate, "temperature": 1.0, "seed": 3, **arguments})


@pytest.mark.parametrize("gate", ["soft", "hard", "gumbel", "none"])
@pytest.mark.parametrize("coarse", [2, 3])
def test_outputs(gate, coarse):
    model = gated(gate, coarse)
    outputs = np.asarray(model(images()))
    assert outputs.shape == (9, coarse + 10)
    assert np.isfinite(outputs).all()
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(np.asarray(again(images())), outputs, atol=1e-6)


def test_all_gates_have_the_same_size_and_begin_alike():
    models = {gate: gated(gate) for gate in ("soft", "hard", "none")}
    assert len({model.count_params() for model in models.values()}) == 1
    firsts = [np.asarray(model(images()))[:, :2] for model in models.values()]
    np.testing.assert_array_equal(firsts[0], firsts[1])
    np.testing.assert_array_equal(firsts[0], firsts[2])


def test_a_given_gate_of_ones_is_no_gate_and_that_of_the_first_head_is_the_soft_one():
    batch = images()
    given, none, soft = gated("given"), gated("none"), gated("soft")
    np.testing.assert_allclose(
        np.asarray(given([batch, np.ones((9, 2), np.float32)])), np.asarray(none(batch)), atol=1e-6
    )
    logits = np.asarray(soft(batch))
    probabilities = np.exp(logits[:, :2]) / np.exp(logits[:, :2]).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.asarray(given([batch, probabilities])), logits, atol=1e-5)


def test_a_closed_branch_says_the_same_of_every_image():
    batch = images()
    model = gated("given")
    closed = np.tile(np.array([[1, 0]], np.float32), (9, 1))
    before = np.asarray(model([batch, closed]))
    other = model.get_layer("branch_1").get_layer("branch_1_0")
    other.kernel.assign(np.random.default_rng(1).normal(size=other.kernel.shape))
    np.testing.assert_array_equal(np.asarray(model([batch, closed])), before)
    assert np.abs(np.asarray(model([batch, 1 - closed])) - before).max() > 0.01


def test_if_then_takes_the_specialist_of_the_likelier_coarse_class():
    logits = np.array([[2.0, 1.0, 10, 11, 12, 20, 21, 22], [0.0, 1.0, 10, 11, 12, 20, 21, 22]], np.float32)
    chosen = np.asarray(chosen_logits(logits, 2))
    assert chosen.tolist() == [[2, 1, 10, 11, 12], [0, 1, 20, 21, 22]]


def test_a_plain_network_is_the_trunk_and_one_branch():
    model = plain_network(SIZES, 2, 10, seed=3)
    names = [layer.name for layer in model.layers]
    assert names == ["images", "trunk", "branch_1", "second", "logits"]
    logits = np.asarray(model(images()))
    middle, last, first = model.get_layer("trunk")(images())
    second = model.get_layer("second")(model.get_layer("branch_1")([middle, last]))
    np.testing.assert_allclose(logits, np.concatenate([first, second], axis=-1), atol=1e-6)


def test_separate_networks_share_nothing():
    model = separate_networks(SIZES, 2, 10, seed=3)
    before = np.asarray(model(images()))
    assert before.shape == (9, 2 + 20)
    for layer in model.get_layer("trunk_0").layers:
        if layer.weights:
            layer.set_weights([weight + 0.5 for weight in layer.get_weights()])
    after = np.asarray(model(images()))
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    np.testing.assert_array_equal(after[:, 12:], before[:, 12:])
    assert (after[:, 2:12] != before[:, 2:12]).all()


def test_wrong_gate():
    with pytest.raises(ValueError, match="gate must be one of soft, hard, gumbel, none, given, not 'open'"):
        gated("open")
