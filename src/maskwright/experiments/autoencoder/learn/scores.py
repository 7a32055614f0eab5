"""The outputs of an autoencoder, and its losses."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.experiments.autoencoder.learn.network import run

_BATCH = 250


class Coded(NamedTuple):
    """The outputs of an autoencoder for N images.

    Attributes:
        logits: (N, H, W, 1) float32; their sigmoid is the reconstruction.
        codes: (N, L) float32, the latent; its mean if the autoencoder is variational.
        divergence: (N,) float32, see `network.kl_divergence`; None if the autoencoder is not variational.
    """

    logits: np.ndarray
    codes: np.ndarray
    divergence: np.ndarray | None


def code(model: Any, images: np.ndarray) -> Coded:
    """Encode and decode images; a variational autoencoder decodes the mean of the code.

    Args:
        model: an autoencoder.
        images: (N, H, W, 1) float32 from 0 to 1.
    """
    # Run eagerly, since compiling would take longer than running.
    starts = range(0, len(images), _BATCH)
    batches = [run(model, tf.constant(images[at : at + _BATCH]), training=False) for at in starts]
    parts = [[part.numpy() for part in batch if part is not None] for batch in batches]
    logits, codes, *divergence = (np.concatenate(pieces) for pieces in zip(*parts, strict=True))
    return Coded(logits, codes, divergence[0] if divergence else None)


def losses(images: np.ndarray, coded: Coded, kl_weight: float) -> dict[str, np.ndarray]:
    """Return each image's `loss` and its parts: (N,) float64 each.

        bce           binary cross-entropy of the reconstruction, the mean over the pixels, in nats
        kl            divergence of the code's distribution from N(0, 1) in nats, see `network.kl_divergence`
        weighted_kl   kl_weight * kl
        loss          bce + weighted_kl

    The divergences follow from mean and log variance, so nothing is drawn. An autoencoder that is not variational has
    no divergence, and its loss is `bce`. An image that the training made infinite or NaN stays so.

    Args:
        images: (N, H, W, 1) from 0 to 1.
        coded: the autoencoder's outputs for these images.
        kl_weight: weight of the divergence.
    """
    logits = coded.logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # the training may have diverged
        bce = np.mean(np.logaddexp(0.0, logits) - images * logits, axis=(1, 2, 3))
    if coded.divergence is None:
        return {"loss": bce, "bce": bce}
    kl = coded.divergence.astype(np.float64)
    return {"loss": bce + kl_weight * kl, "bce": bce, "kl": kl, "weighted_kl": kl_weight * kl}
