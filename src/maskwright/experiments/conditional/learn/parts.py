"""What the networks' graphs have in common: their size, the seeds of their layers, and the count of their work.

There are two graphs, `own` and `source`. Each consists of three parts:

    trunk       images -> two maps, `middle` and `last`, and the logits of the head `first`, (B, K)
    branch k    one or both of the maps -> features (B, units)
    second      the features of all branches -> logits of the head `second`, (B, F)

A graph is a module with the functions `trunk`, `branch` and `second`, which return these parts, and `trunk_kernels`,
`first_kernel`, `branch_kernels`, `seen`, `features` and `second_kernels`, which describe them without building them.
"""

import zlib
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

from maskwright.learning.common.determinism import layer_seed

MAPS = ("middle", "last")
"""The names of the maps of the trunk that branches see."""


@dataclass(frozen=True)
class Sizes:
    """The size of a network.

    Attributes:
        side: side of the images, in pixels.
        channels: number of channels of the images.
        trunk: number of filters of each convolution of the trunk; at least two convolutions, and four in `source`.
        branch: number of filters of a branch's convolutions, in `source` of its last one.
        units: number of features that a branch returns; in `source` those of the dense layer before the last one.
        source: whether the graph is that of the source.
    """

    side: int
    channels: int
    trunk: tuple[int, ...]
    branch: int
    units: int
    source: bool = False


class Kernel(NamedTuple):
    """The kernel of a convolution or a dense layer.

    Attributes:
        shape: its shape; the last number is that of the filters or units, each of which has a bias.
        places: how often it is applied to an image: once for each pixel of the output, once in a dense layer.
    """

    shape: tuple[int, ...]
    places: int = 1


class Cost(NamedTuple):
    """The number of parameters, and of multiply-add operations for an image (see `kernel_cost`)."""

    parameters: int
    multiply_adds: int


def kernel_cost(kernels: list[Kernel]) -> Cost:
    """Return the cost of some layers. Biases, activations, gates and pooling are not counted as operations."""
    weights = [int(np.prod(kernel.shape)) for kernel in kernels]
    biases = sum(kernel.shape[-1] for kernel in kernels)
    work = sum(number * kernel.places for number, kernel in zip(weights, kernels, strict=True))
    return Cost(sum(weights) + biases, work)


def seen_by(branch: Any, middle: Any, last: Any) -> list[Any]:
    """Return those of the two maps that a branch sees, in its order."""
    maps = dict(zip(MAPS, (middle, last), strict=True))
    return [maps[tensor.name] for tensor in branch.inputs]


def named_seed(seed: int, name: str) -> int:
    """Return a layer's seed by its name, so that networks with and without a gate get equal initial weights."""
    return layer_seed(seed, zlib.crc32(name.encode()))


def dense(units: int, seed: int, name: str, activation: str | None = None) -> Any:
    """Return a dense layer with Keras's initial weights, from a seed that belongs to its name."""
    initial: Any = keras.initializers.GlorotUniform(named_seed(seed, name))
    return layers.Dense(units, activation=activation, kernel_initializer=initial, dtype="float32", name=name)
