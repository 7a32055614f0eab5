"""Segmentation: which class does each pixel of a photograph belong to?

    maskwright train segmentation
    maskwright evaluate segmentation
    maskwright predict segmentation photos

The published network is the preset `resnet56v2-fcn`. On its author's 50 test photographs of drinks, the best of 100
epochs reached mIoU 0.91 and the best pixel accuracy was 97.9 %. Both are means over the photographs, see
`report.metrics.per_image`, and the best epoch was chosen on these photographs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.segmentation.learn.batches import (
    LabelledImages,
    labelled_batches,
    load_images,
    plain_batches,
)
from maskwright.experiments.segmentation.learn.confusion import class_scores, confusion_matrix
from maskwright.experiments.segmentation.learn.losses import class_weights, segmentation_loss
from maskwright.experiments.segmentation.learn.network import build
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.single.checkpoint import remove_checkpoint
from maskwright.learning.single.table import write_epochs
from maskwright.learning.single.training import Fit, accelerators, keras_fit, optimizer, strategy, train_epochs
from maskwright.photos.backbones import backbone_variables
from maskwright.photos.batches import steps_per_epoch
from maskwright.photos.images import IGNORE
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import INDEX, read_classes, read_split
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import LogEpoch


def train(
    settings: Segmentation, *, data: Path, out: Path, history: Path, checkpoint: Path, log_epoch: LogEpoch
) -> None:
    """Train, choose the best epoch by validation mIoU, and write the model and its history.

    A training that was killed resumes after its last finished epoch, and ends with the same weights as if it had not
    been killed.

    Args:
        settings: the section `segmentation` of params.yaml.
        data: the folder that `maskwright masks` wrote.
        out: the model's folder, written as a whole at the end.
        history: a CSV file with a row for each epoch.
        checkpoint: a folder that survives a kill; deleted when the training has ended.
        log_epoch: called with each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the data or a setting is not usable, or the loss stopped being finite; nothing is written.
    """
    classes = read_classes(data / "train", data / "validation")
    settings = with_size(settings, "segmentation", data / "train")
    training = load_split(data / "train", settings.sides)
    validation = load_split(data / "validation", settings.sides)
    model, fit = new_trainer(settings, training, len(classes))
    rows, best = train_epochs(
        model,
        fit,
        epochs=settings.epochs,
        steps=_steps(settings, training),
        validate=validator(model, validation, settings),
        best_by="val_miou",
        folder=checkpoint,
        log_epoch=log_epoch,
        patience=settings.patience,
    )
    about = {
        "experiment": "segmentation",
        "network": model.name,
        "parameters": model.count_params(),
        "classes": classes,
        "size": list(settings.sides),
        "best_epoch": best + 1,
        "validation_miou": rows[best]["val_miou"],
    }
    write_epochs(history, rows)
    save_model(model, about, out)
    remove_checkpoint(checkpoint)


def load_split(folder: Path, size: tuple[int, int]) -> LabelledImages:
    """Decode a split's images and masks and resize them to `size` (height, width).

    Args:
        folder: the split's folder, such as data/masks/train.
        size: see above.

    Raises:
        MaskwrightError: the split has no image, an image cannot be read, or no image has a labelled pixel.
    """
    data = load_images(read_split(folder), size)
    if (data.masks == IGNORE).all():
        raise MaskwrightError(
            f"{folder / INDEX}: no image has a labelled pixel; check annotations.{folder.name} in params.yaml"
        )
    return data


class Trainer(NamedTuple):
    """A network and its training loop.

    Attributes:
        model: the compiled model.
        fit: the training loop.
    """

    model: Any
    fit: Fit


def new_trainer(settings: Segmentation, training: LabelledImages, number_of_classes: int) -> Trainer:
    """Return a new network, and the loop that trains it on these images.

    Raises:
        MaskwrightError: the backbone is unknown or its weights do not fit, or the class weights do not fit the masks.
    """
    make_deterministic(settings.seed)
    with strategy(accelerators()).scope():
        model: Any = build(settings, number_of_classes)
        compile_model(model, settings, training, number_of_classes)

    def batches_from(epoch: int) -> tf.data.Dataset:
        return labelled_batches(
            training,
            epoch_images=settings.epoch_images,
            batch_size=settings.batch_size,
            augmentation=settings.augment,
            seed=settings.seed,
            epochs=(epoch, settings.epochs),
        )

    steps = _steps(settings, training)
    return Trainer(model, keras_fit(model, batches_from, epochs=settings.epochs, steps=steps))


def compile_model(
    model: keras.Model, settings: Segmentation, training: LabelledImages, number_of_classes: int
) -> None:
    """Compile the network with optimizer, learning rates and loss. Class weights depend on the training masks."""
    counts = np.bincount(training.masks.reshape(-1), minlength=256)
    weights = class_weights(settings.loss, counts[:number_of_classes])
    slower = backbone_variables(model, settings.named_backbone)
    adam = optimizer(settings, model, _steps(settings, training), slower=slower, factor=settings.backbone_rate)
    model.compile(optimizer=adam, loss=segmentation_loss(settings.loss, weights))


def _steps(settings: Segmentation, training: LabelledImages) -> int:
    return steps_per_epoch(len(training), settings.epoch_images, settings.batch_size)


def validator(model: Any, data: LabelledImages, settings: Segmentation) -> Callable[[], dict[str, float]]:
    """Return a function that scores the model with its current weights: unweighted loss, mIoU and pixel accuracy.

    The loss is the mean over the labelled pixels of all images (dice: over batches, weighted by labelled pixels).
    """
    loss: Any = segmentation_loss(settings.loss, None)
    number_of_classes = model.output_shape[-1]

    # The batch size is left open, so that a smaller last batch needs no graph of its own.
    shapes = (tf.TensorSpec((None, *data.images.shape[1:])), tf.TensorSpec((None, *data.masks.shape[1:]), tf.int32))

    @tf.function(input_signature=shapes)
    def step(images: tf.Tensor, masks: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        logits = model(images, training=False)
        return loss(masks, logits), tf.argmax(logits, -1, output_type=tf.int32)

    def validate() -> dict[str, float]:
        total, confusion = 0.0, np.zeros((number_of_classes, number_of_classes), np.int64)
        for images, masks in plain_batches(data, settings.batch_size):
            value, predicted = step(tf.cast(images, tf.float32), tf.cast(masks, tf.int32))
            counts = confusion_matrix(masks, predicted.numpy(), number_of_classes)
            total += float(value) * int(counts.sum())
            confusion += counts
        return {
            "val_loss": total / int(confusion.sum()),
            "val_miou": float(np.nanmean(class_scores(confusion)["iou"])),
            "val_pixel_accuracy": float(np.trace(confusion) / confusion.sum()),
        }

    return validate
