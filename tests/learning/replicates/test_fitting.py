from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.learning.replicates.fitting import (
    adam,
    adam_up_and_down,
    in_batches,
    sgd,
    stacked,
    start_fitting,
    triangular,
)
from maskwright.learning.replicates.layers import Replicate, ReplicatedDense

RULE = adam_up_and_down(0.02, 0.1, epochs=2, examples=20, batch_size=8)


def network(seed=0, *, norm=False):
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed))(inputs)
    if norm:
        x = keras.layers.Reshape((1, 1, 4))(x)
        x = keras.layers.Flatten()(FusedBatchNormalization(momentum=0.5)(x))
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed))(x))


def examples(number, seed=0, rows=20):
    rng = np.random.default_rng([seed, number])
    inputs = rng.normal(size=(rows, 3)).astype(np.float32)
    return inputs, inputs.sum(axis=1).astype(np.float32)


def shown(seed=0, rows=20, epochs=2, batch_size=8):
    return [in_batches(examples(number, seed, rows), batch_size) for number in range(epochs)]


def squares(network, batch):
    errors = network(batch[0])[:, 0] - batch[1]
    both = tf.ensure_shape(errors[:2], (2,))
    return tf.reduce_mean(tf.square(errors)), {"largest": tf.reduce_max(tf.abs(errors)), "both": both}


def fit(networks, epochs, rule=RULE, workers=1, **options):
    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in start_fitting(pool, networks, epochs, squares, rule, **options)]


def test_learning_rates_by_hand():
    # Ten steps: up over two, then down in equal steps towards 0.
    expected = [0.45, 0.9, 0.9 * 8 / 9, 0.9 * 7 / 9, 0.9 * 6 / 9, 0.5, 0.4, 0.3, 0.2, 0.1]
    np.testing.assert_allclose(triangular(0.9, 10), expected, rtol=1e-6)
    assert triangular(0.5, 1).tolist() == [0.5]


def test_steps_are_those_of_keras_adamw_with_its_rates():
    ours, theirs = network(), network()
    (reported,) = fit([ours], [shown()])
    optimizer = keras.optimizers.AdamW(0.02, weight_decay=0.1, beta_1=0.9, beta_2=0.99)
    optimizer.build(theirs.trainable_variables)
    optimizer.exclude_from_weight_decay(var_list=[v for v in theirs.trainable_variables if len(v.shape) < 2])
    theirs.compile(optimizer, "mse")
    losses = []
    for step, rate in enumerate(triangular(0.02, 4)):  # 20 examples fill two batches of 8
        inputs, labels = examples(step // 2)
        rows = slice(step % 2 * 8, step % 2 * 8 + 8)
        optimizer.learning_rate.assign(rate)
        losses.append(float(theirs.train_on_batch(inputs[rows], labels[rows][:, None])))
        theirs.reset_metrics()
    np.testing.assert_allclose(reported["loss"], [np.mean(losses[:2]), np.mean(losses[2:])], rtol=1e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_reports_the_mean_over_the_steps_of_whatever_shape():
    (reported,) = fit([network()], [shown()])
    assert {name: values.shape for name, values in reported.items()} == {
        "loss": (2,),
        "largest": (2,),
        "both": (2, 2),
    }
    assert (reported["largest"] > 0).all()


def test_networks_train_as_they_would_alone():
    together = [network(seed) for seed in range(3)]
    fit(together, [shown(seed) for seed in range(3)], workers=2)
    alone = network(1)
    fit([alone], [shown(1)])
    for one, other in zip(together[1].get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_moving_statistics_are_carried_from_step_to_step():
    model = network(norm=True)
    first = model.layers[1]
    fit([model], [shown(rows=20, epochs=1, batch_size=10)], adam(np.full(2, 1e-9), beta_2=0.99))
    inputs = examples(0)[0]
    seen = np.asarray(first(inputs))
    means = seen[:10].mean(axis=0), seen[10:].mean(axis=0)
    expected = (0.0 * 0.5 + means[0] * 0.5) * 0.5 + means[1] * 0.5
    norm = next(layer for layer in model.layers if isinstance(layer, FusedBatchNormalization))
    np.testing.assert_allclose(np.asarray(norm.moving_mean), expected, atol=1e-5)


def test_fewer_examples_than_a_batch_are_one_step():
    few, all_of_them = network(), network()
    rule = adam_up_and_down(0.02, 0.1, epochs=2, examples=5, batch_size=8)
    (reported,) = fit([few], [shown(rows=5)], rule)
    (expected,) = fit([all_of_them], [shown(rows=5, batch_size=5)], rule)
    np.testing.assert_array_equal(reported["loss"], expected["loss"])
    for one, other in zip(few.get_weights(), all_of_them.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_outputs_of_several_networks_stand_side_by_side():
    inputs = keras.Input((2, 3))
    model = keras.Model(inputs, stacked([inputs * factor for factor in (1.0, 2.0)]))
    batch = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    np.testing.assert_array_equal(np.asarray(model(batch)), np.stack([batch, 2 * batch], axis=1))
    alone = keras.Model(inputs, stacked([inputs * 3.0]))
    np.testing.assert_array_equal(np.asarray(alone(batch)), 3 * batch[:, None])


def test_what_is_left_over_of_an_epoch_is_not_used():
    inputs, labels = in_batches(examples(0), 8)
    assert (inputs.shape, labels.shape) == ((2, 8, 3), (2, 8))
    np.testing.assert_array_equal(inputs.reshape(16, 3), examples(0)[0][:16])


def test_measures_the_network_after_each_epoch():
    model, inputs = network(), tf.constant(examples(5)[0])

    def measure(trained):
        return {"mean": tf.reduce_mean(trained(inputs, training=False)), "loss": tf.constant(7.0)}

    (reported,) = fit([model], [shown()], measure=measure)
    assert reported["mean"].shape == (2,)
    assert reported["mean"][-1] == pytest.approx(float(np.mean(model(inputs))), abs=1e-6)
    assert reported["loss"].tolist() == [7.0, 7.0]  # in place of the mean over the steps


def test_xla_changes_no_more_than_rounding():
    plain, compiled = network(), network()
    (one,) = fit([plain], [shown()])
    (other,) = fit([compiled], [shown()], xla=True)
    np.testing.assert_allclose(one["loss"], other["loss"], rtol=1e-5)
    for first, second in zip(plain.get_weights(), compiled.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


SEEDS = (3, 0, 11)
UNIFORM = keras.initializers.RandomUniform(-0.9, 0.9)
INPUTS = np.random.default_rng(1).normal(size=(20, 4)).astype("float32")
LABELS = np.eye(2, dtype="float32")[(INPUTS.sum(1) > 0).astype(int)]


def stack(seeds):
    """Return a model whose input every network sees, and the one where each has its own."""
    rows = keras.Input((4,))
    x = repeated = Replicate(len(seeds))(rows)
    x = ReplicatedDense(5, seeds, name="hidden", activation="tanh", bias_initializer=UNIFORM)(x)
    x = ReplicatedDense(2, seeds, name="output", activation="softmax")(x)
    return keras.Model(rows, x), keras.Model(repeated, x)


def stacked_squares(labels, outputs):
    return tf.reduce_sum(tf.square(labels - outputs), axis=(0, 2))


def fitted_stack(seeds, order, rule):
    model, core = stack(seeds)
    inputs, labels = tf.constant(INPUTS), tf.constant(LABELS)

    def loss(trained, batch):
        outputs = trained(tf.gather(inputs, batch[0]))
        return tf.reduce_sum(stacked_squares(tf.gather(labels, batch[0]), outputs)), {}

    def measure(trained):
        everything = tf.repeat(inputs[:, None], len(seeds), axis=1)
        return {"loss": stacked_squares(labels[:, None], trained(everything, training=False))}

    with ThreadPoolExecutor(1) as pool:
        epochs = [(epoch.astype(np.int32),) for epoch in order]
        (future,) = start_fitting(pool, [core], [epochs], loss, rule, measure=measure, xla=True)
    return model, future.result()


@pytest.mark.slow
@pytest.mark.parametrize("rule", [sgd(np.full(20, 0.05)), adam(np.full(20, 0.05), beta_2=0.999)])
def test_a_network_of_a_stack_ends_as_if_alone(rule):
    order = np.random.default_rng(2).integers(0, 20, (4, 5, 6, len(SEEDS)))
    together, history = fitted_stack(SEEDS, order, rule)
    assert history["loss"].shape == (4, len(SEEDS))
    assert (history["loss"][-1] < history["loss"][0]).all()
    for index, seed in enumerate(SEEDS):
        alone, own = fitted_stack((seed,), order[..., index : index + 1], rule)
        np.testing.assert_allclose(history["loss"][:, index], own["loss"][:, 0], rtol=1e-5)
        for one, many in zip(alone.weights, together.weights, strict=True):
            np.testing.assert_allclose(many[index], one[0], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    [
        (sgd(np.full(10, 0.05)), keras.optimizers.SGD(0.05)),
        (adam(np.full(10, 0.05), beta_2=0.999), keras.optimizers.Adam(0.05)),
    ],
)
def test_training_a_stack_is_that_of_keras(rule, optimizer):
    """The same weights, batches and optimizer in a plain Keras model, whose loss is the sum over the batch."""
    order = np.random.default_rng(2).integers(0, 20, (2, 5, 6, 1))
    begin, _ = stack((7,))
    plain = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(5, "tanh"), keras.layers.Dense(2, activation="softmax")]
    )
    plain.set_weights([np.asarray(weight)[0] for weight in begin.weights])
    plain.compile(optimizer, loss=lambda y, p: keras.ops.sum(keras.ops.square(y - p)))
    trained, _ = fitted_stack((7,), order, rule)
    for batch in order.reshape(10, 6):
        plain.train_on_batch(INPUTS[batch], LABELS[batch])
    for one, expected in zip(trained.weights, plain.weights, strict=True):
        np.testing.assert_allclose(one[0], expected, rtol=1e-4, atol=1e-5)
