"""The scores of each network on each test image, and of each variant over its seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.params import ORACLE, UNGATED
from maskwright.experiments.conditional.report.answers import Answers
from maskwright.reporting.intervals import two_intervals

UNCERTAIN = 0.1
"""The share of the test images, those with the largest entropy of the first head, that count as uncertain."""

Scores = Mapping[str, np.ndarray]
"""For each measure (R, N), the values of R networks on N test images, whose mean is the measure."""


def scores_of(answers: Sequence[Answers], test: TwoLevels) -> dict[str, np.ndarray]:
    """Return the measures of a variant's networks, those that the variant has; see `evaluate.evaluate`.

    Args:
        answers: the answers of R networks to the test images.
        test: the N test images and their classes.

    Returns:
        For each measure (R, N). The measures of the tenth of the images that a network is least sure of, and of the
        others, are linearised, see `mean_within`.
    """
    named = _stacked(answers)
    right = named["second"] == test.fine
    uncertain = most_uncertain(named["entropy"])
    scores = {
        "accuracy": right,
        "coarse_accuracy": named["first"] == test.coarse,
        "uncertain_accuracy": mean_within(right, uncertain),
    }
    for name in ("flipped", "likeliest"):
        if name in named:
            scores[f"{name}_accuracy"] = named[name] == test.fine
    if "hard" in named:
        smaller = 1 - named["gate"].max(axis=-1)
        scores["uncertain_hard_accuracy"] = mean_within(named["hard"] == test.fine, uncertain)
        scores["uncertain_smaller_share"] = mean_within(smaller, uncertain)
        scores["certain_smaller_share"] = mean_within(smaller, ~uncertain)
    return {name: np.asarray(values, float) for name, values in scores.items()}


def gradients_of(answers: Sequence[Answers]) -> dict[str, np.ndarray]:
    """Return the largest derivative of any test image through the switch and through an if-then, (R,) each."""
    named = _stacked(answers)
    measured = [name for name in ("through_switch", "through_if_then") if name in named]
    return {f"gradient_{name}": named[name].max(axis=1) for name in measured}


def mean_gate(answers: Sequence[Answers]) -> np.ndarray:
    """Return the mean over the networks of each image's gate, (N, K)."""
    return _stacked(answers)["gate"].mean(axis=0)


def _stacked(answers: Sequence[Answers]) -> dict[str, np.ndarray]:
    """Return what the networks of a variant answer, (R, N) or (R, N, K) each."""
    rows = [one._asdict() for one in answers]
    return {name: np.stack([row[name] for row in rows]) for name, value in rows[0].items() if value is not None}


def most_uncertain(entropy: np.ndarray) -> np.ndarray:
    """Return which tenth of the images each network is least sure of: (R, N) nats -> (R, N) bool."""
    count = max(1, round(UNCERTAIN * entropy.shape[1]))
    order = np.argsort(-entropy, axis=1, kind="stable")[:, :count]
    chosen = np.zeros(entropy.shape, bool)
    np.put_along_axis(chosen, order, True, axis=1)
    return chosen


def mean_within(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return values whose means over the images are the means over the chosen ones.

    The mean over the chosen images is a quotient of two means over all images. It is linearised,

        m + (v - m) N / n  for a chosen image,    m  for another one,

    with m the mean and n the number of the chosen ones, so that the rules for means give its interval too: resampling
    the images changes n as well as the sum.

    Args:
        values, chosen: (R, N) each, at least one chosen in each row.

    Example:
        1, 0, 1, 1 of which the first two are chosen: m = 1/2, N / n = 2, so 3/2, -1/2, 1/2, 1/2. Their mean is 1/2.
    """
    values = np.asarray(values, float)
    count = chosen.sum(axis=1, keepdims=True)
    mean = np.where(chosen, values, 0).sum(axis=1, keepdims=True) / count
    return mean + np.where(chosen, values - mean, 0) * (values.shape[1] / count)


def summary_of(scores: Mapping[str, Scores], variant: str) -> dict[str, Any]:
    """Return a variant's measures and differences with both intervals, and the number of seeds.

    Args:
        scores: for each variant its measures.
        variant: the name of the variant.
    """
    own = scores[variant]
    right = own["accuracy"]
    summary: dict[str, Any] = {name: _within_bounds(two_intervals(values, (0, 1))) for name, values in own.items()}
    if variant != ORACLE:
        summary["below_oracle"] = two_intervals(scores[ORACLE]["accuracy"] - right)
    if variant != "soft" and "soft" in scores:
        summary["below_soft"] = two_intervals(scores["soft"]["accuracy"] - right)
    if variant != "none" and "none" in scores:
        summary["above_none"] = two_intervals(right - scores["none"]["accuracy"])
    if variant not in UNGATED:
        summary["fall"] = two_intervals(right - own["flipped_accuracy"])
    if "uncertain_hard_accuracy" in own:
        summary["uncertain_fall"] = two_intervals(own["uncertain_accuracy"] - own["uncertain_hard_accuracy"])
    return {**summary, "seeds": len(right)}


def _within_bounds(share: dict[str, float]) -> dict[str, float]:
    return {name: float(np.clip(value, 0, 1)) for name, value in share.items()}
