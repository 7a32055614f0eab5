"""XOR among noise: can a network use a mask that marks which of its inputs are signal?

    maskwright train xor
    maskwright evaluate xor

Batches are drawn as the source draws them: the four cases of XOR at one position, which is drawn anew for each batch,
and every other bit for each row. The source reports one training of each variant, and one batch at its end: a sum of
squares of 5.7e-4 with the mask, and of 0.81 with a random mask. Here every possible input is scored, for many seeds.
"""

from concurrent.futures import Executor, Future, ThreadPoolExecutor
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
from maskwright.learning.replicates.fitting import Network, sgd, start_fitting
from maskwright.learning.replicates.tables import write_curves
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import available_cores

EPOCH_STEPS = 50
"""The number of steps between two rows of the history."""


def train(settings: Xor, *, data: Path, out: Path, history: Path) -> None:
    """Train every variant, all its seeds together, and write the models and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate xor` wrote.
        out: the folder that gets a folder for each variant; replaced as a whole at the end.
        history: a CSV file; see `learning.replicates.tables.write_curves`.
    """
    make_deterministic(settings.seed)
    tables = {variant: read_xor(data, variant) for variant in settings.trained_variants}
    models = {variant: build(settings, variant) for variant in tables}
    # Compiling takes most of the time, on one core. It runs in threads, since neither it nor a step holds the GIL.
    with ThreadPoolExecutor(available_cores()) as pool:
        started = {
            variant: start_networks(pool, models[variant], settings, *table) for variant, table in tables.items()
        }
        curves = {variant: future.result() for variant, future in started.items()}
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


def start_networks(
    pool: Executor, model: Any, settings: Xor, inputs: np.ndarray, labels: np.ndarray
) -> Future[dict[str, np.ndarray]]:
    """Start training the networks of a variant.

    Args:
        pool: a pool of threads.
        model: the result of `build`. It has the trained weights when the future is done.
        settings: the experiment's section of params.yaml.
        inputs: (N, 4, C) float32, every possible input.
        labels: (N, 2) float32, one-hot.

    Returns:
        A future with `loss` and `accuracy` over all inputs after each epoch of `EPOCH_STEPS` steps, (epochs, R) each.
    """
    core: Any = keras.Model(model.get_layer("replicate").output, model.output)
    rows, truth = tf.constant(inputs.reshape(len(inputs), 1, -1)), tf.constant(labels)  # (N, 1, 4 C), (N, 2)

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        (chosen,) = batch  # (4, R)
        outputs = network(tf.gather(rows[:, 0], chosen))
        return tf.reduce_sum(sum_of_squares(tf.gather(truth, chosen), outputs)), {}

    def measure(network: Network) -> dict[str, Any]:
        outputs = network(tf.repeat(rows, settings.seeds, axis=1), training=False)  # (N, R, 2)
        right = tf.argmax(outputs, -1) == tf.argmax(truth, -1)[:, None]
        return {
            "loss": sum_of_squares(truth[:, None], outputs) * (CASES / len(inputs)),
            "accuracy": tf.reduce_mean(tf.cast(right, tf.float32), axis=0),
        }

    rule = sgd(np.full(settings.steps, settings.learning_rate))
    epochs = ((epoch,) for epoch in draw_order(settings, len(inputs)))
    (future,) = start_fitting(pool, [core], [epochs], loss, rule, measure=measure, xla=True)
    return future


def sum_of_squares(labels: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Return the sum of squared errors over the examples and outputs of a batch: (B, R, 2), (B, R, 2) -> (R,)."""
    return tf.reduce_sum(tf.square(labels - outputs), axis=(0, 2))


def draw_order(settings: Xor, rows: int) -> np.ndarray:
    """Return the rows of each batch: the four cases at one random position, each with its own noise.

    Args:
        settings: the experiment's section of params.yaml; `steps`, `seeds` and `seed` determine the order.
        rows: N, the number of possible inputs.

    Returns:
        (epochs, steps, 4, R) int32.
    """
    group = rows // ((POSITIONS - 1) * CASES)
    epochs = settings.steps // EPOCH_STEPS
    order = np.empty((epochs, EPOCH_STEPS, CASES, settings.seeds), np.int32)
    for replicate in range(settings.seeds):
        rng = np.random.default_rng([(settings.seed + replicate) % 2**64, 1])
        position = rng.integers(POSITIONS - 1, size=(epochs, EPOCH_STEPS, 1))
        noise = rng.integers(group, size=(epochs, EPOCH_STEPS, CASES))
        order[..., replicate] = (position * CASES + np.arange(CASES)) * group + noise
    return order
