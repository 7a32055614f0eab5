"""Attention that a network computes from its own features (CBAM, Woo et al. 2018, https://arxiv.org/abs/1807.06521).

Weights between 0 and 1 scale the features. There is one weight for each position, one for each channel, or both. All
layers here take and return (B, H, W, C) of any height and width, in float32 or in mixed precision.
"""

from typing import Any

import keras

from maskwright.learning.common.determinism import layer_seed
from maskwright.shared.settings import Attention

ops: Any = keras.ops  # its annotations allow None for most results

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("maskwright")
class SpatialAttention(keras.layers.Layer):
    """Scale each position: x * sigmoid(conv([max over channels, mean over channels])).

    The convolution has one filter, and therefore 2 * kernel_size ** 2 weights, and one more with a bias.

    Args:
        kernel_size: side of the convolution, odd; 7 in the paper.
        seed: seed of the initial weights; None to use Keras's global seed.
        use_bias: whether the convolution has a bias, which is 0 at first.

    Raises:
        ValueError: kernel_size is even or not positive.
    """

    def __init__(self, kernel_size: int = 7, seed: int | None = None, use_bias: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and positive, not {kernel_size}")
        self.kernel_size = kernel_size
        self.seed = seed
        self.use_bias = use_bias

    def build(self, input_shape: Shape) -> None:
        """Create the convolution."""
        initial: Any = keras.initializers.GlorotUniform(self.seed)
        self.convolution = keras.layers.Conv2D(
            1,
            self.kernel_size,
            padding="same",
            use_bias=self.use_bias,
            activation="sigmoid",
            kernel_initializer=initial,
            name="convolution",
            dtype=self.dtype_policy,
        )
        self.convolution.build((*input_shape[:3], 2))
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Scale one batch."""
        strongest = ops.max(inputs, axis=-1, keepdims=True)
        # In half precision a sum of many channels would overflow, or lose small values.
        mean = ops.cast(ops.mean(ops.cast(inputs, "float32"), axis=-1, keepdims=True), inputs.dtype)
        return inputs * self.convolution(ops.concatenate([strongest, mean], axis=-1))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        config = {"kernel_size": self.kernel_size, "seed": self.seed, "use_bias": self.use_bias}
        return {**super().get_config(), **config}


@keras.saving.register_keras_serializable("maskwright")
class ChannelAttention(keras.layers.Layer):
    """Scale each channel: x * sigmoid(mlp(mean over positions) + mlp(max over positions)).

    Both go through the same network: a dense layer of h = max(1, C // reduction) units with ReLU, and a dense layer
    of C units. It has 2 * C * h + h + C weights.

    Args:
        reduction: number of channels for each hidden unit; 16 in the paper.
        seed: seed of the initial weights; None to use Keras's global seed.

    Raises:
        ValueError: reduction is not positive.
    """

    def __init__(self, reduction: int = 16, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if reduction < 1:
            raise ValueError(f"reduction must be positive, not {reduction}")
        self.reduction = reduction
        self.seed = seed

    def build(self, input_shape: Shape) -> None:
        """Create the two dense layers."""
        channels = int(input_shape[-1] or 0)
        hidden = max(1, channels // self.reduction)
        initials: list[Any] = [
            keras.initializers.GlorotUniform(None if self.seed is None else layer_seed(self.seed, place))
            for place in range(2)
        ]
        self.squeeze = keras.layers.Dense(
            hidden, activation="relu", kernel_initializer=initials[0], name="squeeze", dtype=self.dtype_policy
        )
        self.excite = keras.layers.Dense(
            channels, kernel_initializer=initials[1], name="excite", dtype=self.dtype_policy
        )
        self.squeeze.build((None, channels))
        self.excite.build((None, hidden))
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Scale one batch."""
        mean = ops.cast(ops.mean(ops.cast(inputs, "float32"), axis=(1, 2)), inputs.dtype)
        strongest = ops.max(inputs, axis=(1, 2))
        weights = ops.sigmoid(self.excite(self.squeeze(mean)) + self.excite(self.squeeze(strongest)))  # (B, C)
        return inputs * weights[:, None, None, :]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "reduction": self.reduction, "seed": self.seed}


def attend(
    x: Any,
    attention: Attention,
    *,
    kernel_size: int = 7,
    use_bias: bool = False,
    reduction: int = 16,
    seed: int | None = None,
) -> Any:
    """Apply an attention to features (B, H, W, C); `none` adds nothing to the network.

    Args:
        x: the features.
        attention: `spatial`, `channel`, or `cbam`: channel attention, then spatial attention, as in the paper.
        kernel_size, use_bias: see `SpatialAttention`.
        reduction: see `ChannelAttention`.
        seed: seed of the initial weights; None to use Keras's global seed.
    """
    if attention in ("channel", "cbam"):
        x = ChannelAttention(reduction, seed)(x)
    if attention in ("spatial", "cbam"):
        x = SpatialAttention(kernel_size, seed, use_bias)(x)
    return x
