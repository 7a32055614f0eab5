import pytest

from maskwright.experiments.conditional.learn.matching import (
    gated_cost,
    matched_plain,
    matched_separate,
    plain_cost,
    separate_cost,
)
from maskwright.experiments.conditional.learn.network import network, plain_network, separate_networks
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.learn.variants import PRESETS
from maskwright.experiments.conditional.report.costs import multiply_adds

OWN = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)
SOURCE = Sizes(side=161, channels=3, trunk=(6, 9, 12, 15), branch=15, units=32, source=True)


@pytest.mark.parametrize("sizes", [OWN, SOURCE], ids=["own", "source"])
def test_the_costs_are_those_of_the_networks(sizes):
    made = {
        gated_cost: network(sizes, 2, 10, gate="soft", temperature=1.0, seed=0),
        plain_cost: plain_network(sizes, 2, 10, seed=0),
        separate_cost: separate_networks(sizes, 2, 10, seed=0),
    }
    for cost, model in made.items():
        assert cost(sizes, 2, 10) == (model.count_params(), multiply_adds(model))


@pytest.mark.parametrize("preset", ["fast", "branch-heavy"])
def test_controls_are_as_large_as_the_gated_network(preset):
    sizes = Sizes(28, 1, *PRESETS[preset])
    wanted = tuple(gated_cost(sizes, 2, 10))
    assert tuple(plain_cost(matched_plain(sizes, 2, 10), 2, 10)) == pytest.approx(wanted, rel=0.02)
    assert tuple(separate_cost(matched_separate(sizes, 2, 10), 2, 10)) == pytest.approx(wanted, rel=0.02)


def test_at_the_published_size_too():
    sizes = Sizes(500, 3, *PRESETS["source"], source=True)
    wanted = tuple(gated_cost(sizes, 2, 2))
    assert wanted[0] == 32_386
    assert tuple(plain_cost(matched_plain(sizes, 2, 2), 2, 2)) == pytest.approx(wanted, rel=0.02)
    separate = separate_cost(matched_separate(sizes, 2, 2), 2, 2)
    # Three first convolutions leave little choice.
    assert separate.parameters == pytest.approx(wanted[0], rel=0.02)
    assert separate.multiply_adds == pytest.approx(wanted[1], rel=0.2)
