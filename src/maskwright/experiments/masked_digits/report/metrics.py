"""The scores of the masked digits over the seeds, and the accuracy of guessing. Plain functions of arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from maskwright.experiments.masked_digits.params import CONTROLS, SINGLE
from maskwright.reporting.intervals import two_intervals
from maskwright.shared.datasets import DIGIT_CLASSES

PREFIXES = {"grid": "", "canvas": "canvas_"}
"""For each kind of image, what the names of its measures begin with."""

Measured = Mapping[str, Mapping[str, np.ndarray]]
"""For each variant and measure an array (R, N), a value for each seed and test digit."""


def measures(answers: np.ndarray, labels: np.ndarray, digits: np.ndarray, variant: str, kind: str) -> dict[str, Any]:
    """Measure a variant's answers to the images of a kind.

    Args:
        answers: (N, R), the classes that R networks name.
        labels: (N,), the real digits.
        digits: (N, 4), all digits of each image; not used for `single`.
        variant: the name of the variant.
        kind: "grid" or "canvas".

    Returns:
        Arrays (R, N), named with the prefix of the kind:

        - `accuracy`: 1 if the answer is the real digit, else 0;
        - for a control `expected_accuracy`: the share of the four digits that are the answer, that is, the accuracy
          that is expected if the real one of the four is drawn anew. It has the mean of `accuracy`, but no luck of
          the draw, and its ceiling is exact;
        - for a control `below_ceiling`: the share of the most frequent of the four digits, less `expected_accuracy`;
        - for a control `present`: 1 if the answer is any of the four digits, else 0.
    """
    found = {"accuracy": (answers == labels[:, None]).T.astype(float)}
    if variant in CONTROLS:
        named = (answers.T[..., None] == digits).mean(axis=-1)  # (R, N)
        found["expected_accuracy"] = named
        found["below_ceiling"] = _shares(digits).max(axis=1) - named
        found["present"] = (named > 0).astype(float)
    return {PREFIXES[kind] + name: values for name, values in found.items()}


def with_differences(measured: Measured) -> dict[str, dict[str, np.ndarray]]:
    """Add `below_bound` and `canvas_below_bound` to all variants but `single`.

    These are the accuracy of `single` less the variant's, digit by digit and seed by seed: each test digit is the
    real one in one grid and on one canvas, and alone in `single`.
    """
    bound = measured[SINGLE]["accuracy"]
    return {
        variant: dict(values)
        if variant == SINGLE
        else {
            **values,
            **{f"{prefix}below_bound": bound - values[f"{prefix}accuracy"] for prefix in PREFIXES.values()},
        }
        for variant, values in measured.items()
    }


def summary(measured: Measured) -> dict[str, Any]:
    """Return for each variant the number of `seeds`, and each measure with the intervals of `two_intervals`."""
    return {
        variant: {
            **{name: two_intervals(values, None if "below" in name else (0, 1)) for name, values in measures.items()},
            "seeds": len(measures["accuracy"]),
        }
        for variant, measures in measured.items()
    }


def by_seed(measured: Measured) -> dict[str, dict[str, np.ndarray]]:
    """Return the mean of each measure over the test digits, (R,). A measure that a variant lacks is NaN."""
    names = list(dict.fromkeys(name for values in measured.values() for name in values))
    return {
        variant: {
            name: values[name].mean(axis=1) if name in values else np.full(len(values["accuracy"]), np.nan)
            for name in names
        }
        for variant, values in measured.items()
    }


def guessing_ceiling(digits: np.ndarray) -> float:
    """Return the greatest accuracy without knowing which of the digits is the real one.

    The best guess is the most frequent of the four digits. The result is the mean over the images of
    (count of the most frequent digit) / 4.

    Args:
        digits: (N, 4) integers from 0 to 9.

    Example:
        Half of the digits 3 1 3 7 are 3, and a quarter of the digits 0 1 2 3 is each. The result for these two images
        is 0.375.
    """
    return float(_shares(digits).max(axis=1).mean())


def presence_ceiling(digits: np.ndarray) -> float:
    """Return the greatest accuracy if one knows which classes are in the image, but not how often.

    The k classes of an image are then equally likely, and naming any of them is right with probability 1 / k. The
    result is the mean over the images of 1 / k. Global max pooling by itself sees no more: a feature's maximum is the
    same for one digit and for two. A network beats this ceiling as far as its features tell places or handwritings
    apart.

    Args:
        digits: (N, 4) integers from 0 to 9.

    Example:
        Three classes are in 3 1 3 7, and four in 0 1 2 3. The result for these two images is (1/3 + 1/4) / 2 = 0.292.
    """
    return float((1 / (_shares(digits) > 0).sum(axis=1)).mean())


def _shares(digits: np.ndarray) -> np.ndarray:
    """Return the share of each class among the digits of each image: (N, 4) -> (N, 10)."""
    return (digits[:, :, None] == np.arange(DIGIT_CLASSES)).mean(axis=1)
