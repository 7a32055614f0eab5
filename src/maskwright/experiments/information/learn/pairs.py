"""MINE on pairs of numbers with known mutual information: Gaussian ones, and a parabola with noise."""

import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from maskwright.experiments.information.params import PARABOLA, Information
from maskwright.learning.replicates.fitting import Arrays, Network, adam, start_fitting
from maskwright.learning.replicates.layers import ReplicatedDense
from maskwright.learning.views.mutual_information import donsker_varadhan

_MEASURED = 1000
"""The number of pairs on which the bound is measured after each epoch."""


class Fitted(NamedTuple):
    """The trained statistics of one variant.

    Attributes:
        model: pairs (B, R, 2) -> (B, R), for R seeds.
        bounds: the bound on held-out pairs after each epoch, (epochs, R), in nats.
    """

    model: keras.Model
    bounds: np.ndarray


def statistics(settings: Information, variants: int = 1) -> keras.Model:
    """Return the statistics of all seeds, in turn for each of the variants: pairs (B, R, 2) -> (B, R).

    T(x, y) = w · ReLU(a x + b + a' y + b') + c with `hidden` units, as in the book's code.
    """
    seeds = [*range(settings.seed, settings.seed + settings.seeds)] * variants
    pairs: Any = keras.Input((len(seeds), 2), name="pairs")
    both = layers.Add(name="sum")(
        [
            ReplicatedDense(settings.hidden, seeds, name="of_x")(pairs[..., :1]),
            ReplicatedDense(settings.hidden, seeds, name="of_y")(pairs[..., 1:]),
        ]
    )
    scores = ReplicatedDense(1, seeds, name="statistic")(layers.ReLU(name="relu")(both))
    return keras.Model(pairs, scores[..., 0], name="statistics")


def drawn_pairs(variant: str, settings: Information) -> tuple[np.ndarray, np.ndarray]:
    """Draw for each seed the pairs for training, and the same number for measuring: (R, N, 2) float32 each.

    x and n are standard normal. With the correlation r of a Gaussian variant, y = r x + sqrt(1 - r^2) n. For the
    parabola, y = x^2 + s n, where s is `parabola_noise`.
    """
    # Gaussian pairs depend on the correlation, whatever their variant's name.
    key = PARABOLA if variant == PARABOLA else repr(settings.gaussians[variant])
    pairs = np.empty((settings.seeds, settings.pairs, 2), np.float32)
    for row, seed in enumerate(range(settings.seed, settings.seed + settings.seeds)):
        rng = np.random.default_rng([seed % 2**64, zlib.crc32(key.encode())])
        x, noise = rng.normal(size=(2, settings.pairs))
        if variant == PARABOLA:
            y = x**2 + settings.parabola_noise * noise
        else:
            correlation = settings.gaussians[variant]
            y = correlation * x + np.sqrt(1 - correlation**2) * noise
        pairs[row] = np.stack([x, y], axis=1)
    half = settings.pairs // 2
    return pairs[:, :half], pairs[:, half:]


def fit_statistics(settings: Information) -> dict[str, Fitted]:
    """Train the statistics of all seeds and variants of pairs together, and return the result for each variant."""
    variants = settings.pair_variants
    drawn = [drawn_pairs(variant, settings) for variant in variants]
    training, held_out = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    model = statistics(settings, len(variants))
    pairs = tf.constant(held_out[:, :_MEASURED].transpose(1, 0, 2))
    apart = shifted(pairs, 1)

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        joint, independent = batch  # (B, R, 2) each
        return -tf.reduce_sum(donsker_varadhan(network(joint), network(independent))), {}

    def measure(network: Network) -> dict[str, Any]:
        return {"bound": donsker_varadhan(network(pairs, training=False), network(apart, training=False))}

    steps = settings.epochs * (training.shape[1] // settings.batch_size)
    falling = settings.learning_rate * (1 + np.cos(np.pi * np.arange(steps) / steps)) / 2
    with ThreadPoolExecutor(1) as pool:
        (reported,) = start_fitting(
            pool,
            [model],
            [_batches(training, settings)],
            loss,
            adam(falling, beta_2=0.99),
            measure=measure,
            xla=True,
        )
        bounds = reported.result()["bound"]
    fitted = {}
    for number, variant in enumerate(variants):
        rows = slice(number * settings.seeds, (number + 1) * settings.seeds)
        one = statistics(settings)
        one.set_weights([weight[rows] for weight in model.get_weights()])
        fitted[variant] = Fitted(one, bounds[:, rows])
    return fitted


def _batches(training: np.ndarray, settings: Information) -> Iterator[Arrays]:
    """Yield for each epoch (steps, B, R, 2) twice: the pairs, and the pairs with y from the previous pair."""
    steps = training.shape[1] // settings.batch_size
    seeds = range(settings.seed, settings.seed + settings.seeds)
    for epoch in range(settings.epochs):
        orders = [np.random.default_rng([seed % 2**64, 1, epoch]).permutation(training.shape[1]) for seed in seeds]
        rows = np.tile(np.stack(orders)[:, : steps * settings.batch_size], (len(settings.pair_variants), 1))
        pairs = np.take_along_axis(training, rows[..., None], axis=1)
        pairs = pairs.reshape(len(rows), steps, settings.batch_size, 2).transpose(1, 2, 0, 3)  # (steps, B, R, 2)
        apart = np.stack([pairs[..., 0], np.roll(pairs[..., 1], 1, axis=1)], axis=-1)
        yield pairs, apart


def shifted(pairs: Any, shifts: int) -> tf.Tensor:
    """Return pairs of x and a y that is independent of it: (N, R, 2) -> (shifts N, R, 2).

    y is shifted by 1, 2, ... places relative to x.
    """
    moved = [tf.stack([pairs[..., 0], tf.roll(pairs[..., 1], k, axis=0)], axis=-1) for k in range(1, shifts + 1)]
    return tf.concat(moved, axis=0)
