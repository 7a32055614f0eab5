"""The parts of this project's own graph; see `parts`.

trunk       convolutions of stride 2, the first with a kernel of 5; `first` is a dense layer on the last map
branch k    a convolution of stride 2 on the last map but one, a convolution on this and the last map, a dense layer
second      a dense layer
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from maskwright.experiments.conditional.learn.parts import MAPS, Kernel, Sizes, dense, named_seed

_FIRST_KERNEL, _KERNEL = 5, 3


def trunk(
    sizes: Sizes, coarse: int | None, seed: int, name: str = "trunk", *, maps: Sequence[str] = MAPS
) -> keras.Model:
    """Return the trunk: images -> its last two maps, and the logits of `first` (B, coarse), unless `coarse` is None.

    All branches see both maps, so `maps` is not used.
    """
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    made = [images]
    for place, filters in enumerate(sizes.trunk):
        kernel = _KERNEL if place else _FIRST_KERNEL
        made.append(_convolution(filters, kernel, 2, seed, f"trunk_{place}")(made[-1]))
    outputs = made[-2:]
    if coarse is not None:
        outputs = [*outputs, dense(coarse, seed, "first")(layers.Flatten(name="flatten")(made[-1]))]
    return keras.Model(images, outputs, name=name)


def branch(sizes: Sizes, number: int, seed: int) -> keras.Model:
    """Return a branch: the trunk's last two maps -> features (B, units)."""
    sides = _sides(sizes)
    middle = keras.Input((sides[-2], sides[-2], sizes.trunk[-2]), name="middle")
    last = keras.Input((sides[-1], sides[-1], sizes.trunk[-1]), name="last")
    name = f"branch_{number}"
    x = _convolution(sizes.branch, _KERNEL, 2, seed, f"{name}_0")(middle)
    x = layers.Concatenate(name=f"{name}_skip")([x, last])
    x = _convolution(sizes.branch, _KERNEL, 1, seed, f"{name}_1")(x)
    x = layers.Flatten(name=f"{name}_flatten")(x)
    x = dense(sizes.units, seed, f"{name}_2", activation="relu")(x)
    return keras.Model([middle, last], x, name=name)


def second(sizes: Sizes, inputs: int, fine: int, seed: int, name: str = "second") -> Any:
    """Return the second head: features (B, inputs) -> logits (B, fine)."""
    return dense(fine, seed, name)


def trunk_kernels(sizes: Sizes, maps: Sequence[str] | None = None) -> list[Kernel]:
    """Return the kernels of the trunk's convolutions, all of which every map of `maps` needs."""
    sides = _sides(sizes)
    return [
        Kernel((kernel, kernel, inputs, filters), side**2)
        for kernel, inputs, filters, side in zip(
            (_FIRST_KERNEL, *[_KERNEL] * (len(sizes.trunk) - 1)),
            (sizes.channels, *sizes.trunk[:-1]),
            sizes.trunk,
            sides[1:],
            strict=True,
        )
    ]


def first_kernel(sizes: Sizes, coarse: int) -> Kernel:
    """Return the kernel of the first head."""
    return Kernel((_sides(sizes)[-1] ** 2 * sizes.trunk[-1], coarse))


def branch_kernels(sizes: Sizes, number: int) -> list[Kernel]:
    """Return the kernels of a branch."""
    pixels, filters = _sides(sizes)[-1] ** 2, sizes.branch
    return [
        Kernel((_KERNEL, _KERNEL, sizes.trunk[-2], filters), pixels),
        Kernel((_KERNEL, _KERNEL, filters + sizes.trunk[-1], filters), pixels),
        Kernel((pixels * filters, sizes.units)),
    ]


def seen(number: int) -> Sequence[str]:
    """Return the names of the maps that a branch sees."""
    return MAPS


def features(sizes: Sizes, number: int) -> int:
    """Return the number of features that a branch returns."""
    return sizes.units


def second_kernels(sizes: Sizes, inputs: int, fine: int) -> list[Kernel]:
    """Return the kernel of the second head."""
    return [Kernel((inputs, fine))]


def _sides(sizes: Sizes) -> list[int]:
    """Return the side of the images and of each map of the trunk."""
    sides = [sizes.side]
    for _ in sizes.trunk:
        sides.append(-(-sides[-1] // 2))
    return sides


def _convolution(filters: int, kernel: int, stride: int, seed: int, name: str) -> Any:
    initial: Any = keras.initializers.HeNormal(named_seed(seed, name))
    return layers.Conv2D(filters, kernel, stride, "same", activation="relu", kernel_initializer=initial, name=name)
