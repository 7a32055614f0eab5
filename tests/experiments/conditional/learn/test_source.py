import keras
import numpy as np
import pytest

from maskwright.experiments.conditional.learn.network import network, separate_networks
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.learn.source import LEAST_SIDE


def sizes(side, channels=3):
    return Sizes(side, channels, trunk=(6, 9, 12, 15), branch=15, units=32, source=True)


def layers_of(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_of(layer)
        else:
            yield layer


def test_the_published_number_of_parameters():
    model = network(sizes(500), 2, 2, gate="soft", temperature=1.0, seed=0)
    # Sides: 500, less 2 and divided by 3 four times: 166, 54, 17, 5.
    trunk = (9 * 3 * 6 + 6) + (9 * 6 * 9 + 9) + (9 * 9 * 12 + 12) + (9 * 12 * 15 + 15)  # 168, 495, 984, 1635
    first = 5 * 5 * 15 * 2 + 2
    of_last = 9 * 12 * 15 + 15
    of_middle = (9 * 9 * 12 + 12) + (9 * 12 * 15 + 15)
    second = (2 * 375 * 32 + 32) + (32 * 2 + 2)
    assert trunk + first + of_last + of_middle + second == 32_386
    assert model.count_params() == 32_386
    middle, last, _ = model.get_layer("trunk").outputs
    assert middle.shape == (None, 54, 54, 9)
    assert last.shape == (None, 17, 17, 12)


def test_convolutions_are_valid_and_nothing_has_an_activation():
    model = network(sizes(161), 2, 2, gate="soft", temperature=1.0, seed=0)
    convolutions = [layer for layer in layers_of(model) if isinstance(layer, keras.layers.Conv2D)]
    assert sorted(layer.filters for layer in convolutions) == [6, 9, 12, 12, 15, 15, 15]
    assert {(layer.kernel_size, layer.strides, layer.padding) for layer in convolutions} == {
        ((3, 3), (1, 1), "valid")
    }
    dense = [layer for layer in layers_of(model) if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [2, 32, 2]
    assert {layer.activation for layer in (*convolutions, *dense)} == {keras.activations.linear}
    pools = [layer for layer in layers_of(model) if isinstance(layer, keras.layers.MaxPooling2D)]
    assert [layer.pool_size for layer in pools] == [(3, 3)] * 7


def test_the_first_probability_multiplies_the_deeper_map_and_the_second_the_shallower_one():
    model = network(sizes(161, 1), 2, 2, gate="soft", temperature=1.0, seed=1)
    batch = np.random.default_rng(0).random((3, 161, 161, 1)).astype(np.float32)
    logits = np.asarray(model(batch))
    middle, last, first = (np.asarray(output) for output in model.get_layer("trunk")(batch))
    cat, dog = np.split(np.asarray(keras.ops.softmax(first)), 2, axis=1)
    of_last = model.get_layer("branch_0")([last * cat[:, None, None]])
    of_middle = model.get_layer("branch_1")([middle * dog[:, None, None]])
    second = model.get_layer("second")(np.concatenate([of_last, of_middle], axis=1))
    np.testing.assert_allclose(logits, np.concatenate([first, second], axis=1), atol=1e-5)


def test_the_least_side():
    assert network(sizes(LEAST_SIDE), 2, 2, gate="soft", temperature=1.0, seed=0).output_shape == (None, 4)
    with pytest.raises(ValueError, match="output"):
        network(sizes(LEAST_SIDE - 1), 2, 2, gate="soft", temperature=1.0, seed=0)


def test_a_separate_network_has_only_the_convolutions_that_its_branch_needs():
    model = separate_networks(sizes(161), 2, 2, seed=0)
    filters = {
        name: [layer.filters for layer in layers_of(model.get_layer(name)) if isinstance(layer, keras.layers.Conv2D)]
        for name in ("trunk", "trunk_0", "trunk_1", "branch_0", "branch_1")
    }
    assert filters == {
        "trunk": [6, 9, 12, 15],
        "trunk_0": [6, 9, 12],
        "trunk_1": [6, 9],
        "branch_0": [15],
        "branch_1": [12, 15],
    }
