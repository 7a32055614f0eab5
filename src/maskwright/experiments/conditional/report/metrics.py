"""The scores of each seed, and of each variant over its seeds."""

from typing import Any

import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.params import ORACLE
from maskwright.experiments.conditional.report.answers import Answers
from maskwright.reporting.intervals import mean_interval, paired_difference

UNCERTAIN = 0.1
"""The share of the test images, those with the largest entropy of the first head, that count as uncertain."""

MEASURES = ("accuracy", "coarse_accuracy", "flipped_accuracy", "uncertain_accuracy", "uncertain_hard_accuracy")
"""The measures of a seed; see `evaluate.evaluate`."""


def measure(answers: Answers, test: TwoLevels) -> dict[str, float]:
    """Return the measures of one network: those of `MEASURES` that its variant has.

    Args:
        answers: the network's answers to the test images.
        test: the N test images and their classes.
    """
    count = max(1, round(UNCERTAIN * len(test.fine)))
    uncertain = np.argsort(-answers.entropy, kind="stable")[:count]
    scores = {
        "accuracy": answers.right.mean(),
        "coarse_accuracy": (answers.first == test.coarse).mean(),
        "uncertain_accuracy": answers.right[uncertain].mean(),
    }
    if answers.flipped is not None:
        scores["flipped_accuracy"] = (answers.flipped == test.fine).mean()
    if answers.hard is not None:
        scores["uncertain_hard_accuracy"] = (answers.hard == test.fine)[uncertain].mean()
    return scores


def summary_of(measured: dict[str, dict[str, np.ndarray]], variant: str) -> dict[str, Any]:
    """Return a variant's measures and differences as means over its seeds with intervals, and the number of seeds.

    Args:
        measured: for each variant and measure an array (R,), NaN if the variant does not have the measure.
        variant: the name of the variant.
    """
    values = measured[variant]
    summary: dict[str, Any] = {
        name: mean_interval(shares, (0, 1))._asdict() for name, shares in values.items() if not np.isnan(shares).any()
    }
    if variant != ORACLE:
        summary["below_oracle"] = paired_difference(measured[ORACLE]["accuracy"], values["accuracy"])._asdict()
    if variant != "none" and "none" in measured:
        summary["above_none"] = paired_difference(values["accuracy"], measured["none"]["accuracy"])._asdict()
    if variant != "none":
        summary["fall"] = paired_difference(values["accuracy"], values["flipped_accuracy"])._asdict()
    return {**summary, "seeds": len(values["accuracy"])}
