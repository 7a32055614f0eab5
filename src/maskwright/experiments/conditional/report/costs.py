"""The computational cost of an image."""

from typing import Any

import keras
import numpy as np
from keras import layers

from maskwright.experiments.conditional.params import ORACLE


def costs(one: Any, variant: str, coarse: int) -> dict[str, int]:
    """Return `multiply_adds` for one image, and `multiply_adds_run`, their number when only the chosen branch is run.

    Args:
        one: the network of one seed, as it is trained.
        variant: the name of the variant. `soft` and `none` run every branch.
        coarse: K, the number of coarse classes.
    """
    total = multiply_adds(one)
    if variant == "routed":
        # The network for the coarse class is run, and one specialist, whose own `first` is computed but not used.
        specialists = [
            multiply_adds(one.get_layer(f"{part}_{number}"))
            for part in ("trunk", "branch")
            for number in range(coarse)
        ]
        heads = sum(int(np.prod(one.get_layer(f"second_{number}").kernel.shape)) for number in range(coarse))
        return {
            "multiply_adds": total,
            "multiply_adds_run": total - (sum(specialists) + heads) * (coarse - 1) // coarse,
        }
    branches = sum(multiply_adds(one.get_layer(f"branch_{number}")) for number in range(coarse))
    skipped = branches * (coarse - 1) // coarse if variant in ("hard", ORACLE) else 0
    return {"multiply_adds": total, "multiply_adds_run": total - skipped}


def multiply_adds(model: Any) -> int:
    """Return the multiply-add operations of a model's convolutions and dense layers for one image.

    The rest (gates, activations, biases) is not counted. A convolution with an output of h x w takes
    h · w · k · k · C · filters operations, a dense layer takes inputs · units.
    """
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            total += multiply_adds(layer)
        elif isinstance(layer, layers.Conv2D | layers.Dense):
            weights: Any = layer.kernel
            outputs: Any = layer.output
            # A dense layer is applied once per image, a convolution once per pixel of its output.
            total += int(np.prod(outputs.shape[1:-1])) * int(np.prod(weights.shape))
    return total
