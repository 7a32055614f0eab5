"""Five small networks that train side by side: by our own steps, which share one graph, and by Keras's optimizer.

    python benchmarks/fitting.py [--data DATA] [--epochs N] [--rounds N]

DATA is the folder `data` of a project in which `dvc repro conditional` has run. Both ways train the networks of the
conditional experiment's soft gate, from the same weights, on the same batches, with Adam and decoupled weight decay
at the same learning rates. Keras's optimizers change variables, so each network needs a graph of its own there. Both
take turns in one process. All of it is timed, because a training of a few seconds is mostly the making of graphs.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.conditional.data import read_class_names, read_hierarchy
from maskwright.experiments.conditional.learn.examples import shown_images
from maskwright.experiments.conditional.learn.losses import two_level_loss
from maskwright.experiments.conditional.learn.variants import one_network, sizes
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.replicates.fitting import (
    Arrays,
    Loss,
    adam_up_and_down,
    one_thread_an_operation,
    start_fitting,
    triangular,
)
from maskwright.params import load_params
from maskwright.shared.parallel import available_cores
from maskwright.shared.processor import this_processor


def fit_with_keras(
    network: Any, epochs: Iterable[Arrays], loss: Loss, rates: np.ndarray, weight_decay: float
) -> float:
    """Train one network with Keras's AdamW in a compiled loop of its own, and return the last epoch's loss."""
    optimizer: Any = keras.optimizers.AdamW(float(rates[0]), weight_decay=weight_decay, beta_2=0.99)
    variables = network.trainable_variables
    trained: Any = partial(network, training=True)
    optimizer.exclude_from_weight_decay(var_list=[v for v in variables if len(v.shape) < 2])
    optimizer.build(variables)

    @tf.function
    def run(arrays: tuple[tf.Tensor, ...], rates: tf.Tensor) -> tf.Tensor:
        total = tf.zeros(())
        for index in tf.range(tf.shape(rates)[0]):
            optimizer.learning_rate.assign(rates[index])
            with tf.GradientTape() as tape:
                value, _ = loss(trained, tuple(a[index] for a in arrays))
            optimizer.apply(tape.gradient(value, variables), variables)
            total += value
        return total / tf.cast(tf.shape(rates)[0], total.dtype)

    done, value = 0, float("nan")
    for arrays in epochs:
        part = rates[done : done + len(arrays[0])]
        done += len(part)
        value = float(run(tuple(map(tf.constant, arrays)), tf.constant(part)))
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks side by side, by our own steps and by Keras's optimizer.")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    one_thread_an_operation()
    settings = load_params().section("conditional").model_copy(update={"epochs": options.epochs})
    training = read_hierarchy(options.data / "conditional", "train", settings.second)
    names = read_class_names(options.data / "conditional", settings.second)
    classes = len(names.coarse), len(names.fine)
    shape = sizes(settings, training.images.shape[1], training.images.shape[3], classes[0])
    loss = two_level_loss("soft", classes, settings.loss_weights)
    shown = shown_images(training, settings)
    steps = options.epochs * (len(training.images) // settings.batch_size)
    rates = triangular(settings.learning_rate, steps)

    def networks() -> list[Any]:
        make_deterministic(0)
        return [one_network(settings, "soft", shape, classes, seed) for seed in range(settings.seeds)]

    def ours() -> list[float]:
        made = networks()
        rule = adam_up_and_down(
            settings.learning_rate,
            settings.weight_decay,
            epochs=options.epochs,
            examples=len(training.images),
            batch_size=settings.batch_size,
        )
        with ThreadPoolExecutor(available_cores()) as pool:
            started = start_fitting(pool, made, [shown(seed) for seed in range(len(made))], loss, rule)
            return [float(future.result()["loss"][-1]) for future in started]

    def keras_s() -> list[float]:
        with ThreadPoolExecutor(available_cores()) as pool:
            jobs = [
                pool.submit(fit_with_keras, made, shown(seed), loss, rates, settings.weight_decay)
                for seed, made in enumerate(networks())
            ]
            return [job.result() for job in jobs]

    ways: dict[str, Callable[[], list[float]]] = {"ours": ours, "Keras": keras_s}
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    print(f"{this_processor()}; {settings.seeds} networks, {options.epochs} epochs")
    for number in range(options.rounds + 1):
        for way, run in ways.items():
            began = time.perf_counter()
            losses = run()
            if number:
                seconds[way].append(time.perf_counter() - began)
            else:
                print(f"{way:6} last losses {' '.join(f'{value:.4f}' for value in losses)}")
    ratios = [keras_time / our_time for our_time, keras_time in zip(*seconds.values(), strict=True)]
    for way, times in seconds.items():
        print(f"{way:6} median {statistics.median(times):.1f} s")
    print(f"Keras / ours {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
