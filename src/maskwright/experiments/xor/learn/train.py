"""XOR among noise: can a network use a mask that marks which of its inputs are signal?

    maskwright train xor
    maskwright evaluate xor

The source reports one training of each variant, and one batch at its end: a sum of squares of 5.7e-4 with the mask
and of 0.81 with a random one. Here every possible input is scored, for many seeds.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.xor.data import CASES, POSITIONS, read_xor
from maskwright.experiments.xor.learn.network import build
from maskwright.experiments.xor.params import Xor
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.replicates.layers import fit_replicates
from maskwright.learning.replicates.tables import write_curves
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import available_cores

EPOCH_STEPS = 50
"""The history has a row for each so many steps."""


def train(settings: Xor, *, data: Path, out: Path, history: Path) -> None:
    """Train every variant, all its seeds together, and write the models and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate xor` wrote.
        out: gets a folder for each variant; replaced whole at the end.
        history: a CSV, see `replicates.tables.write_curves`.
    """
    make_deterministic(settings.seed)
    tables = {variant: read_xor(data, variant) for variant in settings.trained_variants}
    models = {variant: build(settings, variant) for variant in tables}
    # Compiling takes most of the time, on one core. Threads share it: neither it nor a step holds Python's lock.
    with ThreadPoolExecutor(available_cores()) as pool:
        jobs = {variant: pool.submit(fit, models[variant], settings, *table) for variant, table in tables.items()}
        curves = {variant: job.result() for variant, job in jobs.items()}
    with replaced_folder(out) as new:
        for variant, model in models.items():
            about = {
                "experiment": "xor",
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": model.count_params() // settings.seeds,
            }
            save_model(model, about, new / variant)
    write_curves(history, curves)


def fit(model: Any, settings: Xor, inputs: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Train the networks of a variant.

    Args:
        model: as `build` returns it; it has the trained weights afterwards.
        settings: the experiment's section of params.yaml.
        inputs: (N, 4, C) float32, every possible input.
        labels: (N, 2) float32, one-hot.

    Returns:
        For `loss` and `accuracy` an array (epochs, R): over all inputs, after each epoch of `EPOCH_STEPS` steps.
    """
    core: Any = keras.Model(model.get_layer("replicate").output, model.output)
    flat = inputs.reshape(len(inputs), -1)
    rows, truth = tf.constant(inputs), tf.constant(labels)[:, None]  # (N, 4, C), (N, 1, 2)

    def measure() -> dict[str, tf.Tensor]:
        outputs = model(rows, training=False)
        right = tf.argmax(outputs, -1) == tf.argmax(truth, -1)
        return {
            "loss": sum_of_squares(truth, outputs) * (CASES / len(inputs)),
            "accuracy": tf.reduce_mean(tf.cast(right, tf.float32), axis=0),
        }

    optimizer = keras.optimizers.SGD(settings.learning_rate)
    order = draw_order(settings, len(inputs))
    return fit_replicates(core, optimizer, sum_of_squares, (flat, labels), order, measure)


def sum_of_squares(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the sum of squared errors over a batch and its outputs: (B, R, 2), (B, R, 2) -> (R,)."""
    return tf.reduce_sum(tf.square(labels - outputs), axis=(0, 2))


def draw_order(settings: Xor, rows: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch: at one random position, each of the four cases with noise of its own.

    Args:
        settings: `steps`, `seeds` and `seed` decide the order.
        rows: N, the number of possible inputs.

    Yields:
        Once, (epochs, steps, 4, R) int32.
    """
    group = rows // ((POSITIONS - 1) * CASES)
    epochs = settings.steps // EPOCH_STEPS
    order = np.empty((epochs, EPOCH_STEPS, CASES, settings.seeds), np.int32)
    for replicate in range(settings.seeds):
        rng = np.random.default_rng([(settings.seed + replicate) % 2**64, 1])
        position = rng.integers(POSITIONS - 1, size=(epochs, EPOCH_STEPS, 1))
        noise = rng.integers(group, size=(epochs, EPOCH_STEPS, CASES))
        order[..., replicate] = (position * CASES + np.arange(CASES)) * group + noise
    yield order
