"""Instances: each object by itself, its class and its pixels.

    maskwright train instances
    maskwright evaluate instances
    maskwright predict instances photos

After Panoptic-DeepLab (Cheng et al. 2020, https://arxiv.org/abs/1911.10194): the classes of the pixels as in
segmentation, and beside them a heat map of the objects' centres and an offset from each pixel to its object's centre.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.experiments.instances.learn.batches import NumberedImages, load_split, numbered_batches
from maskwright.experiments.instances.learn.grouping import things_of
from maskwright.experiments.instances.learn.losses import centres_loss
from maskwright.experiments.instances.learn.network import build
from maskwright.experiments.instances.learn.validation import validator
from maskwright.experiments.instances.params import Instances
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.common.saved import save_model
from maskwright.learning.single.checkpoint import remove_checkpoint
from maskwright.learning.single.table import write_epochs
from maskwright.learning.single.training import Fit, accelerators, keras_fit, optimizer, strategy, train_epochs
from maskwright.photos.backbones import backbone_variables
from maskwright.photos.batches import steps_per_epoch
from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import INDEX, read_classes
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import LogEpoch


def train(
    settings: Instances, *, data: Path, out: Path, history: Path, checkpoint: Path, log_epoch: LogEpoch
) -> None:
    """Train, choose the best epoch by validation PQ, and write the model and its history.

    A training that was killed resumes after its last finished epoch, and ends with the same weights as if it had not
    been killed.

    Args:
        settings: the section `instances` of params.yaml.
        data: the folder that `maskwright masks` wrote.
        out: the model's folder, written as a whole at the end.
        history: a CSV file with a row for each epoch.
        checkpoint: a folder that survives a kill; deleted when the training has ended.
        log_epoch: called with each new epoch (from 1) and its numbers.

    Raises:
        MaskwrightError: the data or a setting is not usable, or the loss stopped being finite; nothing is written.
    """
    classes = read_classes(data / "train", data / "validation")
    things = known_things(classes, settings.stuff)
    settings = with_size(settings, "instances", data / "train")
    training, validation = (load_objects(data / split, settings.sides, things) for split in ("train", "validation"))
    model, fit = new_trainer(settings, training, things, len(classes))
    rows, best = train_epochs(
        model,
        fit,
        epochs=settings.epochs,
        steps=_steps(settings, training),
        validate=validator(model, validation, things, settings),
        best_by="val_pq",
        folder=checkpoint,
        log_epoch=log_epoch,
        patience=settings.patience,
    )
    about = {
        "experiment": "instances",
        "network": model.name,
        "parameters": model.count_params(),
        "classes": classes,
        "size": list(settings.sides),
        "stuff": settings.stuff,
        "grouping": settings.grouping.model_dump(mode="json"),
        "best_epoch": best + 1,
        "validation_pq": rows[best]["val_pq"],
    }
    write_epochs(history, rows)
    save_model(model, about, out)
    remove_checkpoint(checkpoint)


def known_things(classes: list[str], stuff: list[str]) -> np.ndarray:
    """Return `things_of` the classes.

    Raises:
        MaskwrightError: `stuff` names something that is no class, or every class.
    """
    unknown = [name for name in stuff if name not in classes[1:]]
    if unknown:
        raise MaskwrightError(
            f"instances.stuff: {unknown[0]!r} is not among the classes ({', '.join(classes[1:])}); correct it"
        )
    things = things_of(classes, stuff)
    if not things.any():
        raise MaskwrightError("instances.stuff: names every class; leave out those whose objects you want")
    return things


def load_objects(folder: Path, size: tuple[int, int], things: np.ndarray) -> NumberedImages:
    """Return the photographs of a split as `load_split` does.

    Raises:
        MaskwrightError: as `load_split`; or there is no object that has a pixel of the network.
    """
    data = load_split(folder, size)
    there = things[data.masks] & (data.masks != IGNORE) & (data.objects > 0) & (data.objects != UNKNOWN_OBJECT)
    if not there.any():
        raise MaskwrightError(
            f"{folder / INDEX}: no image has an object as large as a pixel of {size[1]} x {size[0]}; check "
            f"annotations.{folder.name} and instances.size in params.yaml"
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


def new_trainer(settings: Instances, training: NumberedImages, things: np.ndarray, number_of_classes: int) -> Trainer:
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
        model.compile(optimizer=adam, loss=centres_loss(settings.loss))

    def batches_from(epoch: int) -> tf.data.Dataset:
        return numbered_batches(
            training,
            things,
            sigma=settings.sigma,
            epoch_images=settings.epoch_images,
            batch_size=settings.batch_size,
            augmentation=settings.augment,
            seed=settings.seed,
            epochs=(epoch, settings.epochs),
        )

    return Trainer(model, keras_fit(model, batches_from, epochs=settings.epochs, steps=steps))


def _steps(settings: Instances, training: NumberedImages) -> int:
    return steps_per_epoch(len(training), settings.epoch_images, settings.batch_size)
