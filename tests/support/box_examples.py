"""Boxes, as annotated and as found, written down in short."""

import numpy as np

from maskwright.experiments.detection.learn.boxes import Found, Truth

CLASSES = ["background", "cat", "dog"]
CAT, DOG = 1, 2


def truth(*rows):
    """(box, class) each."""
    return Truth(np.array([r[0] for r in rows], float).reshape(-1, 4), np.array([r[1] for r in rows], int))


def found(*rows):
    """(box, score, class) each."""
    boxes, scores, classes = (np.array([r[i] for r in rows], float) for i in range(3)) if rows else (np.zeros(0),) * 3
    return Found(boxes.reshape(-1, 4), scores, classes.astype(int))


def square(x, side=2):
    return [x, 0, x + side, side]
