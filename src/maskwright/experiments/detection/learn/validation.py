"""Scoring a detector on the validation split during training."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from maskwright.experiments.detection.learn.anchors import Anchors
from maskwright.experiments.detection.learn.average_precision import coco_scores
from maskwright.experiments.detection.learn.batches import BoxedImages, ordered_batches
from maskwright.experiments.detection.learn.boxes import Truth
from maskwright.experiments.detection.learn.detector import LEAST_SCORE, found_in, read_outputs
from maskwright.experiments.detection.learn.losses import anchor_loss
from maskwright.experiments.detection.learn.nms import Detections, detect
from maskwright.experiments.detection.params import Detection


def validator(
    model: Any, anchors: Anchors, data: BoxedImages, settings: Detection, classes: list[str]
) -> Callable[[], dict[str, float]]:
    """Return a function that scores the model with its current weights.

    Args:
        model: a model from `network.build`.
        anchors: the model's anchors.
        data: the validation images.
        settings: the experiment's section of params.yaml.
        classes: class names, background first.

    Returns:
        A function that returns `val_loss`, the mean of the batches' losses weighted by their numbers of images, and
        `val_ap50` and `val_ap` (see `coco_scores`).
    """
    loss: Any = anchor_loss(settings.loss)
    height, width = settings.sides
    shapes = (
        tf.TensorSpec((None, height, width, 3), tf.float32),
        tf.TensorSpec((None, len(anchors.boxes), 5), tf.float32),
    )

    # The batch size is left open, so that a smaller last batch needs no graph of its own.
    @tf.function(input_signature=shapes)
    def step(images: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, Detections]:
        outputs = model(images, training=False)
        boxes, probabilities = read_outputs(outputs, anchors.boxes, settings.offsets)
        return loss(targets, outputs), detect(boxes, probabilities, settings.nms, LEAST_SCORE)

    prepared = list(
        ordered_batches(data, anchors, settings.batch_size, match_iou=settings.match_iou, offsets=settings.offsets)
    )
    truths = [
        Truth(data.boxes[start:stop], data.classes[start:stop])
        for start, stop in zip(data.splits[:-1], data.splits[1:], strict=True)
    ]

    def validate() -> dict[str, float]:
        total, found = 0.0, []
        for images, targets in prepared:
            value, detections = step(tf.cast(images, tf.float32), tf.constant(targets))
            total += float(value) * len(images)
            arrays = Detections(*(part.numpy() for part in detections))
            found += [found_in(arrays, number, settings.sides, settings.sides) for number in range(len(images))]
        scores, _ = coco_scores(truths, found, classes, most=settings.nms.most)
        return {"val_loss": total / len(data), "val_ap50": scores["ap50"], "val_ap": scores["ap"]}

    return validate
