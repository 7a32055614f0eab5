"""Scoring a network on the validation split during training."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.instances.learn.batches import NumberedImages
from maskwright.experiments.instances.learn.grouping import grouper
from maskwright.experiments.instances.learn.losses import centres_loss
from maskwright.experiments.instances.learn.network import FURTHER
from maskwright.experiments.instances.learn.quality import compare, mean_of_defined, total
from maskwright.experiments.instances.learn.targets import make_targets
from maskwright.experiments.instances.params import Instances


def validator(
    model: Any, data: NumberedImages, things: np.ndarray, settings: Instances
) -> Callable[[], dict[str, float]]:
    """Return a function that scores the model with its current weights, at the network's size.

    Args:
        model: a model from `network.build`.
        data: the validation images.
        things: (256,) bool, which classes are divided into objects.
        settings: the experiment's section of params.yaml.

    Returns:
        A function that returns `val_loss`, the mean of the batches' losses weighted by their numbers of images, and
        `val_pq`, `val_sq` and `val_rq`, the means over the classes that have a value; see `quality`. 0 without one.
    """
    loss: Any = centres_loss(settings.loss)
    height, width = settings.sides
    classes = model.output_shape[-1] - FURTHER
    run = grouper(things, settings.grouping)
    grids = tf.TensorSpec((None, height, width), tf.int32)

    # The batch size is left open, so that a smaller last batch needs no graph of its own.
    @tf.function(input_signature=(tf.TensorSpec((None, height, width, 3)), grids, grids))
    def step(images: tf.Tensor, masks: tf.Tensor, objects: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        outputs = model(images, training=False)
        return loss(make_targets(masks, objects, tf.constant(things), settings.sigma), outputs), outputs

    def validate() -> dict[str, float]:
        summed, outcomes = 0.0, []
        for start in range(0, len(data), settings.batch_size):
            part = slice(start, start + settings.batch_size)
            masks, objects = data.masks[part], data.objects[part]
            value, outputs = step(
                tf.cast(data.images[part], tf.float32), tf.cast(masks, tf.int32), tf.cast(objects, tf.int32)
            )
            summed += float(value) * len(masks)
            for mask, numbers, of_image in zip(masks, objects, outputs.numpy(), strict=True):
                found = run(of_image, (height, width))
                outcomes.append(compare((mask, numbers), (found.mask, found.numbers), things, classes))
        outcome = total(outcomes)
        qualities = {"val_pq": outcome.pq(), "val_sq": outcome.sq(), "val_rq": outcome.rq()}
        means = {name: float(np.nan_to_num(mean_of_defined(values))) for name, values in qualities.items()}
        return {"val_loss": summed / len(data), **means}

    return validate
