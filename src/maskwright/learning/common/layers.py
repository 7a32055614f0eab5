"""Layers that Keras lacks, or has only in a slower form: padding, cropping, pooling, normalisation, rearranging."""

from typing import Any

import keras
import tensorflow as tf

ops: Any = keras.ops  # its annotations allow None for most results

Shape = tuple[int | None, ...]


@keras.saving.register_keras_serializable("maskwright")
class PadToStride(keras.layers.Layer):
    """Pad height and width, below and to the right, to the next multiple of `stride`.

    The border pixels are repeated. Padding with zeros would draw an edge that the photograph does not have.
    (B, H, W, C) -> (B, ceil(H / stride) * stride, ceil(W / stride) * stride, C), any dtype.
    """

    def __init__(self, stride: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stride = stride

    def call(self, inputs: Any) -> Any:
        """Pad one batch."""
        for axis in (1, 2):
            side = inputs.shape[axis]
            if side is not None and side % self.stride == 0:
                continue
            length = ops.shape(inputs)[axis]
            padded = -(-length // self.stride) * self.stride
            inputs = ops.take(inputs, ops.minimum(ops.arange(padded), length - 1), axis=axis)
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the padded shape; unknown sides stay unknown."""
        batch, height, width, channels = input_shape
        return (batch, self._padded(height), self._padded(width), channels)

    def _padded(self, side: int | None) -> int | None:
        return None if side is None else -(-side // self.stride) * self.stride

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable("maskwright")
class CropLike(keras.layers.Layer):
    """Crop the first input, below and to the right, to the height and width of the second. This undoes `PadToStride`.

    [(B, H', W', C), (B, H, W, ...)] -> (B, H, W, C).
    """

    def call(self, inputs: list[Any]) -> Any:
        """Crop one batch."""
        padded, reference = inputs
        height, width = ops.shape(reference)[1], ops.shape(reference)[2]
        return padded[:, :height, :width]

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the height and width of the second input and the channels of the first."""
        padded, reference = input_shape
        return (padded[0], reference[1], reference[2], padded[3])


@keras.saving.register_keras_serializable("maskwright")
class PyramidPooling(keras.layers.Layer):
    """Average-pool the features over n x n grids of the whole image, for each n in `bins`, and upsample the results.

    This gives each position a view of its surroundings and of the whole image (PSPNet, Zhao et al. 2017,
    https://arxiv.org/abs/1612.01105). Each grid is projected to `filters` channels, upsampled bilinearly and
    concatenated to the input: (B, H, W, C) -> (B, H, W, C + len(bins) * filters). The grid divides the image evenly,
    whatever its size. A position that two cells share is split between them in proportion.
    """

    def __init__(self, filters: int, bins: tuple[int, ...] = (1, 2, 3, 6), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.bins = tuple(bins)

    def build(self, input_shape: Shape) -> None:
        """Create a 1x1 projection for each grid."""
        self.projections = [
            keras.layers.Conv2D(self.filters, 1, activation="relu", name=f"project_{n}", dtype=self.dtype_policy)
            for n in self.bins
        ]
        for projection in self.projections:
            projection.build(input_shape)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        """Pool, project, upsample and concatenate one batch."""
        height, width = ops.shape(inputs)[1], ops.shape(inputs)[2]
        outputs = [inputs]
        for n, project in zip(self.bins, self.projections, strict=True):
            rows, columns = _area_weights(height, n, inputs.dtype), _area_weights(width, n, inputs.dtype)
            pooled = ops.einsum("nh,bhwc->bnwc", rows, inputs)
            pooled = project(ops.einsum("mw,bnwc->bnmc", columns, pooled))  # (B, n, n, filters)
            rows, columns = _bilinear_weights(height, n, inputs.dtype), _bilinear_weights(width, n, inputs.dtype)
            pooled = ops.einsum("hn,bnmc->bhmc", rows, pooled)
            outputs.append(ops.einsum("wm,bhmc->bhwc", columns, pooled))
        return ops.concatenate(outputs, axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with the projections' channels added."""
        return (*input_shape[:3], (input_shape[3] or 0) + len(self.bins) * self.filters)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "filters": self.filters, "bins": list(self.bins)}


def _area_weights(length: Any, bins: int, dtype: str) -> Any:
    """Return (bins, length) rows that average the positions under each of `bins` equal cells."""
    cell = ops.cast(length, "float32") / bins
    starts = ops.arange(bins, dtype="float32")[:, None] * cell
    positions = ops.arange(length, dtype="float32")[None, :]
    overlap = ops.minimum(positions + 1, starts + cell) - ops.maximum(positions, starts)
    return ops.cast(ops.maximum(overlap, 0.0) / cell, dtype)


def _bilinear_weights(length: Any, bins: int, dtype: str) -> Any:
    """Return (length, bins) rows that interpolate linearly between the centres of `bins` equal cells."""
    positions = (ops.arange(length, dtype="float32") + 0.5) * bins / ops.cast(length, "float32") - 0.5
    positions = ops.clip(positions, 0.0, bins - 1.0)[:, None]
    distance = ops.abs(positions - ops.arange(bins, dtype="float32")[None, :])
    return ops.cast(ops.maximum(1.0 - distance, 0.0), dtype)


@keras.saving.register_keras_serializable("maskwright")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalisation of the last axis as one fused operation, forward and backward.

    It has the same weights, results (up to rounding) and configuration as `keras.layers.BatchNormalization`. That
    layer computes mean, variance and scaling one after another, which takes two to three times as long on a CPU in
    bfloat16. Inputs are (B, H, W, C), float32 or bfloat16; statistics are kept in float32. Ioffe and Szegedy 2015,
    https://arxiv.org/abs/1502.03167.

    Raises:
        ValueError: the axis is not the last one, scale or centre is off, or statistics are shared across replicas.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.axis != -1 or not (self.scale and self.center) or self.synchronized:
            raise ValueError("FusedBatchNormalization: only with axis -1, scale, center, and not synchronized")

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Normalise one batch, with its own statistics in training and with the moving averages otherwise."""
        del mask
        training = bool(training and self.trainable)
        variables: list[Any] = [self.gamma, self.beta, self.moving_mean, self.moving_variance]
        gamma, beta, moving_mean, moving_variance = (tf.convert_to_tensor(variable.value) for variable in variables)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            tf.cast(inputs, self.compute_dtype),
            gamma,
            beta,
            mean=None if training else moving_mean,
            variance=None if training else moving_variance,
            epsilon=self.epsilon,
            is_training=training,
        )
        if training:
            # The operation returns the variance with Bessel's correction; Keras averages it without the correction.
            count = ops.cast(ops.prod(ops.shape(inputs)[:-1]), "float32")
            variance = variance * ((count - 1.0) / count)
            for moving, current in zip(variables[2:], (mean, variance), strict=True):
                moving.assign(moving * self.momentum + current * (1.0 - self.momentum))
        return outputs


@keras.saving.register_keras_serializable("maskwright")
class DepthToSpace(keras.layers.Layer):
    """Lay channels out in space: (B, H, W, n * n * C) -> (B, n * H, n * W, C), any dtype.

    After a convolution, this gives the sub-pixel convolution of Shi et al. 2016, https://arxiv.org/abs/1609.05158.
    Each coarse position predicts the n x n pixels that it covers.
    """

    def __init__(self, factor: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        """Rearrange one batch."""
        return tf.nn.depth_to_space(inputs, self.factor)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the finer shape; unknown sides stay unknown."""
        batch, height, width, channels = input_shape
        sides = [None if side is None else side * self.factor for side in (height, width)]
        return (batch, *sides, (channels or 0) // self.factor**2)

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "factor": self.factor}
