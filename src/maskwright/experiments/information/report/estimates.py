"""Estimates of mutual information from held-out data, for pairs of Gaussian numbers and for codes of digits."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from sklearn.feature_selection import mutual_info_regression

from maskwright.experiments.information.learn.gaussian import gaussian_pairs, shifted
from maskwright.experiments.information.params import Information
from maskwright.learning.views.information import quantile_bins, sample_information
from maskwright.learning.views.mutual_information import donsker_varadhan
from maskwright.learning.views.sampling import random_views, sample_views, view_margin
from maskwright.shared.datasets import DIGIT_SIDE

SHIFTS = 5
"""N pairs give N times this many independent pairs: y is shifted by 1, 2, ... places relative to x."""

_BATCH = 5000


def gaussian_estimates(model: keras.Model, correlation: float, settings: Information) -> dict[str, np.ndarray]:
    """Estimate the mutual information of Gaussian pairs in three ways, in nats.

    Args:
        model: the trained statistics: pairs (B, R, 2) -> (B, R).
        correlation: correlation of the pairs.
        settings: the experiment's section of params.yaml.

    Returns:
        For each of the seeds, (R,):

        - `mine`: the trained statistic's bound on held-out pairs;
        - `binned`: the estimate from both variables in `bins` quantile bins each, with Miller and Madow's correction;
        - `nearest`: the estimate from the distances to the `neighbours` nearest pairs (Kraskov, Stoegbauer,
          Grassberger 2004, doi:10.1103/PhysRevE.69.066138), computed by scikit-learn; it is never below 0.

        The last two use all pairs.
    """
    training, held_out = gaussian_pairs(correlation, settings)
    joint = tf.constant(held_out.transpose(1, 0, 2))
    scores = [_scores(model, pairs) for pairs in (joint, shifted(joint, SHIFTS))]
    bounds = np.asarray(donsker_varadhan(*scores))
    binned, nearest = [], []
    for pairs in np.concatenate([training, held_out], axis=1).astype(float):
        x, y = (quantile_bins(column, settings.bins) for column in pairs.T)
        binned.append(sample_information(x, y, miller_madow=True).mutual)
        nearest.append(
            mutual_info_regression(pairs[:, :1], pairs[:, 1], n_neighbors=settings.neighbours, random_state=0)[0]
        )
    return {"mine": bounds, "binned": np.array(binned), "nearest": np.array(nearest)}


def _scores(model: keras.Model, pairs: tf.Tensor) -> tf.Tensor:
    batches = range(0, len(pairs), _BATCH)
    return tf.concat([model(pairs[at : at + _BATCH], training=False) for at in batches], axis=0)


def held_out_bounds(encoders: Any, statistics: Any, images: np.ndarray, seed: int) -> np.ndarray:
    """Return MINE's bound on held-out images, with one random second view of each.

    Args:
        encoders: images (N, 28, 28, 1), from 0 to 1 -> codes (N, R, latent).
        statistics: both codes (N, R, 2 latent) -> (N, R).
        images: (N, 28, 28, 1) uint8.
        seed: seed of the views.

    Returns:
        (R,), in nats.
    """
    pixels = tf.constant(images, tf.float32) / 255
    views = sample_views(pixels, random_views(len(images), DIGIT_SIDE, np.random.default_rng([seed % 2**64, 2])))
    edge = [view_margin(DIGIT_SIDE)] * 2
    # The encoders take whole images and encode their middle.
    first, second = (encoders(part, training=False) for part in (pixels, tf.pad(views, [[0, 0], edge, edge, [0, 0]])))
    # The first scores are for codes that belong together, the others for codes that do not.
    scores = [statistics(tf.concat([first, tf.roll(second, k, axis=0)], axis=-1)) for k in range(SHIFTS + 1)]
    return np.asarray(donsker_varadhan(scores[0], tf.concat(scores[1:], axis=0)))
