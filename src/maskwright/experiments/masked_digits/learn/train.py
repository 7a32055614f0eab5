"""Masked digits: how does a network use a mask that was computed beforehand and is as large as the image?

    maskwright train masked_digits
    maskwright evaluate masked_digits

An image has four digits, and the mask marks the one to be named. Five ways to bring the mask into a network, and two
controls that tell it nothing, are compared with the same network on single digits.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.masked_digits.data import (
    DIGITS,
    GRID,
    GRID_CORNERS,
    PLACES,
    shifted,
    square_masks,
    training_grids,
)
from maskwright.experiments.masked_digits.learn.answers import outputs_of, read_sets, right_answers, set_of
from maskwright.experiments.masked_digits.learn.network import network, together
from maskwright.experiments.masked_digits.params import CONTROLS, SINGLE, MaskedDigits
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.replicates.fitting import (
    Arrays,
    Loss,
    Network,
    adam_up_and_down,
    in_batches,
    one_thread_an_operation,
    start_fitting,
)
from maskwright.learning.replicates.tables import write_curves
from maskwright.shared.datasets import DIGIT_CLASSES, DIGIT_SIDE, read_images
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import available_cores


def train(settings: MaskedDigits, *, data: Path, out: Path, history: Path) -> None:
    """Train every seed of every variant, and write the models and the history.

    Args:
        settings: the experiment's section of params.yaml.
        data: the folder that `maskwright generate masked_digits` wrote.
        out: the folder that gets a folder for each variant; replaced as a whole at the end.
        history: a CSV file; see `learning.replicates.tables.write_curves`.

    Raises:
        MaskwrightError: the data are missing.
    """
    digits = read_images(data / DIGITS, "train", "masked_digits")
    validation = read_sets(data, "validation")
    one_thread_an_operation()
    make_deterministic(settings.seed)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    curves: dict[str, dict[str, np.ndarray]] = {}
    with replaced_folder(out) as new, ThreadPoolExecutor(available_cores()) as pool:
        started = {}
        for variant in settings.trained_variants:
            networks: list[Any] = [network(variant, seed) for seed in seeds]
            masks = (
                np.ones((1, DIGIT_SIDE, DIGIT_SIDE), np.uint8)
                if variant == SINGLE
                else square_masks(GRID_CORNERS, GRID)
            )
            images_a_step = settings.batch_size // (1 if variant in CONTROLS else len(masks))
            epochs = [shown_epochs(variant, seed, digits, settings, images_a_step) for seed in seeds]
            rule = adam_up_and_down(
                settings.learning_rate,
                settings.weight_decay,
                epochs=settings.epochs_of(variant),
                examples=len(digits[0]) // len(masks),
                batch_size=images_a_step,
            )
            started[variant] = networks, start_fitting(pool, networks, epochs, masked_loss(masks), rule)
        for variant, (networks, futures) in started.items():
            curves[variant] = {"loss": np.stack([future.result()["loss"] for future in futures], axis=1)}
            model = together(networks, variant)
            outputs, labels = outputs_of(model, validation, set_of(variant, "grid"))
            about = {
                "experiment": "masked_digits",
                "variant": variant,
                "seeds": settings.seeds,
                "parameters_of_one": model.count_params() // settings.seeds,
                "validation_accuracy": [
                    round(float(right), 4) for right in right_answers(outputs, labels).mean(axis=0)
                ],
            }
            save_model(model, about, new / variant)
    write_curves(history, curves)


def shown_epochs(
    variant: str, seed: int, digits: tuple[np.ndarray, np.ndarray], settings: MaskedDigits, batch_size: int
) -> Iterator[Arrays]:
    """Yield a network's training data for each epoch. All variants of a seed see the same grids.

    The labels are shares of the classes, (steps, B, M, classes): one-hot for each of the four masks of a grid, or for
    a single digit. In the controls the label may be any of the four digits, and each has an equal share, so that a
    network learns from every label at once; M is 1. `random` also gets the number of the quarter that its mask marks,
    (steps, B) int32.

    Args:
        variant: the name of the variant.
        seed: seed of the network.
        digits: images (N, 28, 28) uint8 and labels (N,).
        settings: the number of epochs, and the largest shift of the digits.
        batch_size: B, the number of images in a step.
    """
    (images, labels), shift = digits, settings.shift
    one_hot = np.eye(DIGIT_CLASSES, dtype=np.float32)

    for number in range(settings.epochs_of(variant)):
        rng = np.random.default_rng([seed % 2**64, 1, number])
        if variant == SINGLE:
            order = rng.permutation(len(images))
            yield in_batches((shifted(images[order], shift, rng), one_hot[labels[order]][:, None]), batch_size)
            continue
        grids, quarters = training_grids(images, labels, shift, rng)
        targets = one_hot[quarters]  # (N, 4, 10)
        if variant in CONTROLS:
            targets = targets.mean(axis=1, keepdims=True)
        marked = (rng.integers(0, PLACES, len(grids), np.int32),) if variant == "random" else ()
        yield in_batches((grids, targets, *marked), batch_size)


def masked_loss(masks: np.ndarray) -> Loss:
    """Return the loss: the cross-entropy of a network's answers to images.

    Args:
        masks: (M, H, W). Each image is shown with every mask. If a step has not only images and targets but also a
            number for each image, the image is shown with the mask of that number.
    """
    all_masks = tf.constant(masks[None, ..., None], tf.float32)  # (1, M, H, W, 1)

    def loss(network: Network, batch: tuple[Any, ...]) -> tuple[Any, dict[str, Any]]:
        images, targets, *marked = batch
        shown = tf.gather(all_masks[0], marked[0])[:, None] if marked else all_masks
        logits = network([(tf.cast(images, tf.float32) * (1 / 255))[:, None, ..., None], shown])
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(targets, logits)), {}

    return loss
