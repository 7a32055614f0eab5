"""Sizes of controls that have as many parameters, and take as many multiply-adds, as the gated network.

A gate has no weights. Whether it helps can only be seen beside a network without it that is as large, and one network
beside three only if the three together are as large.

Filters are whole numbers, so the match is not exact. With the presets it is within 2 %, except for separate networks
of the preset source: three first convolutions leave little choice there, and take up to a fifth more multiply-adds.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import product

import numpy as np

from maskwright.experiments.conditional.learn.network import graph
from maskwright.experiments.conditional.learn.parts import Cost, Sizes, kernel_cost

SCALES = np.linspace(1.0, 0.2, 41)
"""By how much the filters of separate networks are tried to be scaled."""

BRANCHES = np.geomspace(0.5, 2.0, 9)
"""By how much a branch's filters are tried to be scaled besides."""


def gated_cost(sizes: Sizes, coarse: int, fine: int) -> Cost:
    """Return the cost of `network.network`, whatever its gate."""
    return _cost(sizes, coarse, fine, range(coarse))


def plain_cost(sizes: Sizes, coarse: int, fine: int) -> Cost:
    """Return the cost of `network.plain_network`."""
    return _cost(sizes, coarse, fine, [coarse - 1])


def separate_cost(sizes: Sizes, coarse: int, fine: int) -> Cost:
    """Return the cost of `network.separate_networks`, all of them together."""
    parts = graph(sizes)
    kernels = [*parts.trunk_kernels(sizes), parts.first_kernel(sizes, coarse)]
    for number in range(coarse):
        kernels += parts.trunk_kernels(sizes, parts.seen(number))
        kernels += parts.branch_kernels(sizes, number)
        kernels += parts.second_kernels(sizes, parts.features(sizes, number), fine)
    return kernel_cost(kernels)


def matched_plain(sizes: Sizes, coarse: int, fine: int) -> Sizes:
    """Return the sizes of the plain network: the trunk of the gated network, and a branch that is wider than its own.

    Args:
        sizes: sizes of the gated network.
        coarse, fine: K and F, the numbers of classes.
    """
    wider = (replace(sizes, branch=filters) for filters in range(1, 2 * coarse * sizes.branch + 1))
    return _closest(wider, lambda tried: plain_cost(tried, coarse, fine), gated_cost(sizes, coarse, fine))


def matched_separate(sizes: Sizes, coarse: int, fine: int) -> Sizes:
    """Return the sizes of separate networks that are together as large as the gated network.

    Args:
        sizes: sizes of the gated network.
        coarse, fine: K and F, the numbers of classes.
    """

    roundings = product((np.floor, np.ceil), repeat=len(sizes.trunk))
    tried = {
        (tuple(max(1, int(to(filters * scale))) for filters, to in zip(sizes.trunk, ways, strict=True)), branch)
        for ways in roundings
        for scale in SCALES
        for branch in {max(1, round(sizes.branch * scale * further)) for further in BRANCHES}
    }
    smaller = (replace(sizes, trunk=trunk, branch=branch) for trunk, branch in sorted(tried))
    return _closest(smaller, lambda tried: separate_cost(tried, coarse, fine), gated_cost(sizes, coarse, fine))


def _cost(sizes: Sizes, coarse: int, fine: int, branches: Iterable[int]) -> Cost:
    parts = graph(sizes)
    kernels = [*parts.trunk_kernels(sizes), parts.first_kernel(sizes, coarse)]
    features = 0
    for number in branches:
        kernels += parts.branch_kernels(sizes, number)
        features += parts.features(sizes, number)
    return kernel_cost([*kernels, *parts.second_kernels(sizes, features, fine)])


def _closest(candidates: Iterable[Sizes], cost: Callable[[Sizes], Cost], wanted: Cost) -> Sizes:
    """Return the candidate that comes closest to a cost, each with the `units` that its parameters allow."""

    def with_units(tried: Sizes) -> Sizes:
        # The number of parameters is a linear function of the units.
        one, two = (cost(replace(tried, units=units)).parameters for units in (1, 2))
        return replace(tried, units=max(1, 1 + round((wanted.parameters - one) / (two - one))))

    def distance(tried: Sizes) -> float:
        found = cost(tried)
        return max(abs(number / aim - 1) for number, aim in zip(found, wanted, strict=True))

    return min(map(with_units, candidates), key=distance)
