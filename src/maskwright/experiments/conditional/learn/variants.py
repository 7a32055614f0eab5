"""The network of each variant, and a variant's networks of all seeds as one.

    soft, hard       one network; the first head's answer gates the branches (`network.network`)
    none             the same network without a gate: every branch sees everything. Is it the gate that helps?
    oracle           the same network, gated by the true coarse class: the upper bound
    plain            one network with one wide branch (`network.plain_network`), of as many parameters and
                     multiply-adds as `soft`. Is it the branches that help?
    routed           K + 1 networks, each trained on all images, with an if-then at inference (`separate_networks`)
    routed_matched   the same, together of as many parameters and multiply-adds as `soft`
    specialists      as `routed`, but fine network k is trained only on the images of coarse class k

`routed` is the source's shortcut. In its pseudo-code three models are fitted on all images: the first to P(cat/dog),
the other two to P(cat) and to P(dog). At inference an if-then asks the second model if the first one says cat, and
the third one otherwise. Here the first network names the coarse class and each other one the fine class, of every
image; P(cat) and P(dog) are the probabilities that networks 2 and 3 give to the classes they are asked for. Since
each has learned all classes, an image that the first network takes for the wrong coarse class can still be named. The
pseudo-code's "argmax(model2, model3)", without the if-then, is measured too: the class to which any of the fine
networks gives the greatest probability.
"""

from typing import Any

import keras

from maskwright.experiments.conditional.learn import source
from maskwright.experiments.conditional.learn.matching import matched_plain, matched_separate
from maskwright.experiments.conditional.learn.network import (
    chosen_logits,
    network,
    plain_network,
    separate_networks,
)
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.params import ORACLE, SEPARATE, Conditional
from maskwright.learning.replicates.fitting import stacked
from maskwright.shared.errors import MaskwrightError

PRESETS: dict[str, tuple[tuple[int, ...], int, int]] = {
    "fast": ((8, 16, 24), 24, 32),
    "branch-heavy": ((8, 16), 64, 64),
    "source": ((6, 9, 12, 15), 15, 32),
}
"""The filters of the trunk's convolutions, the filters of a branch's convolutions, and the units; see `Sizes`."""


def sizes(settings: Conditional, side: int, channels: int, coarse: int) -> Sizes:
    """Return the size of the networks for images of this side and number of channels, and K coarse classes.

    Raises:
        MaskwrightError: the source's network does not fit the images or the number of classes.
    """
    if settings.preset == "source":
        if side < source.LEAST_SIDE:
            raise MaskwrightError(
                f"conditional.side: images of {side} pixels are too small for the preset source; set it to "
                f"{source.LEAST_SIDE} or more, and make the data again"
            )
        if coarse != source.COARSE:
            raise MaskwrightError(
                f"conditional.coarse: the preset source has two coarse classes, not {coarse}; name two, or choose "
                "another preset"
            )
    trunk, branch, units = PRESETS[settings.preset]
    filters = tuple(settings.trunk or trunk)
    return Sizes(side, channels, filters, settings.branch or branch, units, settings.preset == "source")


def variant_sizes(shape: Sizes, variant: str, classes: tuple[int, int]) -> Sizes:
    """Return the size of a variant's networks.

    Args:
        shape: size of the gated network.
        variant: the name of the variant.
        classes: K and F, the numbers of coarse and fine classes.
    """
    matched = {"plain": matched_plain, "routed_matched": matched_separate}
    return matched[variant](shape, *classes) if variant in matched else shape


def one_network(
    settings: Conditional, variant: str, shape: Sizes, classes: tuple[int, int], seed: int
) -> keras.Model:
    """Return the network of one seed as it is trained; see the functions of `network`.

    Args:
        settings: the experiment's section of params.yaml.
        variant: the name of the variant; the network of `oracle` takes images and the one-hot coarse class (B, K).
        shape: size of the variant's networks.
        classes: K and F, the numbers of coarse and fine classes.
        seed: seed of the initial weights.
    """
    if variant == "plain":
        return plain_network(shape, *classes, seed=seed)
    if variant in SEPARATE:
        return separate_networks(shape, *classes, seed=seed)
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
    if variant in SEPARATE:
        outputs = [chosen_logits(output, coarse) for output in outputs]
    return keras.Model(given, stacked(outputs), name=f"conditional_{variant}")
