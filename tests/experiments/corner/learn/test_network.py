from pathlib import Path

import numpy as np

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn.network import build
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"
PATTERNS, LABELS = (array.astype(np.float32) for array in all_patterns())


def settings(**changes):
    return load_params(SHIPPED).section("corner").model_copy(update={"seeds": 3, **changes})


def test_weights_set_by_hand_are_right():
    scores = np.asarray(build(settings(), "hand_set")(PATTERNS[..., None])).reshape(512)
    np.testing.assert_array_equal(scores, LABELS)


def test_networks_begin_as_those_of_keras_do():
    model = build(settings(seeds=400), "as_posted")
    kernel, bias, last, offset = model.get_weights()
    # Glorot: within sqrt(6 / (9 + 9)) = 0.577, and sqrt(6 / (1 + 1)) = 1.732
    assert 0.575 < np.abs(kernel).max() <= 0.5774
    assert 1.72 < np.abs(last).max() <= 1.7321
    assert not bias.any()
    assert not offset.any()
