"""The computational cost of an image."""

from typing import Any

import keras
import numpy as np
from keras import layers

from maskwright.experiments.conditional.params import ORACLE, SEPARATE


def costs(one: Any, variant: str, coarse: int) -> dict[str, int]:
    """Return `multiply_adds` for one image, and `multiply_adds_run`, their number when only the chosen branch is run.

    Where branches differ, the latter is the mean over them.

    Args:
        one: the network of one seed, as it is trained.
        variant: the name of the variant. `soft` and `none` run every branch, and `plain` its only one.
        coarse: K, the number of coarse classes.
    """
    total = multiply_adds(one)
    # What belongs to one coarse class: a branch, or a network of its own.
    parts = {"hard": ("branch",), ORACLE: ("branch",), **dict.fromkeys(SEPARATE, ("trunk", "branch", "second"))}
    alone = [
        sum(multiply_adds(one.get_layer(f"{part}_{number}")) for part in parts.get(variant, ()))
        for number in range(coarse)
    ]
    return {"multiply_adds": total, "multiply_adds_run": total - sum(alone) * (coarse - 1) // coarse}


def multiply_adds(part: Any) -> int:
    """Return the multiply-add operations of a model's, or layer's, convolutions and dense layers for one image.

    The rest (gates, activations, biases, pooling) is not counted. A convolution with an output of h x w takes
    h · w · k · k · C · filters operations, a dense layer takes inputs · units.
    """
    if isinstance(part, keras.Model):
        return sum(multiply_adds(layer) for layer in part.layers)
    if not isinstance(part, layers.Conv2D | layers.Dense):
        return 0
    weights: Any = part.kernel
    # A dense layer is applied once per image, a convolution once per pixel of its output.
    outputs: Any = part.output
    return int(np.prod(outputs.shape[1:-1])) * int(np.prod(weights.shape))
