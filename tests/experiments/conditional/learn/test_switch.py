import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from maskwright.experiments.conditional.learn.switch import SoftSwitch, SwitchGate

PROBABILITIES = np.array([[0.8, 0.2], [0.1, 0.9]], np.float32)


def numpy(tensor):
    return keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32"))


def gradient(layer, probabilities, **arguments):
    """The gradient of the first branch's share, summed over the batch."""
    values = tf.constant(probabilities)
    with tf.GradientTape() as tape:
        tape.watch(values)
        share = tf.reduce_sum(layer(values, **arguments)[:, 0])
    return numpy(tape.gradient(share, values))


def test_gates_by_hand():
    np.testing.assert_allclose(numpy(SwitchGate()(PROBABILITIES)), PROBABILITIES, rtol=1e-6)
    sharp = numpy(SwitchGate(temperature=0.5)(PROBABILITIES))
    np.testing.assert_allclose(sharp, [[0.64 / 0.68, 0.04 / 0.68], [0.01 / 0.82, 0.81 / 0.82]], rtol=1e-5)
    flat = numpy(SwitchGate(temperature=2.0)(PROBABILITIES))
    np.testing.assert_allclose(flat, [[2 / 3, 1 / 3], [0.25, 0.75]], rtol=1e-5)  # roots of 4:1 and 1:9
    for mode in ("hard", "gumbel"):
        assert numpy(SwitchGate(mode)(PROBABILITIES)).tolist() == [[1, 0], [0, 1]]


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(
        np.float32, st.tuples(st.integers(1, 4), st.integers(2, 6)), elements=st.floats(0.125, 1, width=32)
    ),
    st.floats(0.25, 4),
)
def test_a_gate_is_a_distribution_and_the_hard_one_picks_the_largest(values, temperature):
    probabilities = values / values.sum(axis=1, keepdims=True)
    soft = numpy(SwitchGate(temperature=temperature)(probabilities))
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)
    powers = probabilities.astype(float) ** (1 / temperature)
    np.testing.assert_allclose(soft, powers / powers.sum(axis=1, keepdims=True), rtol=1e-4, atol=1e-6)
    hard = numpy(SwitchGate("hard", temperature)(probabilities))
    assert set(np.unique(hard)) <= {0.0, 1.0}
    assert (hard.sum(axis=1) == 1).all()
    chosen = (hard * probabilities).sum(axis=1)
    np.testing.assert_allclose(chosen, probabilities.max(axis=1), rtol=1e-6)


def test_certain_and_impossible_classes_give_finite_gates_and_gradients():
    certain = np.array([[1.0, 0.0, 0.0]], np.float32)
    for mode in ("soft", "hard", "gumbel"):
        layer = SwitchGate(mode, temperature=0.1, seed=0)
        np.testing.assert_allclose(numpy(layer(certain, training=True)), certain, atol=1e-6)
        assert np.isfinite(gradient(layer, certain, training=True)).all()


def test_the_hard_gradient_is_the_soft_one():
    # Of p / (p + q) by p: q / (p + q)^2, and by q: -p / (p + q)^2.
    expected = [[0.2, -0.8], [0.9, -0.1]]
    np.testing.assert_allclose(gradient(SwitchGate(), PROBABILITIES), expected, rtol=1e-4)
    np.testing.assert_allclose(gradient(SwitchGate("hard"), PROBABILITIES), expected, rtol=1e-4)


@pytest.mark.parametrize("temperature", [0.3, 1.0, 3.0])
def test_gumbel_chooses_each_class_as_often_as_is_probable(temperature):
    probabilities = np.tile(np.array([[0.5, 0.3, 0.2]], np.float32), (20_000, 1))
    gates = numpy(SwitchGate("gumbel", temperature, seed=3)(probabilities, training=True))
    assert set(np.unique(gates)) == {0.0, 1.0}
    np.testing.assert_allclose(gates.mean(axis=0), [0.5, 0.3, 0.2], atol=0.015)


def test_gumbel_repeats_itself_by_its_seed_and_has_a_gradient():
    first, same, other = (
        numpy(SwitchGate("gumbel", seed=seed)(np.tile(PROBABILITIES, (50, 1)), training=True)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()
    assert np.abs(gradient(SwitchGate("gumbel", seed=1), PROBABILITIES, training=True)).min() > 0


@pytest.mark.parametrize("shape", [(3,), (4, 3), (2, 5, 3), (2, 2, 2, 3)])
@pytest.mark.parametrize("branches", [1, 2, 5])
def test_shares_features_of_any_depth_over_any_number_of_branches(shape, branches):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, *shape)).astype(np.float32)
    gate = rng.random((2, branches)).astype(np.float32)
    outputs = SoftSwitch()([features, gate])
    assert len(outputs) == branches
    for n, output in enumerate(outputs):
        for example in range(2):
            np.testing.assert_allclose(numpy(output)[example], features[example] * gate[example, n], rtol=1e-6)


def test_a_closed_branch_gets_zeros_and_passes_no_gradient_to_the_features():
    features = tf.constant(np.ones((1, 4), np.float32))
    gate = SwitchGate("hard")(PROBABILITIES[:1])
    with tf.GradientTape() as tape:
        tape.watch(features)
        _, closed = SoftSwitch()([features, gate])
        total = tf.reduce_sum(closed)
    assert numpy(closed).tolist() == [[0, 0, 0, 0]]
    assert numpy(tape.gradient(total, features)).tolist() == [[0, 0, 0, 0]]


def test_the_head_learns_by_what_the_branches_do_with_the_features():
    # Only the second branch answers: the loss falls where the gate opens it.
    for mode in ("soft", "hard"):
        logits = tf.constant([[0.1, 0.0]])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            gate = SwitchGate(mode)(tf.nn.softmax(logits))
            _, second = SoftSwitch()([tf.ones((1, 3)), gate])
            loss = -tf.reduce_sum(second)
        down, up = numpy(tape.gradient(loss, logits))[0]
        assert down > 0 > up


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    features = keras.Input((6, 3), dtype="float32")
    probabilities = keras.Input((2,), dtype="float32")
    gate = SwitchGate("hard")(probabilities)
    branches = SoftSwitch(dtype=policy)([features, gate])
    model = keras.Model([features, probabilities], [gate, *branches])
    outputs = model([np.ones((2, 6, 3), np.float32), PROBABILITIES])
    compute = keras.DTypePolicy(policy).compute_dtype
    assert [keras.backend.standardize_dtype(output.dtype) for output in outputs] == ["float32", compute, compute]
    assert [output.dtype for output in model.outputs] == ["float32", compute, compute]
    assert numpy(outputs[1])[:, 0, 0].tolist() == [1, 0]


def test_the_gate_stays_in_float32_under_a_global_policy():
    before = keras.mixed_precision.dtype_policy()
    try:
        keras.mixed_precision.set_dtype_policy("mixed_bfloat16")
        gate = SwitchGate()(tf.constant([[0.5001, 0.4999]]))
    finally:
        keras.mixed_precision.set_dtype_policy(before)
    np.testing.assert_allclose(numpy(gate), [[0.5001, 0.4999]], rtol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        SwitchGate("soft", 0.5, name="soft"),
        SwitchGate("gumbel", 2.0, seed=7, name="gumbel"),
        SoftSwitch(name="switch", dtype="mixed_bfloat16"),
    ],
    ids=lambda layer: layer.name,
)
def test_config_round_trip(layer):
    stored = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(stored)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()


def test_a_model_with_a_switch_is_restored_from_its_configuration():
    images = keras.Input((8, 8, 3))
    probabilities = keras.layers.Dense(3, activation="softmax")(keras.layers.GlobalAveragePooling2D()(images))
    branches = SoftSwitch()([images, SwitchGate("hard")(probabilities)])
    model = keras.Model(images, keras.layers.Concatenate()(branches))
    again = keras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    batch = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(numpy(again(batch)), numpy(model(batch)))
    assert again.output_shape == (None, 8, 8, 9)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SwitchGate("harder"), "mode must be one of soft, hard, gumbel, not 'harder'"),
        (lambda: SwitchGate(temperature=0.0), "temperature must be above 0, not 0.0"),
        (lambda: SoftSwitch()([np.ones((2, 3)), np.ones((2,))]), "a gate must be"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
