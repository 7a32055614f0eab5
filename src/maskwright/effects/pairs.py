"""Pairs of configurations that differ in one factor only: the effect of a change without any model."""

import numpy as np
import pandas as pd

from maskwright.effects.covariance import group_means
from maskwright.effects.factors import Factor, level_text
from maskwright.effects.model import Model
from maskwright.reporting.intervals import mean_interval


def paired_table(model: Model) -> pd.DataFrame:
    """Compare the configurations that differ in one factor only, one row for each change of a factor.

    Everything else is equal in a pair, so no other factor can disturb the comparison. How far the pairs differ from
    each other contains what the change does together with other factors.

    Columns: `term`; `change`, from the reference to another level for a category, from the lowest to the highest
    level for a number; `mean` of the differences, each between the means over the seeds, in the unit of the model;
    `low`, `high` (95 % interval by Student's t over the pairs); `pairs`; `rising`, `falling` (pairs whose difference
    is above, below 0); `without_partner` (configurations with one of the two levels that are in no pair). A change
    with fewer than two pairs has no row.
    """
    trials = model.trials
    first = np.unique(trials.configuration, return_index=True)[1]
    levels = trials.levels.iloc[first].reset_index(drop=True)
    means = group_means(model.y, trials.configuration)
    rows = []
    for factor in trials.factors:
        others = list(levels.columns.drop(factor.name))
        settings = list(map(tuple, levels[others].to_numpy(object)))
        found = {(level, rest): mean for level, rest, mean in zip(levels[factor.name], settings, means, strict=True)}
        for before, after in _changes(factor):
            rests = [rest for level, rest in found if level == before and (after, rest) in found]
            if len(rests) < 2:
                continue
            differences = np.array([found[after, rest] - found[before, rest] for rest in rests])
            mean, low, high = mean_interval(differences)
            rows.append(
                {
                    "term": factor.name,
                    "change": f"{level_text(before)} → {level_text(after)}",
                    "mean": mean,
                    "low": low,
                    "high": high,
                    "pairs": len(rests),
                    "rising": int((differences > 0).sum()),
                    "falling": int((differences < 0).sum()),
                    "without_partner": sum(level in (before, after) for level, _ in found) - 2 * len(rests),
                }
            )
    columns = ["term", "change", "mean", "low", "high", "pairs", "rising", "falling", "without_partner"]
    return pd.DataFrame(rows, columns=pd.Index(columns))


def _changes(factor: Factor) -> list[tuple[object, object]]:
    if factor.scale == "category":
        return [(factor.levels[0], level) for level in factor.levels[1:]]
    return [(factor.levels[0], factor.levels[-1])]
