"""A network with a condition inside. A first head names the coarse class, and its answer gates a branch per class.

    trunk       two maps at two depths, and from a last one the head `first`: is it coarse class 1, ..., or K?
    branch k    sees maps of the trunk, each multiplied by the gate's share k (skip connections)
    second      sees the features of all branches: which fine class is it?

Where a gate is exactly 0, its branch sees zeros and returns the same features for every image. `own` and `source`
have the parts of two such graphs. Two further networks have the same parts but no gate: a plain one without a
condition, and K + 1 separate ones with the condition outside.
"""

from types import ModuleType
from typing import Any

import keras
from keras import layers

from maskwright.experiments.conditional.learn import own, source
from maskwright.experiments.conditional.learn.parts import Sizes, named_seed, seen_by
from maskwright.experiments.conditional.learn.switch import SoftSwitch, SwitchGate

ops: Any = keras.ops  # its annotations allow None for most results

GATES = ("soft", "hard", "gumbel", "none", "given")


def graph(sizes: Sizes) -> ModuleType:
    """Return the module with the parts of the graph; see `parts`."""
    return source if sizes.source else own


def network(sizes: Sizes, coarse: int, fine: int, *, gate: str, temperature: float, seed: int) -> keras.Model:
    """Return the gated network.

    Args:
        sizes: see `Sizes`.
        coarse: K, the number of coarse classes and of branches.
        fine: F, the number of fine classes.
        gate: `soft`, `hard` or `gumbel`, see `SwitchGate`; `none`: every branch gets all features; `given`: the gate
            is an input.
        temperature: temperature of the gate.
        seed: seed of the initial weights. Equal parts get equal initial weights, whatever the gate.

    Returns:
        images (B, side, side, channels), from 0 to 1, (and gate (B, K), if it is given) -> (B, K + F) float32
        logits, first those of `first`, then those of `second`.
    """
    if gate not in GATES:
        raise ValueError(f"gate must be one of {', '.join(GATES)}, not {gate!r}")
    parts = graph(sizes)
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    given = keras.Input((coarse,), name="gate")
    middle, last, first = parts.trunk(sizes, coarse, seed)(images)
    if gate == "none":
        shared = [[maps] * coarse for maps in (middle, last)]
    else:
        shares = given
        if gate != "given":
            noise = named_seed(seed, "gate")
            shares = SwitchGate(gate, temperature, noise, name="gate_of_first")(layers.Softmax(name="coarse")(first))
        shared = [SoftSwitch(name=f"switch_{depth}")([maps, shares]) for depth, maps in enumerate((middle, last))]
    branches = [parts.branch(sizes, number, seed) for number in range(coarse)]
    features = [one(seen_by(one, *seen)) for one, seen in zip(branches, zip(*shared, strict=True), strict=True)]
    joined = layers.Concatenate(name="branches")(features) if coarse > 1 else features[0]
    logits = layers.Concatenate(name="logits")([first, parts.second(sizes, joined.shape[-1], fine, seed)(joined)])
    return keras.Model([images, given] if gate == "given" else images, logits, name=f"seed_{seed}")


def plain_network(sizes: Sizes, coarse: int, fine: int, *, seed: int) -> keras.Model:
    """Return a network without a condition: the trunk, and the last of its branches, which sees everything.

    Returns:
        images (B, side, side, channels) -> (B, K + F) float32 logits, first those of `first`, then those of `second`.
    """
    parts = graph(sizes)
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    middle, last, first = parts.trunk(sizes, coarse, seed)(images)
    only = parts.branch(sizes, coarse - 1, seed)
    features = only(seen_by(only, middle, last))
    second = parts.second(sizes, features.shape[-1], fine, seed)(features)
    return keras.Model(images, layers.Concatenate(name="logits")([first, second]), name=f"seed_{seed}")


def separate_networks(sizes: Sizes, coarse: int, fine: int, *, seed: int) -> keras.Model:
    """Return K + 1 networks that share nothing, to be used with an if-then outside the networks.

    Returns:
        images (B, side, side, channels) -> (B, K + K F) float32 logits: those of a network that names the coarse
        class, then those of K networks that name the fine class, each with a trunk and one branch. The if-then asks
        network k if the first one names coarse class k.
    """
    parts = graph(sizes)
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    outputs = [parts.trunk(sizes, coarse, seed)(images)[-1]]
    for number in range(coarse):
        alone = named_seed(seed, f"specialist_{number}")
        only = parts.branch(sizes, number, seed)
        features = only(parts.trunk(sizes, None, alone, f"trunk_{number}", maps=parts.seen(number))(images))
        outputs.append(parts.second(sizes, features.shape[-1], fine, alone, f"second_{number}")(features))
    return keras.Model(images, layers.Concatenate(name="logits")(outputs), name=f"seed_{seed}")


def chosen_logits(logits: Any, coarse: int) -> Any:
    """Apply the if-then to the outputs of `separate_networks`: (B, K + K F) -> (B, K + F)."""
    first = logits[:, :coarse]
    specialists = ops.reshape(logits[:, coarse:], (-1, coarse, (logits.shape[-1] - coarse) // coarse))
    chosen = ops.one_hot(ops.argmax(first, axis=-1), coarse, dtype=specialists.dtype)
    return ops.concatenate([first, ops.sum(chosen[..., None] * specialists, axis=1)], axis=-1)
