"""The response on each test example, which a sweep writes beside its trials: `examples.csv`.

A row for each test example. A column for each configuration and measure, `KEY=LEVEL KEY=LEVEL .../MEASURE`: the keys
in the order of the sweep's factors, the levels as the cells of trials.csv have them. Its cells are the mean over the
seeds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from maskwright.effects.covariance import group_means
from maskwright.effects.trials import Trials, read_trials

_TOLERANCE = 1e-4
"""Relative; the cells have at least 5 digits."""


@dataclass(frozen=True)
class Examples:
    """The response on each test example.

    Attributes:
        values: (G, N) float64, for each configuration of the trials; None if they cannot be used.
        missing: why not, in one line; None where they can be used, and where there is no such file.
    """

    values: np.ndarray | None
    missing: str | None


def read_examples(path: Path, table: pd.DataFrame, factors: Sequence[str], trials: Trials) -> Examples:
    """Read the test examples that belong to some trials.

    They can be used if every trial that counts has its column, without an empty cell among those of the measure's
    examples, and if a column's mean is the configuration's response. The mean is not, for example, if the response is
    not a mean over examples, or if the file is older than the trials.

    Args:
        path: examples.csv; without such a file there are no values.
        table: the trials as `trials.read_trials` returns them.
        factors: the sweep's factors in its order, those that do not vary included.
        trials: what `trials.select_trials` made of the table.

    Raises:
        MaskwrightError: the file is not a CSV with a row below its header.
    """
    if not path.exists():
        return Examples(None, None)
    cells = table.iloc[trials.rows][list(factors)].to_dict("records")
    names = [" ".join(f"{key}={row[key]}" for key in factors) + f"/{trials.response}" for row in cells]
    examples = read_trials(path)
    absent = sorted(set(names) - set(examples.columns))
    if absent:
        return Examples(None, f"{path.name}: no column {absent[0]!r}" + _and_others(len(absent) - 1))
    texts = examples.loc[:, list(dict.fromkeys(names))]
    measured = texts[(texts != "").any(axis=1)]
    numbers = measured.apply(pd.to_numeric, errors="coerce")
    gaps = numbers.columns[~np.isfinite(numbers.to_numpy()).all(axis=0)]
    if numbers.empty or len(gaps):
        return Examples(
            None, f"{path.name}: column {texts.columns[0] if numbers.empty else gaps[0]!r} has empty cells"
        )
    first = np.unique(trials.configuration, return_index=True)[1]
    values = np.stack([numbers[names[index]].to_numpy(float) for index in first])
    means = group_means(trials.y, trials.configuration)
    off = np.flatnonzero(np.abs(values.mean(axis=1) - means) > _TOLERANCE * np.abs(means).max())
    if off.size:
        worst = off[0]
        return Examples(
            None,
            f"{path.name}: column {names[first[worst]]!r} has the mean {values[worst].mean():.6g}, the trials "
            f"{means[worst]:.6g}" + _and_others(off.size - 1),
        )
    return Examples(values, None)


def _and_others(count: int) -> str:
    return f" (and {count} more)" if count else ""
