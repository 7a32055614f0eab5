"""Detection: a box around each object in a photograph, and its class.

    maskwright train detection
    maskwright evaluate detection

The published network is the preset `resnet56v2-ssd`, and `params.SOURCE` has its settings. Its author reports results
on 50 test photographs of drinks, measured as in `report.metrics.sources_scores`: mIoU 0.64, precision 0.87 and recall
0.87 with raw offsets and the L1 loss, and 0.53, 0.90 and 0.87 with normalised offsets (Table 11.13.1).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from maskwright.experiments.detection.learn.anchors import Anchors, make_anchors
from maskwright.experiments.detection.learn.batches import (
    BoxedExample,
    BoxedImages,
    boxed_batches,
    load_boxed_images,
    read_boxes,
    training_boxes,
)
from maskwright.experiments.detection.learn.losses import anchor_loss
from maskwright.experiments.detection.learn.network import build, feature_maps
from maskwright.experiments.detection.learn.validation import validator
from maskwright.experiments.detection.params import Detection
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.single.checkpoint import remove_checkpoint
from maskwright.learning.single.table import write_epochs
from maskwright.learning.single.training import Fit, accelerators, keras_fit, optimizer, strategy, train_epochs
from maskwright.photos.backbones import backbone_variables
from maskwright.photos.batches import steps_per_epoch
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import BOXES, read_classes
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import LogEpoch


def train(
    settings: Detection, *, data: Path, out: Path, history: Path, checkpoint: Path, log_epoch: LogEpoch
) -> None:
    """Train, choose the best epoch by validation AP50, and write the model and its history.

    A training that was killed resumes after its last finished epoch, and ends with the same weights as if it had not
    been killed.

    Args:
        settings: the section `detection` of params.yaml.
        data: the folder that `maskwright masks` wrote.
        out: the model's folder, written as a whole at the end.
        history: a CSV file with a row for each epoch.
        checkpoint: a folder that survives a kill; deleted when the training has ended.
        log_epoch: called with each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the data or a setting is not usable, or the loss stopped being finite; nothing is written.
    """
    classes = read_classes(data / "train")
    settings = with_size(settings, "detection", data / "train")
    training = load_labelled_images(training_boxes(settings, data), data / "train", settings.sides)
    validation = load_labelled_images(read_boxes(data / "validation"), data / "validation", settings.sides)
    trainer = new_trainer(settings, training, len(classes))
    rows, best = train_epochs(
        trainer.model,
        trainer.fit,
        epochs=settings.epochs,
        steps=_steps(settings, training),
        validate=validator(trainer.model, trainer.anchors, validation, settings, classes),
        best_by="val_ap50",
        folder=checkpoint,
        log_epoch=log_epoch,
        patience=settings.patience,
    )
    about = {
        "experiment": "detection",
        "network": trainer.model.name,
        "parameters": trainer.model.count_params(),
        "anchors": len(trainer.anchors.boxes),
        "classes": classes,
        "size": list(settings.sides),
        "anchor_sizes": list(settings.anchor_sizes),
        "offsets": settings.offsets,
        "nms": settings.nms.model_dump(mode="json"),
        "best_epoch": best + 1,
        "validation_ap50": rows[best]["val_ap50"],
    }
    write_epochs(history, rows)
    save_model(trainer.model, about, out)
    remove_checkpoint(checkpoint)


def load_labelled_images(examples: Sequence[BoxedExample], folder: Path, size: tuple[int, int]) -> BoxedImages:
    """Return photographs of a split, decoded and resized to `size` (height, width).

    Args:
        examples: the photographs.
        folder: the split's folder, which messages name.
        size: see above.

    Raises:
        MaskwrightError: an image cannot be read, or no image has a labelled box.
    """
    data = load_boxed_images(examples, size)
    if not (data.classes > 0).any():
        raise MaskwrightError(f"{folder / BOXES}: no image has a box; check annotations.{folder.name}")
    return data


class Trainer(NamedTuple):
    """A network and its training loop.

    Attributes:
        model: the compiled model.
        anchors: the model's anchors.
        fit: the training loop.
    """

    model: Any
    anchors: Anchors
    fit: Fit


def new_trainer(settings: Detection, training: BoxedImages, number_of_classes: int) -> Trainer:
    """Return a new network, and the loop that trains it on these images.

    Raises:
        MaskwrightError: the backbone is unknown or its weights do not fit.
    """
    make_deterministic(settings.seed)
    steps = _steps(settings, training)
    with strategy(accelerators()).scope():
        model: Any = build(settings, number_of_classes)
        slower = backbone_variables(model, settings.named_backbone)
        adam = optimizer(settings, model, steps, slower=slower, factor=settings.backbone_rate)
        model.compile(optimizer=adam, loss=anchor_loss(settings.loss))
    anchors = make_anchors(feature_maps(model), settings.sides, settings.anchor_sizes)

    def batches_from(epoch: int) -> tf.data.Dataset:
        return boxed_batches(
            training,
            anchors,
            match_iou=settings.match_iou,
            offsets=settings.offsets,
            epoch_images=settings.epoch_images,
            batch_size=settings.batch_size,
            augmentation=settings.augment,
            seed=settings.seed,
            epochs=(epoch, settings.epochs),
        )

    return Trainer(model, anchors, keras_fit(model, batches_from, epochs=settings.epochs, steps=steps))


def _steps(settings: Detection, training: BoxedImages) -> int:
    return steps_per_epoch(len(training), settings.epoch_images, settings.batch_size)
