"""Estimates of mutual information from held-out data, for pairs of numbers and for codes of digits."""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.special import logsumexp
from sklearn.feature_selection import mutual_info_regression

from maskwright.experiments.information.learn.pairs import drawn_pairs, shifted
from maskwright.experiments.information.params import Information
from maskwright.learning.views.information import quantile_bins, sample_information
from maskwright.learning.views.mutual_information import donsker_varadhan
from maskwright.learning.views.sampling import random_views, second_views, view_margin
from maskwright.shared.datasets import DIGIT_SIDE
from maskwright.shared.settings import Views

SHIFTS = 5
"""N pairs give N times this many independent pairs: y is shifted by 1, 2, ... places relative to x."""

_BATCH = 5000


def pair_estimates(model: keras.Model, variant: str, settings: Information) -> dict[str, np.ndarray]:
    """Estimate the mutual information of a variant's pairs in three ways, in nats, and their correlation.

    Args:
        model: the trained statistics: pairs (B, R, 2) -> (B, R).
        variant: one of `pair_variants`.
        settings: the experiment's section of params.yaml.

    Returns:
        For each of the seeds, (R,):

        - `mine`: the trained statistic's bound on held-out pairs;
        - `binned`: the estimate from both variables in `bins` quantile bins each, with Miller and Madow's correction;
        - `nearest`: the estimate from the distances to the `neighbours` nearest pairs (Kraskov, Stoegbauer,
          Grassberger 2004, doi:10.1103/PhysRevE.69.066138), computed by scikit-learn; it is never below 0;
        - `correlation`: Pearson's, which is no estimate of information but what one might look at instead.

        The last three use all pairs.
    """
    training, held_out = drawn_pairs(variant, settings)
    joint = tf.constant(held_out.transpose(1, 0, 2))
    scores = [_scores(model, pairs) for pairs in (joint, shifted(joint, SHIFTS))]
    bounds = np.asarray(donsker_varadhan(*scores))
    binned, nearest, correlation = [], [], []
    for pairs in np.concatenate([training, held_out], axis=1).astype(float):
        x, y = (quantile_bins(column, settings.bins) for column in pairs.T)
        binned.append(sample_information(x, y, miller_madow=True).mutual)
        nearest.append(
            mutual_info_regression(pairs[:, :1], pairs[:, 1], n_neighbors=settings.neighbours, random_state=0)[0]
        )
        correlation.append(np.corrcoef(pairs.T)[0, 1])
    estimates = {"mine": bounds, "binned": binned, "nearest": nearest, "correlation": correlation}
    return {name: np.array(values) for name, values in estimates.items()}


def _scores(model: keras.Model, pairs: tf.Tensor) -> tf.Tensor:
    batches = range(0, len(pairs), _BATCH)
    return tf.concat([model(pairs[at : at + _BATCH], training=False) for at in batches], axis=0)


class Scores(NamedTuple):
    """What MINE's bound on N held-out images is made of, for R seeds.

    Attributes:
        together: (N, R), the statistic of the codes of both views of each image.
        apart: (N, R), the log of the mean over some other images of exp of the statistic of an image's first code and
            another one's second.
    """

    together: np.ndarray
    apart: np.ndarray

    def bounds(self, chosen: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return MINE's bound on the chosen images for each seed, (R,), in nats."""
        apart = self.apart[chosen]
        return self.together[chosen].mean(axis=0) - logsumexp(apart, axis=0) + np.log(len(apart))


def held_out_scores(encoders: Any, statistics: Any, images: np.ndarray, views: Views, seed: int) -> Scores:
    """Return the scores of held-out images, with one random second view of each.

    Args:
        encoders: images (N, 28, 28, 1), from 0 to 1 -> codes (N, R, latent).
        statistics: both codes (N, R, 2 latent) -> (N, R).
        images: (N, 28, 28, 1) uint8.
        views: how the second views are distorted.
        seed: seed of the views.
    """
    pixels = tf.constant(images, tf.float32) / 255
    drawn = random_views(len(images), DIGIT_SIDE, views, np.random.default_rng([seed % 2**64, 2]))
    second = second_views(pixels, drawn, views)
    edge = [view_margin(DIGIT_SIDE)] * 2
    # The encoders take whole images and encode their middle.
    codes = [encoders(part, training=False) for part in (pixels, tf.pad(second, [[0, 0], edge, edge, [0, 0]]))]
    # The first scores are for codes that belong together, the others for codes that do not.
    scores = [statistics(tf.concat([codes[0], tf.roll(codes[1], k, axis=0)], axis=-1)) for k in range(SHIFTS + 1)]
    together, *others = np.asarray(tf.stack(scores), float)
    return Scores(together, logsumexp(others, axis=0) - np.log(SHIFTS))
