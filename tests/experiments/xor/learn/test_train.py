from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from maskwright.experiments.xor.data import read_xor, write_xor
from maskwright.experiments.xor.learn import train
from maskwright.experiments.xor.learn.network import build
from maskwright.experiments.xor.learn.train import draw_order, start_networks
from maskwright.experiments.xor.params import SOURCE
from maskwright.params import load_params, parse_params
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def settings(**changes):
    return load_params(SHIPPED).section("xor").model_copy(update={"seeds": 3, **changes})


def test_weights_begin_where_the_source_has_them():
    model = build(settings(seeds=50), "signal")
    for weight in model.weights:
        values = np.asarray(weight)
        assert 0.1 <= values.min() < 0.15
        assert 0.85 < values.max() <= 0.9


def test_batches():
    order = draw_order(settings(steps=500), 768)
    assert order.shape == (10, 50, 4, 3)
    # 12 groups of 64 rows: a batch has the four cases of one position.
    position, case = order // 64 // 4, order // 64 % 4
    assert (position == position[:, :, :1]).all()
    assert (case == np.arange(4)[:, None]).all()
    assert {0, 1, 2} == set(position.ravel().tolist())
    assert set(range(64)) == set((order % 64).ravel().tolist())
    assert (order[..., 0] != order[..., 1]).any()


def test_the_sources_own_settings_train_as_its_code_does(tmp_path, monkeypatch):
    # At a rate of 1 the rounding of a step grows tenfold within a few more.
    monkeypatch.setattr(train, "EPOCH_STEPS", 3)
    values = read_yaml(SHIPPED)
    values["xor"] |= SOURCE
    section = parse_params(values).section("xor").model_copy(update={"seeds": 1, "steps": 3})
    write_xor(tmp_path)
    inputs, labels = read_xor(tmp_path, "signal")
    model = build(section, "signal")
    # 8 inputs and a bias to 9 units, 9 units and a bias to 2 outputs.
    assert model.count_params() == 8 * 9 + 9 + 9 * 2 + 2 == 101

    m1, b1, m2, b2 = (tf.Variable(weight[0]) for weight in model.get_weights())
    for rows in draw_order(section, len(inputs))[0, ..., 0]:
        with tf.GradientTape() as tape:
            hidden = tf.sigmoid(inputs[rows].reshape(4, 8) @ m1 + b1)
            loss = tf.reduce_sum(tf.square(labels[rows] - tf.nn.softmax(hidden @ m2 + b2)))
        for weight, gradient in zip((m1, b1, m2, b2), tape.gradient(loss, (m1, b1, m2, b2)), strict=True):
            weight.assign_sub(gradient)
    with ThreadPoolExecutor(1) as pool:
        start_networks(pool, model, section, inputs, labels).result()
    for trained, expected in zip(model.get_weights(), (m1, b1, m2, b2), strict=True):
        np.testing.assert_allclose(trained[0], expected, rtol=1e-3, atol=1e-4)
