from pathlib import Path

import pytest

from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.learn.variants import Setting, variant_setting
from maskwright.experiments.corner.params import SOURCE
from maskwright.params import parse_params
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[4] / "params.yaml"


@pytest.fixture(scope="module")
def source():
    values = read_yaml(SHIPPED)
    for key, value in SOURCE.items():
        *above, last = ("corner", *key.split("."))
        section = values
        for name in above:
            section = section[name]
        section[last] = value
    return parse_params(values).section("corner")


def test_the_sources_settings(source):
    posted = Setting(
        "hard_sigmoid", "mse", "posted", epochs=100, batch_size=32, learning_rate=1e-2, filters=1, repeats=1
    )
    assert variant_setting(source, "as_posted") == posted
    full = Setting("hard_sigmoid", "mse", "posted", epochs=1000, batch_size=32, learning_rate=1e-7, by_hand=True)
    assert variant_setting(source, "hand_set_trained") == full
    solution = Setting(
        "softmax", "cross_entropy", "matched", epochs=10000, batch_size=512, learning_rate=1e-3, filters=1
    )
    assert variant_setting(source, "softmax_ce") == solution


@pytest.mark.parametrize(
    ("variant", "parameters"),
    [
        # A 3x3 kernel and its bias, and a 1x1 kernel and its bias for each output.
        ("as_posted", 9 + 1 + 1 + 1),
        ("hand_set_trained", 9 + 1 + 1 + 1),
        ("softmax_ce", 9 + 1 + 2 + 2),
    ],
)
def test_the_sources_networks(source, variant, parameters):
    assert build(source, variant).count_params() == source.seeds * parameters
