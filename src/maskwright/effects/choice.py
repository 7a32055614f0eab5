"""Which model is reported. The rule is fixed before anything is estimated, and the same for every table of trials.

A model that leaves out a real interaction counts it as chance, so the intervals of all effects are too wide. A model
with every interaction has little left to measure chance by. So the seeds decide, which measure chance in any case:

1. Where the factors add up as far as the seeds can tell (lack of fit, p >= 0.05), the additive model is reported.
2. Otherwise the model has all two-way interactions that the plan can estimate.
3. If that leaves an effect fewer than 4 degrees of freedom, and every combination of the levels was run, it has these
   interactions all the same, and chance is measured between the seeds alone. An effect is then the average over
   configurations that were all run, so only the seeds are left to chance.
4. If combinations are missing, the additive model is kept: what the factors do together counts as chance. It may also
   shift the estimates, which no interval shows, if the combinations that were run are not balanced. So it is, too,
   where an interaction cannot be told apart from the effect of a factor.

Adding only the largest interactions until the lack of fit is no longer significant would leave more degrees of
freedom. But where combinations are missing it often adds the wrong ones, and then its "95 %" intervals miss the truth
far too often, see `benchmarks/effects_coverage.py`.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from maskwright.effects.model import Model, Quality, Transform, assess, fit_model
from maskwright.effects.trials import Trials

SIGNIFICANT = 0.05

LEAST_DF = 4.0
"""Degrees of freedom that every effect of a factor must keep; with 4, an interval reaches 2.8 standard errors."""

Name = Literal["additive", "two-way", "two-way-seeds", "additive-kept", "asked"]


@dataclass(frozen=True)
class Choice:
    """The model that is reported, and the additive one beside it.

    Attributes:
        name: "additive", "two-way", "two-way-seeds" (case 3 of the rule), "additive-kept" (case 4), or "asked" where
            the interactions were named.
        reason: what it is and why, in words.
        model, quality: the model that is reported.
        additive, additive_quality: the additive model; the same objects if that one is reported.
    """

    name: Name
    reason: str
    model: Model
    quality: Quality
    additive: Model
    additive_quality: Quality


def choose_model(trials: Trials, *, interactions: tuple[str, ...] = (), transform: Transform = "none") -> Choice:
    """Fit the model that the rule chooses, or the one that is asked for.

    Args:
        trials: as `trials.select_trials` made them.
        interactions: as for `design.parse_interactions`; () leaves the choice to the rule.
        transform: as for `model.fit_model`.

    Raises:
        MaskwrightError: as `model.fit_model`.
    """
    additive = fit_model(trials, transform=transform)
    quality = assess(additive)
    if list(interactions) == ["none"]:
        return Choice("asked", "additive, as asked", additive, quality, additive, quality)
    if interactions:
        model = fit_model(trials, interactions=interactions, transform=transform)
        return Choice("asked", "with the interactions that were asked for", model, assess(model), additive, quality)
    p = quality.lack_p
    if p is None or p >= SIGNIFICANT:
        untested = "additive; whether the factors add up cannot be tested"
        reason = (
            untested
            if p is None
            else f"additive: the factors add up as far as the seeds can tell (lack of fit, {p_text(p)})"
        )
        return Choice("additive", reason, additive, quality, additive, quality)
    misfit = f"does not fit (lack of fit, {p_text(p)})"
    pairs = fit_model(trials, interactions=("all",), transform=transform)
    confounded = pairs.design.confounded
    if pairs.covariance.kind == "CR2" and _fewest_df(pairs) >= LEAST_DF and not confounded:
        which = (
            "all two-way interactions that the plan can estimate"
            if pairs.design.aliased
            else "all two-way interactions"
        )
        reason = f"with {which}, because the additive model {misfit}"
        return Choice("two-way", reason, pairs, assess(pairs), additive, quality)
    if additive.configurations == math.prod(len(factor.levels) for factor in trials.factors):
        reason = (
            f"with all two-way interactions, because the additive model {misfit}; they leave too few configurations "
            "to measure chance between them, so it is measured between the seeds of each"
        )
        pairs = fit_model(trials, interactions=("all",), transform=transform, seeds_only=True)
        return Choice("two-way-seeds", reason, pairs, assess(pairs), additive, quality)
    why = (
        "in these configurations an interaction cannot be told apart from the effect of a factor"
        if confounded
        else f"these {additive.configurations} configurations are too few to estimate all two-way interactions"
    )
    reason = (
        f"additive, although it {misfit}: {why}, so what the factors do together counts as chance, and may shift the "
        "estimates"
    )
    return Choice("additive-kept", reason, additive, quality, additive, quality)


def _fewest_df(model: Model) -> float:
    rows = np.eye(len(model.coefficients))[1:]
    mains = [row for row, column in zip(rows, model.design.columns, strict=True) if len(column.term) == 1]
    return min(model.covariance.degrees(row) for row in mains)


def p_text(p: float) -> str:
    """Return a p-value in words: "p = 0.013" or "p < 0.001"."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
