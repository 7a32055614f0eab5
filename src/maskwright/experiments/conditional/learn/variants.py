"""The network of each variant, and a variant's networks of all seeds as one."""

from typing import Any

import keras

from maskwright.experiments.conditional.learn.network import Sizes, chosen_logits, network, routed_network
from maskwright.experiments.conditional.params import ORACLE, Conditional
from maskwright.learning.replicates.fitting import stacked

PRESETS: dict[str, tuple[tuple[int, ...], int, int]] = {
    "fast": ((8, 16, 24), 24, 32),
    "branch-heavy": ((8, 16), 64, 64),
    "source": ((6, 9, 12, 15), 15, 32),
}
"""The filters of the trunk's convolutions, the filters of a branch's convolutions, and the features of a branch."""


def sizes(settings: Conditional, side: int, channels: int) -> Sizes:
    """Return the size of the networks for images of this side and number of channels."""
    trunk, branch, units = PRESETS[settings.preset]
    return Sizes(side, channels, tuple(settings.trunk or trunk), settings.branch or branch, units)


def one_network(
    settings: Conditional, variant: str, shape: Sizes, classes: tuple[int, int], seed: int
) -> keras.Model:
    """Return the network of one seed as it is trained; see `network.network` and `network.routed_network`.

    Args:
        settings: the experiment's section of params.yaml.
        variant: the name of the variant; the network of `oracle` takes images and the one-hot coarse class (B, K).
        shape: size of the network.
        classes: K and F, the numbers of coarse and fine classes.
        seed: seed of the initial weights.
    """
    if variant == "routed":
        return routed_network(shape, *classes, seed=seed)
    gate = {"hard": "gumbel" if settings.gumbel else "hard", ORACLE: "given"}.get(variant, variant)
    return network(shape, *classes, gate=gate, temperature=settings.temperature, seed=seed)


def all_seeds(networks: list[Any], variant: str, coarse: int) -> keras.Model:
    """Return the networks of a variant's R seeds as one: images (B, H, H, C), from 0 to 1 -> (B, R, K + F) logits.

    Args:
        networks: networks from `one_network`.
        variant: the name of the variant; the network of `oracle` takes images and the one-hot coarse class (B, K).
        coarse: K, the number of coarse classes.
    """
    shapes = networks[0].input_shape if variant == ORACLE else [networks[0].input_shape]
    names = ("images", "coarse")[: len(shapes)]
    inputs = [keras.Input(shape[1:], name=name) for shape, name in zip(shapes, names, strict=True)]
    given = inputs if variant == ORACLE else inputs[0]
    outputs = [one(given) for one in networks]
    if variant == "routed":
        outputs = [chosen_logits(output, coarse) for output in outputs]
    return keras.Model(given, stacked(outputs), name=f"conditional_{variant}")
