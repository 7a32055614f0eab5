from maskwright.experiments.conditional.learn.network import network
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.report.costs import multiply_adds


def test_multiply_adds_by_hand():
    sizes = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)
    model = network(sizes, 2, 10, gate="hard", temperature=1.0, seed=3)
    # Trunk: 8 x 8 x 5 x 5 x 1 x 4, then 4 x 4 x 3 x 3 x 4 x 6, and 96 x 2 of its head.
    trunk = 64 * 25 * 4 + 16 * 9 * 4 * 6 + 96 * 2
    # Branch: 4 x 4 of 3 x 3 x 4 x 5, then of 3 x 3 x (5 + 6) x 5, and 80 x 7.
    branch = 16 * 9 * 4 * 5 + 16 * 9 * 11 * 5 + 80 * 7
    assert multiply_adds(model) == trunk + 2 * branch + 14 * 10
