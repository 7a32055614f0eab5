"""Batch norms that no longer change, folded into the convolutions before them."""

from typing import Any

import keras
import numpy as np
from keras import layers


def fold_batch_norms(model: keras.Model) -> keras.Model:
    """Return a copy of a model in which frozen batch norms are part of the frozen convolutions before them.

    A frozen batch norm is y = gamma (x - mean) / sqrt(variance + epsilon) + beta, with its moving averages. With
    s = gamma / sqrt(variance + epsilon) and a convolution of kernel k and bias b, it is the convolution of kernel s k
    and bias s (b - mean) + beta. The outputs are the same up to rounding, and an operation is saved for each of them.

    Folded are the pairs of a convolution or depthwise convolution without activation, and a batch norm of the last
    axis that alone takes its output, both with `trainable` false. Everything else is copied, weights included; models
    within the model are folded alike.

    Args:
        model: a functional model that is built and not compiled.

    Returns:
        An uncompiled model with the same name and the same names of layers, without the folded batch norms.
    """
    convolutions = _pairs(model)
    folded = {norm.name for norm in convolutions.values()}

    def copied(layer: Any) -> Any:
        if isinstance(layer, keras.Model):
            return fold_batch_norms(layer)
        config = layer.get_config()
        if layer.name in convolutions:
            config = {**config, "use_bias": True}
        return type(layer).from_config(config)

    def called(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if layer.name in folded else layer(*args, **kwargs)

    copy: Any = keras.models.clone_model(model, clone_function=copied, call_function=called)
    for layer in model.layers:
        if layer.name in convolutions:
            copy.get_layer(layer.name).set_weights(_folded_weights(layer, convolutions[layer.name]))
        elif layer.weights and layer.name not in folded and not isinstance(layer, keras.Model):
            copy.get_layer(layer.name).set_weights(layer.get_weights())
    return copy


def _pairs(model: keras.Model) -> dict[str, Any]:
    """Return the batch norms to be folded, by the name of the convolution before them."""
    takers: dict[int, list[Any]] = {}
    for layer in model.layers:
        # Not `layer.input`: that of a model within the model is its own.
        for node in layer._inbound_nodes:
            for tensor in node.input_tensors:
                takers.setdefault(id(tensor), []).append(layer)
    outputs = {id(tensor) for tensor in model.outputs}
    found = {}
    for layer in filter(_is_frozen_convolution, model.layers):
        taken = takers.get(id(layer.output), [])
        if id(layer.output) not in outputs and len(taken) == 1 and _is_frozen_norm(taken[0]):
            found[layer.name] = taken[0]
    return found


def _is_frozen_convolution(layer: Any) -> bool:
    return (
        type(layer) in (layers.Conv2D, layers.DepthwiseConv2D)
        and not layer.trainable
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and len(layer._inbound_nodes) == 1
    )


def _is_frozen_norm(layer: Any) -> bool:
    return (
        isinstance(layer, layers.BatchNormalization)
        and not layer.trainable
        and layer.axis in (-1, 3)
        and layer.scale
        and layer.center
        and len(layer._inbound_nodes) == 1
    )


def _folded_weights(convolution: Any, norm: Any) -> list[np.ndarray]:
    gamma, beta, mean, variance = (np.asarray(weight, np.float64) for weight in norm.get_weights())
    kernel, *bias = (np.asarray(weight, np.float64) for weight in convolution.get_weights())
    scale = gamma / np.sqrt(variance + norm.epsilon)
    # (h, w, I, O); a depthwise one is (h, w, I, multiplier), with output channel i * multiplier + j.
    by_kernel = scale.reshape(kernel.shape[2:]) if isinstance(convolution, layers.DepthwiseConv2D) else scale
    return [kernel * by_kernel, ((bias[0] if bias else 0.0) - mean) * scale + beta]
