"""Boxes around objects, annotated and found. Imports no TensorFlow.

A box is (x_min, y_min, x_max, y_max) in pixels, with x to the right and y down. A pixel is the square from its number
to the next, so the box around a whole image W wide and H high is (0, 0, W, H).
"""

from typing import NamedTuple

import numpy as np

UNKNOWN = -1
"""The class of a box around something that has no known class but is not background either."""


class Truth(NamedTuple):
    """The ground truth of one image: `boxes` (M, 4) float, and `classes` (M,) int, from 1, or `UNKNOWN`."""

    boxes: np.ndarray
    classes: np.ndarray

    def known(self) -> "Truth":
        """Return the boxes whose class is known."""
        known = self.classes != UNKNOWN
        return Truth(self.boxes[known], self.classes[known])


class Found(NamedTuple):
    """The detections in one image, best first: `boxes` (D, 4) float, `scores` (D,), `classes` (D,) int from 1."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray

    def at_least(self, score: float) -> "Found":
        """Return the predictions with at least this score."""
        chosen = self.scores >= score
        return Found(self.boxes[chosen], self.scores[chosen], self.classes[chosen])


def box_iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the IoU of each box with each of the others: (M, 4), (N, 4) -> (M, N) float64.

    The IoU is the area of the intersection divided by the area of the union, or 0 if the union has no area.
    """
    shared = _shared(boxes, others)
    union = _areas(boxes)[:, None] + _areas(others) - shared
    return np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)


def covered(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of each box's area that lies in each of the others: (M, 4), (N, 4) -> (M, N) float64."""
    shared, areas = _shared(boxes, others), _areas(boxes)[:, None]
    return np.divide(shared, areas, out=np.zeros(shared.shape), where=areas > 0)


def _shared(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    boxes, others = np.asarray(boxes, float).reshape(-1, 1, 4), np.asarray(others, float).reshape(-1, 4)
    sides = np.minimum(boxes[..., 2:], others[:, 2:]) - np.maximum(boxes[..., :2], others[:, :2])
    return np.prod(np.maximum(sides, 0), axis=-1)


def _areas(boxes: np.ndarray) -> np.ndarray:
    boxes = np.asarray(boxes, float).reshape(-1, 4)
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
