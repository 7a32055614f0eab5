"""The similarity of images and their reconstructions, and a control."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.special import expit

from maskwright.experiments.autoencoder.learn.scores import Coded, losses


def scores(images: np.ndarray, coded: Coded, kl_weight: float) -> dict[str, np.ndarray]:
    """Return the results of `losses` and `similarity` for each image; the arguments are those of `losses`."""
    return {**losses(images, coded, kl_weight), **similarity(images, expit(coded.logits))}


def means(values: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Return the mean of each measure over the images: (N,) each."""
    return {name: float(np.mean(each)) for name, each in values.items()}


def similarity(images: np.ndarray, reconstructions: np.ndarray) -> dict[str, np.ndarray]:
    """Return each image's `mse`, the mean squared error of a pixel, and `ssim`, structural similarity: (N,) float64.

    SSIM follows Wang et al. 2004 (https://doi.org/10.1109/TIP.2003.819861), with their Gaussian window of 11 pixels
    (sigma 1.5) and constants 0.01 and 0.03. It is 1 for equal images, and about 0 for images that have nothing in
    common. `tf.image.ssim` takes all images at once. scikit-image's function takes one at a time, and agrees with it
    given these settings.

    Args:
        images: (N, H, W, 1) float32 from 0 to 1, at least 11 pixels on each side.
        reconstructions: images of the same shape.
    """
    errors = np.mean(np.square(images.astype(np.float64) - reconstructions), axis=(1, 2, 3))
    ssim: Any = tf.image.ssim(tf.constant(images), tf.constant(reconstructions), max_val=1.0)
    return {"mse": errors, "ssim": ssim.numpy().astype(np.float64)}


def mean_image_scores(training: np.ndarray, images: np.ndarray) -> dict[str, float]:
    """Return `bce`, `mse` and `ssim` of the control, which reconstructs every image as the mean training image.

    Args:
        training: (M, H, W, 1) from 0 to 1.
        images: (N, H, W, 1) from 0 to 1, the images to score.
    """
    # Half a black and half a white image are added, since a pixel that is black in all could have an infinite loss.
    mean = (training.sum(axis=0, dtype=np.float64) + 0.5) / (len(training) + 1)
    bce = -np.mean(images * np.log(mean) + (1 - images) * np.log(1 - mean))
    same = np.broadcast_to(mean.astype(np.float32), images.shape)
    return {"bce": float(bce), **means(similarity(images, same))}
