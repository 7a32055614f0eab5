"""Reading a detector's outputs: boxes, class probabilities, and the detections in an image after suppression."""

from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.detection.learn.anchors import decode
from maskwright.experiments.detection.learn.boxes import Found
from maskwright.experiments.detection.learn.nms import Detections
from maskwright.experiments.detection.params import Offsets

LEAST_SCORE = 0.01
"""Less probable predictions are dropped. There are many of them, and they hardly change an average precision."""


def read_outputs(outputs: Any, anchors: Any, offsets: Offsets) -> tuple[tf.Tensor, tf.Tensor]:
    """Turn outputs (B, A, C + 4) into boxes (B, A, 4), in pixels of the input, and class probabilities (B, A, C).

    Args:
        outputs: the outputs of a network from `network`.
        anchors: (A, 4) boxes.
        offsets: see `anchors.encode`.
    """
    return decode(outputs[..., -4:], anchors, offsets), tf.nn.softmax(outputs[..., :-4])


def found_in(detections: Detections, number: int, size: tuple[int, int], shape: tuple[int, ...]) -> Found:
    """Return the detections of one image, with boxes scaled to an image of another size and clipped at its borders.

    Args:
        detections: the detections of a batch, as NumPy arrays.
        number: the image's index in the batch.
        size: height and width of the network's input, to which the boxes refer.
        shape: height and width of the other image.
    """
    there = detections.classes[number] > 0
    height, width = shape
    boxes = detections.boxes[number][there] * np.tile([width / size[1], height / size[0]], 2)
    boxes = np.clip(boxes, 0, [width, height, width, height])
    kept = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    scores, classes = detections.scores[number][there], detections.classes[number][there]
    return Found(boxes[kept], scores[kept], classes[kept])
