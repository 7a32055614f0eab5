"""The whole analysis of one table of trials: the model, its tables and its checks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from maskwright.effects.diagnostics import Diagnostics, diagnose
from maskwright.effects.model import Model, Quality, Transform, assess, effects_table, fit_model
from maskwright.effects.tables import PlainTable, anova_table, means_table, plain_table
from maskwright.effects.trials import Trials


@dataclass(frozen=True)
class Analysis:
    """All that is known about the effects; the tables are those of `model` and `tables`."""

    model: Model
    plain: PlainTable
    effects: pd.DataFrame
    anova: pd.DataFrame
    means: pd.DataFrame
    quality: Quality
    diagnostics: Diagnostics


def analyse(trials: Trials, *, interactions: Sequence[str] = (), transform: Transform = "none") -> Analysis:
    """Fit the model and make every table; arguments and errors as for `model.fit_model`."""
    model = fit_model(trials, interactions=tuple(interactions), transform=transform)
    quality = assess(model)
    return Analysis(
        model=model,
        plain=plain_table(trials),
        effects=effects_table(model),
        anova=anova_table(model, quality),
        means=means_table(model),
        quality=quality,
        diagnostics=diagnose(model, quality),
    )
