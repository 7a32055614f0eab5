from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from maskwright.learning.common.layers import FusedBatchNormalization
from maskwright.learning.replicates.fitting import Recipe, learning_rates, stacked, start_fitting

RECIPE = Recipe(epochs=2, batch_size=8, learning_rate=0.02, weight_decay=0.1)


def network(seed=0, *, norm=False):
    inputs = keras.Input((3,))
    x = keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(seed))(inputs)
    if norm:
        x = keras.layers.Reshape((1, 1, 4))(x)
        x = keras.layers.Flatten()(FusedBatchNormalization(momentum=0.5)(x))
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed))(x))


def shown(seed=0, rows=20):
    def epoch(number):
        rng = np.random.default_rng([seed, number])
        inputs = rng.normal(size=(rows, 3)).astype(np.float32)
        return inputs, inputs.sum(axis=1).astype(np.float32)

    return epoch


def squares(forward, batch):
    errors = forward(batch[0])[:, 0] - batch[1]
    both = tf.ensure_shape(errors[:2], (2,))
    return tf.reduce_mean(tf.square(errors)), {"largest": tf.reduce_max(tf.abs(errors)), "both": both}


def fit(networks, epochs, recipe=RECIPE, workers=1):
    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in start_fitting(pool, networks, epochs, squares, recipe)]


def test_learning_rates_by_hand():
    # Ten steps: up over two, then down in equal steps towards 0.
    expected = [0.45, 0.9, 0.9 * 8 / 9, 0.9 * 7 / 9, 0.9 * 6 / 9, 0.5, 0.4, 0.3, 0.2, 0.1]
    np.testing.assert_allclose(learning_rates(0.9, 10), expected, rtol=1e-6)
    assert learning_rates(0.5, 1).tolist() == [0.5]


def test_steps_are_those_of_keras_adamw_with_its_rates():
    ours, theirs = network(), network()
    (reported,) = fit([ours], [shown()])
    optimizer = keras.optimizers.AdamW(0.02, weight_decay=0.1, beta_1=0.9, beta_2=0.99)
    optimizer.build(theirs.trainable_variables)
    optimizer.exclude_from_weight_decay(var_list=[v for v in theirs.trainable_variables if len(v.shape) < 2])
    theirs.compile(optimizer, "mse")
    losses = []
    for step, rate in enumerate(learning_rates(0.02, 4)):  # 20 examples fill two batches of 8
        inputs, labels = shown()(step // 2)
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
    recipe = Recipe(epochs=1, batch_size=10, learning_rate=1e-9, weight_decay=0.0)
    fit([model], [shown(rows=20)], recipe)
    inputs = shown(rows=20)(0)[0]
    seen = np.asarray(first(inputs))
    means = seen[:10].mean(axis=0), seen[10:].mean(axis=0)
    expected = (0.0 * 0.5 + means[0] * 0.5) * 0.5 + means[1] * 0.5
    norm = next(layer for layer in model.layers if isinstance(layer, FusedBatchNormalization))
    np.testing.assert_allclose(np.asarray(norm.moving_mean), expected, atol=1e-5)


def test_fewer_examples_than_a_batch_are_one_step():
    few, all_of_them = network(), network()
    (reported,) = fit([few], [shown(rows=5)])
    (expected,) = fit([all_of_them], [shown(rows=5)], Recipe(2, 5, 0.02, 0.1))
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
