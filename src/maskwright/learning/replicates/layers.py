"""Many small networks in one. Each seed is a slice of every weight, and all seeds train together.

A network with a few weights does not keep a processor busy, and a single training says little about the next. A layer
here therefore holds R independent networks ("replicates"), one for each seed. They are the second axis of its input
and the first axis of its weights. The initial weights and batches of a replicate depend only on its own seed, so it
ends like a network that is trained alone.

The loss to minimise is the sum over the networks; its gradient with respect to one network is that of the network's
own loss. The optimizer must therefore treat every weight separately, as SGD and Adam do. Clipping by the global norm
does not.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

ops: Any = keras.ops  # its annotations allow None for most results

PACKAGE = "maskwright"


class _Replicated(keras.layers.Layer):
    """The base of the layers of replicates, with the seeds, and a kernel and a bias for each seed."""

    def __init__(
        self,
        units: int,
        seeds: Iterable[int],
        *,
        name: str,
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **arguments: Any,
    ) -> None:
        super().__init__(name=name, **arguments)
        self.units = units
        self.seeds = tuple(seeds)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def _add_weights(self, kernel_shape: tuple[int, ...]) -> None:
        for name, shape, initializer in (
            ("kernel", kernel_shape, self.kernel_initializer),
            ("bias", (self.units,), self.bias_initializer),
        ):
            values = np.stack([self._initial(name, shape, initializer, seed) for seed in self.seeds])
            weight = self.add_weight(
                name=name, shape=values.shape, initializer=lambda *_, v=values, **__: ops.convert_to_tensor(v)
            )
            setattr(self, name, weight)

    def _apply(self, inputs: Any, kernel: Any) -> Any:
        """Multiply (B, R, ..., in) by (R, in, units), add the biases (R, units), and apply the activation."""
        between = (1,) * (len(inputs.shape) - 3)
        replicates, channels, units = kernel.shape
        kernel = ops.reshape(kernel, (replicates, *between, channels, units))
        # The compiler fuses the product and the sum into one loop. For matrices this small, a batched matrix product
        # takes three times as long.
        outputs = ops.sum(inputs[..., None] * kernel, axis=-2)
        return self.activation(outputs + ops.reshape(self.bias, (replicates, *between, units)))

    def _initial(self, weight: str, shape: tuple[int, ...], initializer: Any, seed: int) -> np.ndarray:
        config = initializer.get_config()
        if "seed" in config:
            # Every weight of a network has its own random stream, named after the layer.
            words = [seed % 2**64, zlib.crc32(f"{self.name}/{weight}".encode())]
            config["seed"] = int(np.random.SeedSequence(words).generate_state(1)[0])
        return ops.convert_to_numpy(type(initializer).from_config(config)(shape))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "units": self.units,
            "seeds": list(self.seeds),
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "bias_initializer": keras.initializers.serialize(self.bias_initializer),
        }


@keras.saving.register_keras_serializable(PACKAGE)
class ReplicatedDense(_Replicated):
    """A dense layer (or 1x1 convolution) in each of R networks: (B, R, ..., in) -> (B, R, ..., units).

    Args:
        units: number of outputs of each network.
        seeds: R seeds, one for each network. Together with the layer's name they determine the initial weights.
        name: the layer's name. It is required, since the initial weights depend on it.
        activation, kernel_initializer, bias_initializer: as for `keras.layers.Dense`.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights: kernel (R, in, units) and bias (R, units)."""
        self._add_weights((int(input_shape[-1] or 0), self.units))

    def call(self, inputs: Any) -> Any:
        """Apply each network's layer to its own slice."""
        return self._apply(inputs, self.kernel)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return (*input_shape[:-1], self.units)


@keras.saving.register_keras_serializable(PACKAGE)
class ReplicatedConv2D(_Replicated):
    """A convolution without padding in each of R networks: (B, R, H, W, in) -> (B, R, H - k + 1, W - k + 1, units).

    Args:
        units: number of filters of each network.
        seeds: R seeds, one for each network. Together with the layer's name they determine the initial weights.
        kernel_size: k, the side of the kernel.
        name: the layer's name. It is required, since the initial weights depend on it.
        activation, kernel_initializer, bias_initializer: as for `keras.layers.Conv2D`.
    """

    def __init__(self, units: int, seeds: Iterable[int], *, kernel_size: int, **arguments: Any) -> None:
        super().__init__(units, seeds, **arguments)
        self.kernel_size = kernel_size

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Create the weights: kernel (R, k, k, in, units) and bias (R, units)."""
        self._add_weights((self.kernel_size, self.kernel_size, int(input_shape[-1] or 0), self.units))

    def call(self, inputs: Any) -> Any:
        """Apply each network's convolution to its own slice."""
        side = self.kernel_size
        windows = [
            inputs[:, :, y : y + 1 - side or None, x : x + 1 - side or None] for y, x in np.ndindex(side, side)
        ]
        patches = ops.concatenate(windows, axis=-1)  # (B, R, H - k + 1, W - k + 1, k k in)
        replicates, *_, channels, units = self.kernel.shape
        return self._apply(patches, ops.reshape(self.kernel, (replicates, side * side * channels, units)))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        batch, replicates, *sides, _ = input_shape
        smaller = (None if side is None else side - self.kernel_size + 1 for side in sides)
        return (batch, replicates, *smaller, self.units)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "kernel_size": self.kernel_size}


@keras.saving.register_keras_serializable(PACKAGE)
class Replicate(keras.layers.Layer):
    """Give each of R networks the same input: (B, ...) -> (B, R, ...)."""

    def __init__(self, replicates: int, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.replicates = replicates

    def call(self, inputs: Any) -> Any:
        """Repeat the inputs along a new second axis."""
        return ops.repeat(inputs[:, None], self.replicates, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the outputs."""
        return (input_shape[0], self.replicates, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "replicates": self.replicates}
