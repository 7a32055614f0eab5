"""Keras layers that bring a mask, computed beforehand, into a network.

A mask is 1 where the image counts and 0 elsewhere; values in between count in proportion. An image can have several
masks at once. Feature maps are (B, M, H, W, C) for B images and M masks, with M = 1 before a mask has entered. Masks
are (B, M, H, W, 1), or (1, M, H, W, 1) if all images have the same masks. Features that do not depend on the mask are
thus computed only once for all masks of an image.
"""

from typing import Any

import keras

ops: Any = keras.ops  # its annotations allow None for most results

Shape = tuple[int | None, ...]

PACKAGE = "maskwright"


@keras.saving.register_keras_serializable(PACKAGE)
class SplitMask(keras.layers.Layer):
    """Split the mask, the last channel, from an image: (B, H, W, C + 1) -> (B, 1, H, W, C) and (B, 1, H, W, 1)."""

    def call(self, inputs: Any) -> list[Any]:
        """Split one batch."""
        return [inputs[:, None, ..., :-1], inputs[:, None, ..., -1:]]

    def compute_output_shape(self, input_shape: Shape) -> list[Shape]:
        """Return the shapes of image and mask."""
        batch, height, width, channels = input_shape
        return [(batch, 1, height, width, (channels or 1) - 1), (batch, 1, height, width, 1)]


class _Convolution(keras.layers.Layer):
    """The base of the convolutions, with kernel, bias and activation. The padding is "same"."""

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        activation: Any = None,
        kernel_initializer: Any = "glorot_uniform",
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def _add_weights(self, channels: int | None) -> None:
        shape = (self.kernel_size, self.kernel_size, channels or 1, self.filters)
        self.kernel: Any = self.add_weight(name="kernel", shape=shape, initializer=self.kernel_initializer)
        self.bias: Any = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def _convolved(self, maps: Any, kernel: Any) -> Any:
        return _unflattened(ops.conv(_flattened(maps), kernel, self.strides, "same"), maps)

    def _sides(self, input_shape: Shape) -> list[int | None]:
        return [None if side is None else -(-side // self.strides) for side in input_shape[2:4]]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


@keras.saving.register_keras_serializable(PACKAGE)
class MapConv2D(_Convolution):
    """A convolution of every feature map: (B, M, H, W, C) -> (B, M, ceil(H / strides), ceil(W / strides), filters).

    Args:
        filters: number of channels of the output.
        kernel_size: k, the side of the kernel.
        strides: the stride in both directions.
        activation, kernel_initializer: as for `keras.layers.Conv2D`.
    """

    def build(self, input_shape: Shape) -> None:
        """Create kernel (k, k, C, filters) and bias (filters,)."""
        self._add_weights(input_shape[-1])

    def call(self, inputs: Any) -> Any:
        """Convolve one batch."""
        return self.activation(self._convolved(inputs, self.kernel) + self.bias)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape of the feature maps."""
        return (*input_shape[:2], *self._sides(input_shape), self.filters)


class _Appended(_Convolution):
    """The base of the convolutions of image and mask.

    As a convolution is linear, it is computed as the sum of a convolution of the images and one of the masks.
    """

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of the feature maps."""
        images, masks = input_shape
        return (images[0], masks[1], *self._sides(images), self.filters)


@keras.saving.register_keras_serializable(PACKAGE)
class PlainMaskConv2D(_Appended):
    """The first convolution of a network whose input is the image with the mask as one more channel, as it is.

    Inputs: images (B, 1, H, W, C) and masks (B or 1, M, H, W, 1). Output: (B, M, h, w, filters), the convolution of
    the C + 1 channels. The mask's weights are drawn like those of the other channels.

    Args:
        filters, kernel_size, strides, activation, kernel_initializer: as for `MapConv2D`.
    """

    def build(self, input_shape: list[Shape]) -> None:
        """Create kernel (k, k, C + 1, filters) and bias (filters,)."""
        self._add_weights((input_shape[0][-1] or 0) + 1)

    def call(self, inputs: list[Any]) -> Any:
        """Convolve one batch."""
        images, masks = inputs
        both = self._convolved(images, self.kernel[:, :, :-1]) + self._convolved(masks, self.kernel[:, :, -1:])
        return self.activation(both + self.bias)


@keras.saving.register_keras_serializable(PACKAGE)
class AppendMaskConv2D(_Appended):
    """The first convolution of a network that begins as one without a mask.

    Inputs: images (B, 1, H, W, C) and masks (B or 1, M, H, W, 1). Output: (B, M, h, w, filters), the convolution of
    the C + 1 channels image and mask - 1. Since 1 is subtracted, the mask's channel is 0 inside the mask. There the
    network behaves as if it had no mask, and the mask's weights act only outside. They are initially 0.

    Args:
        filters, kernel_size, strides, activation, kernel_initializer: as for `MapConv2D`.
    """

    def build(self, input_shape: list[Shape]) -> None:
        """Create kernel (k, k, C, filters), mask_kernel (k, k, 1, filters) and bias (filters,)."""
        self._add_weights(input_shape[0][-1])
        shape = (self.kernel_size, self.kernel_size, 1, self.filters)
        self.mask_kernel: Any = self.add_weight(name="mask_kernel", shape=shape, initializer="zeros")

    def call(self, inputs: list[Any]) -> Any:
        """Convolve one batch."""
        images, masks = inputs
        both = self._convolved(images, self.kernel) + self._convolved(masks - 1, self.mask_kernel)
        return self.activation(both + self.bias)


class _Masked(keras.layers.Layer):
    """The base of the layers that shrink a mask to the size of feature maps."""

    def __init__(self, stride: int = 1, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.stride = stride

    def _shrunk(self, masks: Any) -> Any:
        if self.stride == 1:
            return masks
        small = ops.average_pool(_flattened(masks), self.stride, self.stride, padding="same")
        return _unflattened(small, masks)

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), "stride": self.stride}


@keras.saving.register_keras_serializable(PACKAGE)
class ScaleByMask(_Masked):
    """Multiply feature maps by masks: (B, 1 or M, h, w, C) and (B or 1, M, H, W, 1) -> (B, M, h, w, C).

    Args:
        stride: stride of the feature maps; the mask is averaged over cells with this side. 1 is for the image itself.
    """

    def call(self, inputs: list[Any]) -> Any:
        """Scale one batch."""
        features, masks = inputs
        return features * self._shrunk(masks)

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of the scaled maps."""
        features, masks = input_shape
        return (features[0], masks[1], *features[2:])


@keras.saving.register_keras_serializable(PACKAGE)
class MaskedMaxPooling(_Masked):
    """Global max pooling inside a mask: (B, 1 or M, h, w, C) and (B or 1, M, H, W, 1) -> (B, M, C).

    The result is the largest product of feature and mask. Features must not be negative, or the zeros outside the
    mask would be the largest. If only [features] is given, without a mask, this is plain global max pooling. Unlike a
    mean, a maximum does not depend on the size of the image or the mask.

    Args:
        stride: stride of the feature maps; the mask is averaged over cells with this side.
    """

    def call(self, inputs: list[Any]) -> Any:
        """Pool one batch."""
        features, *masks = inputs
        for mask in masks:
            features = features * self._shrunk(mask)
        return ops.max(features, axis=(2, 3))

    def compute_output_shape(self, input_shape: list[Shape]) -> Shape:
        """Return the shape of the pooled features."""
        features = input_shape[0]
        return (features[0], input_shape[-1][1], features[-1])


def _flattened(maps: Any) -> Any:
    """Merge the first two axes: (B, M, H, W, C) -> (B M, H, W, C)."""
    return ops.reshape(maps, (-1, *ops.shape(maps)[2:]))


def _unflattened(maps: Any, like: Any) -> Any:
    """Split the first axis: (B M, h, w, C) -> (B, M, h, w, C), with the B and M of `like`."""
    number = like.shape[1]
    leading = (-1, number) if number is not None else (*ops.shape(like)[:2],)
    return ops.reshape(maps, (*leading, *ops.shape(maps)[1:]))
