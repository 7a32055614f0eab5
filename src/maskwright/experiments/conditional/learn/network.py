"""A network with a condition inside. A first head names the coarse class, and its answer gates a branch per class.

    trunk       convolutions of stride 2; from the last map the head `first`: is it coarse class 1, ..., or K?
    branch k    sees the trunk's last two maps, each multiplied by the gate's share k (skip connections at two depths)
    second      a dense layer on the features of all branches: which fine class is it?

Where a gate is exactly 0, its branch sees zeros and returns the same features for every image.
"""

import zlib
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from maskwright.experiments.conditional.learn.switch import SoftSwitch, SwitchGate
from maskwright.learning.common.determinism import layer_seed

ops: Any = keras.ops  # its annotations allow None for most results

GATES = ("soft", "hard", "gumbel", "none", "given")


@dataclass(frozen=True)
class Sizes:
    """The size of a network.

    Attributes:
        side: side of the images, in pixels.
        channels: number of channels of the images.
        trunk: number of filters of each convolution of the trunk; at least two convolutions.
        branch: number of filters of each branch's two convolutions.
        units: number of features that a branch returns.
    """

    side: int
    channels: int
    trunk: tuple[int, ...]
    branch: int
    units: int


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
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    given = keras.Input((coarse,), name="gate")
    middle, last, first = trunk(sizes, coarse, seed)(images)
    if gate == "none":
        shared = [[maps] * coarse for maps in (middle, last)]
    else:
        shares = given
        if gate != "given":
            noise = _named_seed(seed, "gate")
            shares = SwitchGate(gate, temperature, noise, name="gate_of_first")(layers.Softmax(name="coarse")(first))
        shared = [SoftSwitch(name=f"switch_{depth}")([maps, shares]) for depth, maps in enumerate((middle, last))]
    features = [branch(sizes, number, seed)(list(seen)) for number, seen in enumerate(zip(*shared, strict=True))]
    second = _dense(fine, seed, "second")(
        layers.Concatenate(name="branches")(features) if coarse > 1 else features[0]
    )
    logits = layers.Concatenate(name="logits")([first, second])
    return keras.Model([images, given] if gate == "given" else images, logits, name=f"seed_{seed}")


def routed_network(sizes: Sizes, coarse: int, fine: int, *, seed: int) -> keras.Model:
    """Return K + 1 networks that share nothing, to be used with an if-then outside the networks.

    Returns:
        images (B, side, side, channels) -> (B, K + K F) float32 logits: those of a network that names the coarse
        class, then those of K networks, each with a trunk and one branch. Network k names the fine classes of coarse
        class k.
    """
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    outputs = [trunk(sizes, coarse, seed)(images)[2]]
    for number in range(coarse):
        own = _named_seed(seed, f"specialist_{number}")
        middle, last, _ = trunk(sizes, coarse, own, name=f"trunk_{number}")(images)
        features = branch(sizes, number, seed)([middle, last])
        outputs.append(_dense(fine, own, f"second_{number}")(features))
    return keras.Model(images, layers.Concatenate(name="logits")(outputs), name=f"seed_{seed}")


def chosen_logits(logits: Any, coarse: int) -> Any:
    """Apply the if-then to the outputs of `routed_network`: (B, K + K F) -> (B, K + F)."""
    first = logits[:, :coarse]
    specialists = ops.reshape(logits[:, coarse:], (-1, coarse, (logits.shape[-1] - coarse) // coarse))
    chosen = ops.one_hot(ops.argmax(first, axis=-1), coarse, dtype=specialists.dtype)
    return ops.concatenate([first, ops.sum(chosen[..., None] * specialists, axis=1)], axis=-1)


def trunk(sizes: Sizes, coarse: int, seed: int, name: str = "trunk") -> keras.Model:
    """Return the trunk: images -> its last two maps, and the logits of `first` (B, coarse)."""
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    maps = [images]
    for place, filters in enumerate(sizes.trunk):
        maps.append(_convolution(filters, 5 if place == 0 else 3, 2, seed, f"trunk_{place}")(maps[-1]))
    first = _dense(coarse, seed, "first")(layers.Flatten(name="flatten")(maps[-1]))
    return keras.Model(images, [maps[-2], maps[-1], first], name=name)


def branch(sizes: Sizes, number: int, seed: int) -> keras.Model:
    """Return a branch: the trunk's last two maps -> features (B, units)."""
    sides = [sizes.side]
    for _ in sizes.trunk:
        sides.append(-(-sides[-1] // 2))
    middle = keras.Input((sides[-2], sides[-2], sizes.trunk[-2]), name="middle")
    last = keras.Input((sides[-1], sides[-1], sizes.trunk[-1]), name="last")
    name = f"branch_{number}"
    x = _convolution(sizes.branch, 3, 2, seed, f"{name}_0")(middle)
    x = layers.Concatenate(name=f"{name}_skip")([x, last])
    x = _convolution(sizes.branch, 3, 1, seed, f"{name}_1")(x)
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = _dense(sizes.units, seed, f"{name}_2", activation="relu")(x)
    return keras.Model([middle, last], x, name=name)


def _named_seed(seed: int, name: str) -> int:
    """Return a layer's seed by its name, so that networks with and without a gate get equal initial weights."""
    return layer_seed(seed, zlib.crc32(name.encode()))


def _convolution(filters: int, kernel: int, stride: int, seed: int, name: str) -> Any:
    initial: Any = keras.initializers.HeNormal(_named_seed(seed, name))
    return layers.Conv2D(filters, kernel, stride, "same", activation="relu", kernel_initializer=initial, name=name)


def _dense(units: int, seed: int, name: str, activation: str | None = None) -> Any:
    initial: Any = keras.initializers.GlorotUniform(_named_seed(seed, name))
    return layers.Dense(units, activation=activation, kernel_initializer=initial, dtype="float32", name=name)
