"""The autoencoder's training and its measures.

A loop of its own in place of Keras's `fit`: much of a short training is the making of graphs, and this makes only
that of a step.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from scipy.special import expit

from maskwright.nn.dense_coder import kl_divergence
from maskwright.nn.fused_adam import FusedAdam
from maskwright.nn.schedules import learning_rate
from maskwright.params import Autoencoder

_EVALUATION_BATCH = 250


class Coded(NamedTuple):
    """What an autoencoder makes of N images.

    Attributes:
        logits: (N, H, W, 1) float32; their sigmoid is the reconstruction.
        codes: (N, L) float32, the latent; of a variational one its mean.
        divergence: (N,) float32, `dense_coder.kl_divergence`; None where it is not variational.
    """

    logits: np.ndarray
    codes: np.ndarray
    divergence: np.ndarray | None


def steps_per_epoch(params: Autoencoder, images: int) -> int:
    """Return how many batches an epoch has."""
    return -(-images // params.batch_size)


def compile_model(model: Any, params: Autoencoder, images: int) -> None:
    """Give the model its optimizer, with the learning rates for so many training images."""
    optimizer = FusedAdam(learning_rate(params, steps_per_epoch(params, images)))
    optimizer.build(model.trainable_variables)
    model.compile(optimizer=optimizer)


def fit(
    model: Any,
    images: np.ndarray,
    params: Autoencoder,
    *,
    start: int = 0,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> None:
    """Train a compiled model from epoch `start` to the last.

    The loss is the binary cross-entropy, mean over pixels, plus `kl_weight` times the divergence, mean over images.

    Args:
        model: an autoencoder; changed.
        images: (N, H, W, 1) float32 from 0 to 1.
        params: epochs, batch size, weight of the divergence and seed.
        start: the first epoch to run, from 0; those before must have been run.
        callbacks: are told when training begins, batches and epochs end.
    """
    steps = steps_per_epoch(params, len(images))
    step = _training_step(model, images, params.kl_weight)
    callbacks = list(callbacks)
    for callback in callbacks:
        callback.set_model(model)
        callback.on_train_begin()
    for epoch in range(start, params.epochs):
        # A function of seed and epoch, so that a training can go on in the middle.
        order = np.random.default_rng([params.seed % 2**64, epoch]).permutation(len(images)).astype(np.int32)
        losses = []
        # In equal parts: of a rest of one image batch norm would make nothing but zeros.
        for number, rows in enumerate(np.array_split(order, steps)):
            losses.append(step(tf.constant(rows)))
            for callback in callbacks:
                callback.on_train_batch_end(number)
        loss = float(np.mean([value.numpy() for value in losses]))
        for callback in callbacks:
            callback.on_epoch_end(epoch, {"loss": loss})


def _training_step(model: Any, images: np.ndarray, kl_weight: float) -> Callable[[tf.Tensor], tf.Tensor]:
    variables = model.trainable_variables
    everything = tf.constant(images)

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32)], autograph=False)
    def step(rows: tf.Tensor) -> tf.Tensor:
        batch: Any = tf.gather(everything, rows)
        with tf.GradientTape() as tape:
            logits, _, divergence = _apply(model, batch, training=True)
            loss: Any = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(batch, logits))
            if divergence is not None:
                loss += kl_weight * tf.reduce_mean(divergence)
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return step


def _apply(model: Any, batch: Any, *, training: bool) -> tuple[Any, Any, Any]:
    """Return logits, codes and, of a variational autoencoder, the divergences."""
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    encoded = encoder(batch, training=training)
    if not isinstance(encoded, list):
        return decoder(encoded, training=training), encoded, None
    code = model.get_layer("sampling")(encoded, training=training)
    return decoder(code, training=training), encoded[0], kl_divergence(*encoded)


def code(model: Any, images: np.ndarray) -> Coded:
    """Encode and decode (N, H, W, 1) images, of a variational autoencoder with the mean of the code."""
    # Operation by operation: to compile it takes longer than to run it.
    starts = range(0, len(images), _EVALUATION_BATCH)
    batches = [_apply(model, tf.constant(images[at : at + _EVALUATION_BATCH]), training=False) for at in starts]
    parts = [[part.numpy() for part in batch if part is not None] for batch in batches]
    logits, codes, *divergence = (np.concatenate(pieces) for pieces in zip(*parts, strict=True))
    return Coded(logits, codes, divergence[0] if divergence else None)


def losses(images: np.ndarray, coded: Coded, kl_weight: float) -> dict[str, float]:
    """Return `loss`, and its parts: `bce`, binary cross-entropy of a pixel in nats, and `kl`, divergence of an image.

    loss = bce + kl_weight * kl; `kl` is there, and counts, for a variational autoencoder only.
    """
    logits = coded.logits.astype(np.float64)
    with np.errstate(invalid="ignore"):  # of a training that diverged
        bce = float(np.mean(np.logaddexp(0.0, logits) - images * logits))
    if coded.divergence is None:
        return {"loss": bce, "bce": bce}
    kl = float(np.mean(coded.divergence, dtype=np.float64))
    return {"loss": bce + kl_weight * kl, "bce": bce, "kl": kl}


def similarity(images: np.ndarray, reconstructions: np.ndarray) -> dict[str, float]:
    """Return `mse`, the mean squared error of a pixel, and `ssim`, the mean structural similarity of an image.

    SSIM as Wang et al. 2004 (https://doi.org/10.1109/TIP.2003.819861) define it, with their Gaussian window of 11
    pixels (sigma 1.5) and constants 0.01 and 0.03; 1 for equal images, about 0 where they have nothing in common. By
    `tf.image.ssim`: it takes all images at once, and agrees with scikit-image's function, given these settings, which
    does not.

    Args:
        images: (N, H, W, 1) float32 from 0 to 1, at least 11 pixels on each side.
        reconstructions: the same.
    """
    error = np.mean(np.square(images.astype(np.float64) - reconstructions))
    ssim: Any = tf.image.ssim(tf.constant(images), tf.constant(reconstructions), max_val=1.0)
    return {"mse": float(error), "ssim": float(np.mean(ssim.numpy(), dtype=np.float64))}


def scores(images: np.ndarray, coded: Coded, kl_weight: float) -> dict[str, float]:
    """Return the numbers of `losses` and `similarity`."""
    return {**losses(images, coded, kl_weight), **similarity(images, expit(coded.logits))}


def mean_image_scores(training: np.ndarray, images: np.ndarray) -> dict[str, float]:
    """Return `bce`, `mse` and `ssim` of the control: the same image for all, the mean of the training images.

    Args:
        training: (M, H, W, 1) from 0 to 1.
        images: (N, H, W, 1) from 0 to 1, those to score.
    """
    # With half an image of each kind added, or a pixel that is black in all of them would cost infinitely much.
    mean = (training.sum(axis=0, dtype=np.float64) + 0.5) / (len(training) + 1)
    bce = -np.mean(images * np.log(mean) + (1 - images) * np.log(1 - mean))
    same = np.broadcast_to(mean.astype(np.float32), images.shape)
    return {"bce": float(bce), **similarity(images, same)}
