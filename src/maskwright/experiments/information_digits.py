"""MINE between the encodings of two views of a digit: an encoder that learns without labels."""

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from maskwright.data.idx import SIDE
from maskwright.data.views import middle_views, random_views, sample_views, view_margin
from maskwright.nn.determinism import layer_seed
from maskwright.nn.encoders import ENCODERS, encode, together
from maskwright.nn.fitting import Arrays, Recipe, start_fitting
from maskwright.nn.mutual_information import donsker_varadhan, statistics_network
from maskwright.params_digits import DigitCodes

SHIFTS = 5
"""Each code is set beside so many others of different digits, to measure with."""

_BATCH = 500


def encoder(settings: DigitCodes, seed: int) -> keras.Model:
    """Return the network that is trained: a view (B, V, V, 1), from 0 to 1 -> its code (B, latent), float32."""
    side = SIDE - 2 * view_margin(SIDE)
    views = keras.Input((side, side, 1), name="views")
    features = encode(views, settings.encoder, seed)
    # The convolutions before it have the places from 0 on.
    initial: Any = keras.initializers.GlorotUniform(layer_seed(seed, len(ENCODERS[settings.encoder].convolutions)))
    codes = layers.Dense(settings.latent, kernel_initializer=initial, dtype="float32", name="code")(features)
    return keras.Model(views, codes, name=f"seed_{seed}")


def untrained(settings: DigitCodes, seeds: range) -> keras.Model:
    """Return the encoders of all seeds as they begin, see `encoders_together`."""
    return encoders_together([encoder(settings, seed) for seed in seeds])


def encoders_together(encoders: Sequence[keras.Model]) -> keras.Model:
    """Return encoders as one: images (B, 28, 28, 1), from 0 to 1 -> codes (B, R, latent) of their middle."""
    return together(list(encoders), (SIDE, SIDE, 1), "digits")


def statistics_together(scorers: Sequence[Any]) -> keras.Model:
    """Return statistics as one: both codes, one behind the other, (B, R, 2 latent) -> (B, R)."""
    latent = scorers[0].input_shape[0][-1]
    codes: Any = keras.Input((len(scorers), 2 * latent), name="codes")
    scores = [scorer([codes[:, row, :latent], codes[:, row, latent:]]) for row, scorer in enumerate(scorers)]
    return keras.Model(codes, keras.ops.stack(scores, axis=1), name="digits_statistics")


def start(
    pool: Executor, images: np.ndarray, settings: DigitCodes, seeds: range
) -> list[tuple[keras.Model, keras.Model, Future[dict[str, np.ndarray]]]]:
    """Begin to train the encoder and the statistic of each seed.

    Args:
        pool: of threads, see `nn.fitting`.
        images: (N, 28, 28, 1) uint8.
        settings: sizes and training.
        seeds: of the networks.

    Returns:
        For each seed the encoder, the statistic, and the future of the bound in each epoch's batches, in nats, under
        "bound", (epochs,).
    """
    encoders = [encoder(settings, seed) for seed in seeds]
    scorers = [statistics_network(settings.latent, settings.hidden, seed) for seed in seeds]
    pairs: list[Any] = [_paired(one, other) for one, other in zip(encoders, scorers, strict=True)]

    def shown(seed: int) -> Any:
        def epoch(number: int) -> Arrays:
            rng = np.random.default_rng([seed % 2**64, 1, number])
            return images[rng.permutation(len(images))], random_views(len(images), SIDE, rng)

        return epoch

    recipe = Recipe(settings.epochs, settings.batch_size, settings.learning_rate, settings.weight_decay)
    futures = start_fitting(pool, pairs, [shown(seed) for seed in seeds], _loss, recipe)
    return list(zip(encoders, scorers, futures, strict=True))


def _paired(encoder: Any, statistic: Any) -> keras.Model:
    """Return the network of both: two views -> the statistic of their codes, and of codes of different digits."""
    views = [keras.Input(encoder.input_shape[1:]) for _ in range(2)]
    one, other = (encoder(view) for view in views)
    return keras.Model(views, [statistic([one, other]), statistic([one, keras.ops.roll(other, 1, axis=0)])])


def _loss(forward: Any, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
    images = tf.cast(batch[0], tf.float32) / 255
    bound = donsker_varadhan(*forward([middle_views(images), sample_views(images, batch[1])]))
    return -bound, {"bound": bound}


def codes_of(model: Any, images: np.ndarray) -> np.ndarray:
    """Return the codes of the middle of images: (N, 28, 28, 1) uint8 -> (N, R, latent)."""
    batches = (images[at : at + _BATCH].astype(np.float32) / 255 for at in range(0, len(images), _BATCH))
    return np.concatenate([model(batch, training=False) for batch in batches])


def held_out_bounds(encoders: Any, statistics: Any, images: np.ndarray, seed: int) -> np.ndarray:
    """Return the bound for images that were not trained on, with one random second view of each.

    Args:
        encoders: images (N, 28, 28, 1), from 0 to 1 -> codes (N, R, latent).
        statistics: both codes (N, R, 2 latent) -> (N, R).
        images: (N, 28, 28, 1) uint8.
        seed: of the views.

    Returns:
        (R,), in nats.
    """
    pixels = tf.constant(images, tf.float32) / 255
    views = sample_views(pixels, random_views(len(images), SIDE, np.random.default_rng([seed % 2**64, 2])))
    edge = [view_margin(SIDE)] * 2
    # The encoders take whole images and look at their middle.
    first, second = (encoders(part, training=False) for part in (pixels, tf.pad(views, [[0, 0], edge, edge, [0, 0]])))
    # The first score is of codes that belong together, the others of codes that do not.
    scores = [statistics(tf.concat([first, tf.roll(second, k, axis=0)], axis=-1)) for k in range(SHIFTS + 1)]
    return np.asarray(donsker_varadhan(scores[0], tf.concat(scores[1:], axis=0)))
