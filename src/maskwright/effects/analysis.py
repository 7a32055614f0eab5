"""The whole analysis of one table of trials: the model, its tables and its checks."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from maskwright.effects.choice import Choice, choose_model
from maskwright.effects.diagnostics import Diagnostics, diagnose
from maskwright.effects.examples import Examples
from maskwright.effects.model import Model, Quality, Transform, effects_table
from maskwright.effects.pairs import paired_table
from maskwright.effects.tables import PlainTable, anova_table, means_table, plain_table
from maskwright.effects.trials import Trials


@dataclass(frozen=True)
class Analysis:
    """All that is known about the effects; the tables are those of `model`, `pairs` and `tables`.

    Attributes:
        choice: which model is reported, and why.
        plain: the regression without intercept.
        effects: the effects in the model that is reported, with those of the additive model beside them, as columns
            `additive_estimate`, `additive_low`, `additive_high`, `additive_p_holm`; NaN for interactions.
        paired: the pairs that differ in one factor only.
        anova, means, diagnostics: of the model that is reported.
        examples: why there is no interval over the test examples; None if there is one, or none was to be expected.
        test_examples: how many test examples these intervals are over; 0 without them.
    """

    choice: Choice
    plain: PlainTable
    effects: pd.DataFrame
    paired: pd.DataFrame
    anova: pd.DataFrame
    means: pd.DataFrame
    diagnostics: Diagnostics
    examples: str | None
    test_examples: int

    @property
    def model(self) -> Model:
        """The model that is reported."""
        return self.choice.model

    @property
    def quality(self) -> Quality:
        """How well it describes the trials."""
        return self.choice.quality


def analyse(
    trials: Trials,
    *,
    interactions: Sequence[str] = (),
    transform: Transform = "none",
    examples: Examples | None = None,
) -> Analysis:
    """Choose and fit the model and make every table.

    Args:
        trials, interactions, transform: as for `choice.choose_model`.
        examples: the response on each test example, for intervals over these; only used without a transform.

    Raises:
        MaskwrightError: as `choice.choose_model`.
    """
    choice = choose_model(trials, interactions=tuple(interactions), transform=transform)
    values = examples.values if examples is not None and transform == "none" else None
    effects = effects_table(choice.model, values)
    return Analysis(
        choice=choice,
        plain=plain_table(trials),
        effects=effects.merge(_beside(choice.additive), how="left", on=["term", "change"]),
        paired=paired_table(choice.model),
        anova=anova_table(choice.model, choice.quality),
        means=means_table(choice.model),
        diagnostics=diagnose(choice.model, choice.quality),
        examples=examples.missing if examples is not None and transform == "none" else None,
        test_examples=0 if values is None else values.shape[1],
    )


def _beside(additive: Model) -> pd.DataFrame:
    table = effects_table(additive).loc[:, ["term", "change", "estimate", "low", "high", "p_holm"]]
    return table.rename({name: f"additive_{name}" for name in table.columns[2:]}, axis=1)
