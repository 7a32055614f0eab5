import numpy as np
import pytest

from maskwright.experiments.conditional.learn.network import network
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.skipping import running_all, skipping

SIZES = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)


def images(number=9):
    return np.random.default_rng(0).random((number, 16, 16, 1)).astype(np.float32)


def gated(gate, coarse=2):
    return network(SIZES, coarse, 10, gate=gate, temperature=1.0, seed=3)


def balanced(model, batch):
    """Shift the first head's biases so that the batch is shared out over all branches."""
    first = model.get_layer("trunk").get_layer("first")
    logits = np.asarray(model.get_layer("trunk")(batch)[2])
    first.bias.assign(np.asarray(first.bias) - logits.mean(axis=0))
    return model


@pytest.mark.parametrize("gate", ["hard", "gumbel"])
@pytest.mark.parametrize("coarse", [2, 3])
def test_skipping_gives_the_logits_of_running_all(gate, coarse):
    model = balanced(gated(gate, coarse), images(40))
    for one in (*model.get_layer("branch_0").layers, *model.get_layer("branch_1").layers):
        # With biases, a closed branch does not return zeros.
        if one.weights:
            one.bias.assign(np.random.default_rng(2).normal(size=one.bias.shape))
    ways = skipping(model), running_all(model)
    for number in (40, 1, 2):
        batch = images(40)[:number]
        expected = np.asarray(model(batch))
        assert number < 40 or len(set(expected[:, :coarse].argmax(axis=1))) == coarse
        for way in ways:
            np.testing.assert_allclose(np.asarray(way(batch)), expected, atol=1e-5)


def test_skipping_where_all_images_take_one_branch():
    model = gated("hard")
    model.get_layer("trunk").get_layer("first").bias.assign([100.0, 0.0])
    np.testing.assert_allclose(np.asarray(skipping(model)(images())), np.asarray(model(images())), atol=1e-5)


def test_skipping_in_the_source_s_network():
    sizes = Sizes(side=161, channels=1, trunk=(2, 3, 4, 5), branch=5, units=6, source=True)
    batch = np.random.default_rng(0).random((6, 161, 161, 1)).astype(np.float32)
    model = balanced(network(sizes, 2, 2, gate="hard", temperature=1.0, seed=3), batch)
    expected = np.asarray(model(batch))
    assert len(set(expected[:, :2].argmax(axis=1))) == 2
    np.testing.assert_allclose(np.asarray(skipping(model)(batch)), expected, atol=1e-5)
