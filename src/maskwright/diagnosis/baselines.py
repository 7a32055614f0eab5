"""Scores that need no network. Plain functions of counts."""

from collections.abc import Mapping, Sequence

import numpy as np

NOTHING = "nothing found"
NAMELESS = "every object found, all called {name}"


def segmentation_baselines(pixels: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """Return the mIoU of two answers.

        nothing found: all background. IoU(background) = n_0 / N, of the other classes 0.
        every object found, all called c, the commonest class: IoU(background) = 1, IoU(c) = n_c / (n_1 + ... + n_C),
            of the other classes 0. Left out if there are fewer than two classes of objects.

    Each is a mean over the classes that occur, as mIoU is.

    Args:
        pixels: (C,) labelled pixels of each class in the split, background first.
        classes: their names.

    By hand: 60, 30 and 10 pixels: 0.6 / 3 = 0.2; (1 + 30 / 40) / 3 = 0.5833.
    """
    there = int(np.count_nonzero(pixels[1:]))
    if not there:
        return {}
    total, objects = float(pixels.sum()), float(pixels[1:].sum())
    with_background = there + 1  # an answer of background occurs, also where the truth has none
    found = {NOTHING: float(pixels[0]) / total / with_background}
    if there > 1:
        common = 1 + int(pixels[1:].argmax())
        right = float(pixels[common]) / objects
        background = float(pixels[0] > 0)
        occurring = there + int(pixels[0] > 0)
        found[NAMELESS.format(name=classes[common])] = (background + right) / occurring
    return found


def detection_baselines(objects: Mapping[str, int]) -> dict[str, float]:
    """Return the AP50 of two answers.

        nothing found: 0.
        every object found, all called c, the commonest class, in any order: of c the precision is its share at each
            recall, of the other classes 0. Left out if there are fewer than two classes.

    Args:
        objects: of each class in the split.

    By hand: 30 cats and 10 dogs: (30 / 40 + 0) / 2 = 0.375.
    """
    there = {name: count for name, count in objects.items() if count}
    if not there:
        return {}
    found = {NOTHING: 0.0}
    if len(there) > 1:
        common = max(there, key=lambda name: there[name])
        found[NAMELESS.format(name=common)] = there[common] / sum(there.values()) / len(there)
    return found
