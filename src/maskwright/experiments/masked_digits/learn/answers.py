"""The answers of networks to the images of a split, with one mask for each image.

They are used both for validation, which the training reports, and for the test.
"""

from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.masked_digits.data import DIGITS, KINDS, read_masked_digits
from maskwright.experiments.masked_digits.params import SINGLE
from maskwright.shared.datasets import read_images

_BATCH = 250

Sets = dict[str, tuple[np.ndarray, np.ndarray]]
"""For each named set of images: inputs (N, H, W, 2) uint8 and labels (N,)."""


def read_sets(data: Path, split: str) -> Sets:
    """Read the images of a split.

    The channels of the inputs are the image, from 0 to 255, and the mask, 0 or 255. The sets are `single`, `grid` and
    `canvas`, and, with random masks, `random_grid` and `random_canvas`.

    Args:
        data: the folder that `maskwright generate masked_digits` wrote.
        split: "validation" or "test".

    Raises:
        MaskwrightError: a file is missing.
    """
    digits, labels = read_images(data / DIGITS, split, "masked_digits")
    sets = {SINGLE: (_with_mask(digits, np.ones_like(digits)), labels)}
    for kind in KINDS:
        drawn = read_masked_digits(data, kind, split)
        sets[kind] = (_with_mask(drawn.images, drawn.masks), drawn.labels)
        sets[f"random_{kind}"] = (_with_mask(drawn.images, drawn.random_masks), drawn.labels)
    return sets


def _with_mask(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.stack([images, masks * np.uint8(255)], axis=-1)


def set_of(variant: str, kind: str) -> str:
    """Return the name of the set on which a variant is scored for a kind of images."""
    if variant == SINGLE:
        return SINGLE
    return f"random_{kind}" if variant == "random" else kind


def outputs_of(model: Any, sets: Sets, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the logits (N, R, 10) for a named set, and its labels (N,)."""
    inputs, labels = sets[name]

    # Not compiled, since compiling takes longer than computing a few batches.
    batches = (inputs[at : at + _BATCH] for at in range(0, len(inputs), _BATCH))
    return np.concatenate([model(batch.astype(np.float32) / 255, training=False) for batch in batches]), labels


def right_answers(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return whether each network names each digit correctly: (N, R, 10), (N,) -> (N, R) bool."""
    return outputs.argmax(axis=-1) == labels[:, None]
