"""The losses that Keras reports and shows for the network whose weights are set by hand."""

from typing import Any

import keras
import numpy as np

from maskwright.experiments.corner.data import PATTERNS
from maskwright.experiments.corner.learn.variants import Setting

BATCH = 32
"""The batch size, which is Keras's default."""


def hand_set_losses(model: keras.Model, patterns: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the mean squared errors that Keras's `evaluate` reports for labels of two shapes, and that a bar shows.

    With labels (512,) against outputs (512, 1, 1, 1), all 32 x 32 pairs of a label and an output in a batch of 32 are
    compared. In the batch with the corner, 31 + 31 of the 1,024 pairs differ, and there are 16 batches. The result is
    62 / 1,024 / 16 = 0.003784, although each output equals its own label.

    Args:
        model: a stack of one network, from `learn.network.build(settings, "hand_set")`.
        patterns: (512, 3, 3) float32.
        labels: (512,) float32.

    Returns:
        `labels_512` and `labels_512_1_1_1` for the two shapes, and for the first `progress_bar`, see
        `progress_bar_loss`, with the patterns in the source's order.
    """
    network: Any = single_network(Setting())
    weights = zip(model.get_weights(), network.get_weights(), strict=True)
    network.set_weights([weight[0].reshape(plain.shape) for weight, plain in weights])
    losses = {}
    for name, shape in (("labels_512", (-1,)), ("labels_512_1_1_1", (-1, 1, 1, 1))):
        network.compile(loss="mse")
        losses[name] = float(
            network.evaluate(patterns[..., None], labels.reshape(shape), batch_size=BATCH, verbose=0)
        )
    order = sources_order()
    scores = np.asarray(network(patterns[order][..., None])).reshape(PATTERNS)
    return {**losses, "progress_bar": progress_bar_loss(scores, labels[order], BATCH)}


def sources_order() -> np.ndarray:
    """Return the source's order of the 512 patterns, as their indices in `data.all_patterns`.

    The source counts with its first pixel as the fastest digit, `all_patterns` with the last one. So the nine binary
    digits of an index are reversed. The corner, 000011011 or 27, is the source's 110110000 or 432, in batch 14 of 16.
    """
    digits = (np.arange(PATTERNS)[:, None] >> np.arange(9)) & 1  # the first pixel first
    return digits @ (1 << np.arange(8, -1, -1))


def progress_bar_loss(scores: np.ndarray, labels: np.ndarray, batch_size: int) -> float:
    """Return the mean squared error that the progress bar of earlier versions of Keras 3 shows.

    After batch b, Keras gives its bar the mean loss of the batches 1 to b, and after the last batch once more the
    final one. The bar took these for the losses of single batches, and showed their average over B + 1 updates:

        (M_1 + M_2 + ... + M_B + M_B) / (B + 1),    M_b = (L_1 + ... + L_b) / b

    The loss of a batch compares all pairs of a label and an output: L_b = mean over i, j of (label_i - output_j)².

    Args:
        scores: (N,) outputs, in the order of the batches; N is a multiple of `batch_size`.
        labels: (N,) labels.
        batch_size: number of examples in a batch.

    Example:
        The weights set by hand are wrong only in the pairs of the corner, which is in batch 14 of 16, so that
        L_14 = 62 / 1,024 and the others are 0. The bar shows L_14 (1/14 + 1/15 + 2/16) / 17 = 9.3703e-4.

    References:
        The fault, and its correction: https://github.com/keras-team/keras/issues/21301 and
        https://github.com/keras-team/keras/pull/23030.
    """
    outputs, truth = (np.asarray(values, float).reshape(-1, batch_size) for values in (scores, labels))
    losses = np.square(truth[:, :, None] - outputs[:, None]).mean(axis=(1, 2))
    running = np.cumsum(losses) / np.arange(1, len(losses) + 1)
    return float((running.sum() + running[-1]) / (len(losses) + 1))


def single_network(setting: Setting) -> keras.Sequential:
    """Return a single network as in the question: (B, 3, 3, 1) -> (B, 1, 1, units)."""
    return keras.Sequential(
        [
            keras.Input((3, 3, 1)),
            keras.layers.Conv2D(setting.filters, 3),
            keras.layers.Conv2D(setting.units, 1, activation=setting.head),
        ]
    )
