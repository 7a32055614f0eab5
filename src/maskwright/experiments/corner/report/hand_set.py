"""The loss that Keras reports for the network whose weights are set by hand."""

from typing import Any

import keras
import numpy as np

from maskwright.experiments.corner.learn.variants import Setting


def hand_set_losses(model: keras.Model, patterns: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the mean squared error that Keras's `evaluate` reports for labels of two shapes.

    With labels (512,) against outputs (512, 1, 1, 1), all 32 x 32 pairs of a label and an output in a batch of 32 are
    compared. In the batch with the corner, 31 + 31 of the 1,024 pairs differ, and there are 16 batches. The result is
    62 / 1,024 / 16 = 0.003784, although each output equals its own label.

    Args:
        model: a stack of one network, from `learn.network.build(settings, "hand_set")`.
        patterns: (512, 3, 3) float32.
        labels: (512,) float32.
    """
    network: Any = single_network(Setting())
    weights = zip(model.get_weights(), network.get_weights(), strict=True)
    network.set_weights([weight[0].reshape(plain.shape) for weight, plain in weights])
    losses = {}
    for name, shape in (("labels_512", (-1,)), ("labels_512_1_1_1", (-1, 1, 1, 1))):
        network.compile(loss="mse")
        losses[name] = float(network.evaluate(patterns[..., None], labels.reshape(shape), batch_size=32, verbose=0))
    return losses


def single_network(setting: Setting) -> keras.Sequential:
    """Return a single network as in the question: (B, 3, 3, 1) -> (B, 1, 1, units)."""
    return keras.Sequential(
        [
            keras.Input((3, 3, 1)),
            keras.layers.Conv2D(setting.filters, 3),
            keras.layers.Conv2D(setting.units, 1, activation=setting.head),
        ]
    )
