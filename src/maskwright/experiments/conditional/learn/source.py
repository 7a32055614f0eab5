"""The parts of the source's graph; see `parts`. It has two coarse classes.

    trunk       four times a convolution (6, 9, 12, 15 filters) and a max-pooling by 3; `middle` is the second map,
                `last` the third, and `first` a dense layer on the fourth
    branch 0    sees `last`: a convolution (15) and a max-pooling
    branch 1    sees `middle`: convolutions of 12 and of 15, each with a max-pooling
    second      a dense layer of 32 units, and another one of F

Each convolution has a kernel of 3, no padding and no activation, and neither has the layer of 32 units. So all that
is not linear is the pooling, the first head's softmax and the product with it. A branch repeats the rest of the trunk
from the map that it sees, with weights of its own: its filters are those of the trunk.

The source's text speaks of the first head's logit, its code multiplies by the probability. So does this.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from maskwright.experiments.conditional.learn.parts import MAPS, Kernel, Sizes, dense, named_seed

LEAST_SIDE = 161
"""The least side of the images, in pixels. The four maps then have sides of 53, 17, 5 and 1."""

COARSE = 2
"""The number of coarse classes."""

CONVOLUTIONS = 4

_KERNEL = 3
_POOL = 3
_MIDDLE, _LAST = 2, 3  # after how many convolutions of the trunk
_SEEN = (_LAST, _MIDDLE)


def trunk(
    sizes: Sizes, coarse: int | None, seed: int, name: str = "trunk", *, maps: Sequence[str] = MAPS
) -> keras.Model:
    """Return the trunk: images -> maps, and the logits of `first` (B, coarse), unless `coarse` is None.

    Args:
        sizes: see `Sizes`.
        coarse: number of coarse classes, or None.
        seed: seed of the initial weights.
        name: name of the model.
        maps: the maps to return, in the order of `MAPS`. Without a head, convolutions that none of them needs are
            left out.
    """
    images = keras.Input((sizes.side, sizes.side, sizes.channels), name="images")
    made = [images]
    for place in range(_depth(maps) if coarse is None else CONVOLUTIONS):
        made.append(_convolution(sizes.trunk[place], seed, f"trunk_{place}", made[-1]))
    outputs = [made[_MIDDLE if map_ == "middle" else _LAST] for map_ in maps]
    if coarse is not None:
        outputs.append(dense(coarse, seed, "first")(layers.Flatten(name="flatten")(made[-1])))
    return keras.Model(images, outputs, name=name)


def branch(sizes: Sizes, number: int, seed: int) -> keras.Model:
    """Return a branch: [`last`] or [`middle`] -> features."""
    depth, name = _SEEN[number], f"branch_{number}"
    side = _sides(sizes)[depth]
    (map_,) = seen(number)
    x = features_map = keras.Input((side, side, sizes.trunk[depth - 1]), name=map_)
    for place, filters in enumerate(_filters(sizes, number)):
        x = _convolution(filters, seed, f"{name}_{place}", x)
    return keras.Model([features_map], layers.Flatten(name=f"{name}_flatten")(x), name=name)


def second(sizes: Sizes, inputs: int, fine: int, seed: int, name: str = "second") -> Any:
    """Return the second head: features (B, inputs) -> logits (B, fine)."""
    joined = keras.Input((inputs,), name="features")
    x = dense(sizes.units, seed, f"{name}_0")(joined)
    return keras.Model(joined, dense(fine, seed, f"{name}_1")(x), name=name)


def trunk_kernels(sizes: Sizes, maps: Sequence[str] | None = None) -> list[Kernel]:
    """Return the kernels of the trunk's convolutions: of all, or of those that some maps need."""
    depth = CONVOLUTIONS if maps is None else _depth(maps)
    filters = (sizes.channels, *sizes.trunk)
    return [
        Kernel((_KERNEL, _KERNEL, filters[place], filters[place + 1]), (side - _KERNEL + 1) ** 2)
        for place, side in enumerate(_sides(sizes)[:depth])
    ]


def first_kernel(sizes: Sizes, coarse: int) -> Kernel:
    """Return the kernel of the first head."""
    return Kernel((_sides(sizes)[-1] ** 2 * sizes.trunk[-1], coarse))


def branch_kernels(sizes: Sizes, number: int) -> list[Kernel]:
    """Return the kernels of a branch."""
    depth = _SEEN[number]
    filters = (sizes.trunk[depth - 1], *_filters(sizes, number))
    return [
        Kernel((_KERNEL, _KERNEL, filters[place], filters[place + 1]), (side - _KERNEL + 1) ** 2)
        for place, side in enumerate(_sides(sizes)[depth:-1])
    ]


def seen(number: int) -> Sequence[str]:
    """Return the name of the map that a branch sees."""
    return ("middle",) if _SEEN[number] == _MIDDLE else ("last",)


def features(sizes: Sizes, number: int) -> int:
    """Return the number of features that a branch returns."""
    return _sides(sizes)[-1] ** 2 * sizes.branch


def second_kernels(sizes: Sizes, inputs: int, fine: int) -> list[Kernel]:
    """Return the kernels of the second head."""
    return [Kernel((inputs, sizes.units)), Kernel((sizes.units, fine))]


def _depth(maps: Sequence[str]) -> int:
    return _LAST if "last" in maps else _MIDDLE


def _filters(sizes: Sizes, number: int) -> tuple[int, ...]:
    return (*sizes.trunk[_SEEN[number] : -1], sizes.branch)


def _sides(sizes: Sizes) -> list[int]:
    """Return the side of the images and of each map of the trunk."""
    sides = [sizes.side]
    for _ in sizes.trunk:
        sides.append((sides[-1] - _KERNEL + 1) // _POOL)
    return sides


def _convolution(filters: int, seed: int, name: str, inputs: Any) -> Any:
    initial: Any = keras.initializers.GlorotUniform(named_seed(seed, name))
    x = layers.Conv2D(filters, _KERNEL, kernel_initializer=initial, name=name)(inputs)
    return layers.MaxPooling2D(_POOL, name=f"{name}_pool")(x)
