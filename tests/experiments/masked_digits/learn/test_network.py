from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.masked_digits.learn.network import build
from maskwright.experiments.masked_digits.params import SOURCE
from maskwright.params import load_params, parse_params
from maskwright.shared.yaml_file import read_yaml

SHIPPED = Path(__file__).parents[4] / "params.yaml"
WAYS = ["channel", "multiply", "attention", "pool", "none", "random"]


def settings(**changes):
    return load_params(SHIPPED).section("masked_digits").model_copy(update={"seeds": 2, **changes})


def test_only_the_marked_quarter_counts_where_the_image_is_multiplied():
    model = build(settings(), "multiply")
    rng = np.random.default_rng(0)
    inputs = rng.random((3, 56, 56, 2)).astype(np.float32)
    inputs[..., 1] = 0
    inputs[:, :28, 28:, 1] = 1
    changed = inputs.copy()
    changed[:, 28:, :, 0] = rng.random((3, 28, 56))
    changed[:, :28, :28, 0] = 0
    np.testing.assert_array_equal(np.asarray(model(inputs)), np.asarray(model(changed)))
    inside = inputs.copy()
    inside[:, :28, 28:, 0] = 0
    assert np.abs(np.asarray(model(inputs)) - np.asarray(model(inside))).max() > 0.01


@pytest.mark.parametrize("variant", [*WAYS, "single"])
def test_begins_as_the_same_network_inside_a_full_mask(variant):
    inputs = np.random.default_rng(0).random((2, 30, 41, 2)).astype(np.float32)
    inputs[..., 1] = 1
    outputs = np.asarray(build(settings(), variant)(inputs))
    assert outputs.shape == (2, 2, 10)
    np.testing.assert_allclose(outputs, np.asarray(build(settings(), "none")(inputs)), atol=1e-5)
    inputs[:, 20:, :, 1] = 0
    same = np.allclose(outputs, np.asarray(build(settings(), variant)(inputs)), atol=1e-5)
    # The mask's own weights begin at 0, so that an appended mask does nothing yet.
    assert same == (variant in ("none", "channel", "random", "single"))


def test_the_sources_mask_is_a_plain_channel():
    values = read_yaml(SHIPPED)
    values["masked_digits"] |= SOURCE
    section = parse_params(values).section("masked_digits").model_copy(update={"seeds": 2})
    model = build(section, section.mask)
    # The first convolution has two channels: 7² x 2 x 16 + 16 = 1,584; then 4² x 16 x 24 + 24 = 6,168 and
    # 3² x 24 x 48 + 48 = 10,416; the normalisation 2 x 48, and 48 x 10 + 10 = 490.
    assert model.count_params() == 2 * (1584 + 6168 + 10416 + 96 + 490)
    inputs = np.random.default_rng(0).random((2, 30, 41, 2)).astype(np.float32)
    inputs[..., 1] = 1
    outputs = np.asarray(model(inputs))
    inputs[:, 20:, :, 1] = 0
    # Unlike a mask whose weights begin at 0, it changes the outputs from the beginning.
    assert np.abs(outputs - np.asarray(model(inputs))).max() > 0.01
