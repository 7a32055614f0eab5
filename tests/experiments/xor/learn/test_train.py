from pathlib import Path

import numpy as np

from maskwright.experiments.xor.learn.network import build
from maskwright.experiments.xor.learn.train import draw_order
from maskwright.params import load_params

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
