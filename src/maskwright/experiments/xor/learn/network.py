"""The network of the XOR experiment."""

import keras

from maskwright.experiments.xor.data import POSITIONS
from maskwright.experiments.xor.params import Xor
from maskwright.learning.replicates.layers import Replicate, ReplicatedDense


def build(settings: Xor, variant: str) -> keras.Model:
    """Return all seeds' networks as one: (B, 4, C) -> (B, R, 2) float32 probabilities of XOR 0 and 1.

    Each network is: flatten -> `hidden` sigmoids -> softmax of 2. All weights and biases are drawn from U(`initial`).
    """
    seeds = range(settings.seed, settings.seed + settings.seeds)
    initial = keras.initializers.RandomUniform(*settings.initial)
    weights = {"kernel_initializer": initial, "bias_initializer": initial}
    rows = keras.Input((POSITIONS, 1 if variant == "none" else 2), name="rows")
    x = Replicate(settings.seeds, name="replicate")(keras.layers.Flatten()(rows))
    x = ReplicatedDense(settings.hidden, seeds, name="hidden", activation="sigmoid", **weights)(x)
    x = ReplicatedDense(2, seeds, name="output", activation="softmax", **weights)(x)
    return keras.Model(rows, x, name=f"xor_{variant}")
