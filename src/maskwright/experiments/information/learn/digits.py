"""MINE between the codes of two views of a digit, with which an encoder learns without labels."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from maskwright.experiments.information.params import DigitCodes, Information
from maskwright.learning.common.determinism import layer_seed
from maskwright.learning.replicates.fitting import Arrays, Loss, Network, adam_up_and_down, in_batches, start_fitting
from maskwright.learning.views.encoders import ENCODERS, encode, together
from maskwright.learning.views.mutual_information import donsker_varadhan, statistics_network
from maskwright.learning.views.sampling import middle_views, random_views, second_views, view_margin
from maskwright.shared.datasets import DIGIT_SIDE
from maskwright.shared.settings import Views

STATISTICS = "digits_statistics"
"""The folder, next to those of the variants, of the statistics that measure the information between the codes."""


class Started(NamedTuple):
    """The training of one seed, which has been started.

    Attributes:
        encoder: view (B, V, V, 1), from 0 to 1 -> code (B, latent).
        statistic: two codes (B, latent) -> (B,).
        reported: a future with the means over each epoch's batches: "bound", the bound in nats, and "loss", (epochs,)
            each. When it is done, both networks have their trained weights.
    """

    encoder: Any
    statistic: Any
    reported: Future[dict[str, np.ndarray]]


def digit_seeds(settings: Information) -> range:
    """Return the seeds of the encoders."""
    return range(settings.seed, settings.seed + settings.digits.seeds)


def encoder(settings: DigitCodes, seed: int) -> keras.Model:
    """Return the network that is trained: a view (B, V, V, 1), from 0 to 1 -> its code (B, latent), float32."""
    side = DIGIT_SIDE - 2 * view_margin(DIGIT_SIDE)
    views = keras.Input((side, side, 1), name="views")
    features = encode(views, settings.encoder, seed)
    # The convolutions before this layer have the places from 0 on.
    initial: Any = keras.initializers.GlorotUniform(layer_seed(seed, len(ENCODERS[settings.encoder].convolutions)))
    codes = layers.Dense(settings.latent, kernel_initializer=initial, dtype="float32", name="code")(features)
    return keras.Model(views, codes, name=f"seed_{seed}")


def encoders_together(encoders: Sequence[keras.Model]) -> keras.Model:
    """Combine encoders into one: images (B, 28, 28, 1), from 0 to 1 -> codes (B, R, latent) of their middle."""
    return together(list(encoders), (DIGIT_SIDE, DIGIT_SIDE, 1), "digits")


def statistics_together(scorers: Sequence[Any]) -> keras.Model:
    """Combine statistics into one: the two codes, concatenated, (B, R, 2 latent) -> (B, R)."""
    latent = scorers[0].input_shape[0][-1]
    codes: Any = keras.Input((len(scorers), 2 * latent), name="codes")
    scores = [scorer([codes[:, row, :latent], codes[:, row, latent:]]) for row, scorer in enumerate(scorers)]
    return keras.Model(codes, keras.ops.stack(scores, axis=1), name="digits_statistics")


def start(pool: Executor, images: np.ndarray, settings: DigitCodes, seeds: range) -> list[Started]:
    """Start training the encoder and the statistic of each seed.

    Args:
        pool: a pool of threads; see `learning.replicates.fitting`.
        images: (N, 28, 28, 1) uint8.
        settings: sizes of the networks and settings of the training.
        seeds: the seeds of the networks.

    Returns:
        The training of each seed.
    """
    encoders = [encoder(settings, seed) for seed in seeds]
    scorers = [statistics_network(settings.latent, settings.hidden, seed) for seed in seeds]
    pairs: list[Any] = [_paired(one, other) for one, other in zip(encoders, scorers, strict=True)]

    def shown(seed: int) -> Iterator[Arrays]:
        for number in range(settings.epochs):
            rng = np.random.default_rng([seed % 2**64, 1, number])
            order = rng.permutation(len(images))
            drawn = random_views(len(images), DIGIT_SIDE, settings.views, rng)
            yield in_batches((images[order], *drawn), settings.batch_size)

    rule = adam_up_and_down(
        settings.learning_rate,
        settings.weight_decay,
        epochs=settings.epochs,
        examples=len(images),
        batch_size=settings.batch_size,
    )
    futures = start_fitting(pool, pairs, [shown(seed) for seed in seeds], _loss(settings.views), rule)
    return [Started(*parts) for parts in zip(encoders, scorers, futures, strict=True)]


def _paired(encoder: Any, statistic: Any) -> keras.Model:
    """Combine both networks: two views -> the statistic of their codes, and of codes of different digits."""
    views = [keras.Input(encoder.input_shape[1:]) for _ in range(2)]
    one, other = (encoder(view) for view in views)
    return keras.Model(views, [statistic([one, other]), statistic([one, keras.ops.roll(other, 1, axis=0)])])


def _loss(views: Views) -> Loss:
    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images = tf.cast(batch[0], tf.float32) / 255
        bound = donsker_varadhan(*network([middle_views(images), second_views(images, batch[1:], views)]))
        return -bound, {"bound": bound}

    return loss
