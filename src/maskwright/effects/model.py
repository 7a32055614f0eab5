"""What each choice did to the result: a linear model of the trials, and its tables. No TensorFlow.

statsmodels fits `response ~ factors` by ordinary least squares; `design` says what its columns mean, `covariance` how
certain they are, and `tables` adds the plain regression, the analysis of variance and the means.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import special, stats
from statsmodels.stats.multitest import multipletests

from maskwright.effects.covariance import (
    Covariance,
    estimate_covariance,
    group_means,
    means_matrix,
    seeds_covariance,
    smallest_detectable,
)
from maskwright.effects.design import Design, make_design, parse_interactions, term_text
from maskwright.effects.trials import Trials
from maskwright.reporting.intervals import examples_interval
from maskwright.shared.errors import MaskwrightError

Transform = Literal["none", "logit"]

_ONE = 1.0 - 1e-8


@dataclass(frozen=True)
class Model:
    """A fitted model.

    Attributes:
        trials: what it was fitted to.
        transform: "none", or "logit" where y is log(response / (1 - response)).
        design: its columns.
        y: (N,) float64, the response on the model's scale.
        fit: statsmodels' result of ordinary least squares.
        covariance: of the coefficients.
    """

    trials: Trials
    transform: Transform
    design: Design
    y: np.ndarray
    fit: Any
    covariance: Covariance

    @property
    def coefficients(self) -> np.ndarray:
        """(K,) float64, the constant first."""
        return np.asarray(self.fit.params)

    @property
    def residual_df(self) -> int:
        """Runs minus coefficients."""
        return len(self.y) - self.design.matrix.shape[1]

    @property
    def configurations(self) -> int:
        """How many different combinations of levels were run."""
        return int(self.trials.configuration.max()) + 1

    @property
    def has_interactions(self) -> bool:
        """Whether any column is an interaction."""
        return any(len(column.term) > 1 for column in self.design.columns)

    @property
    def unit(self) -> str:
        """What an estimate is measured in."""
        return self.trials.response if self.transform == "none" else f"log-odds of {self.trials.response}"

    def to_response(self, values: np.ndarray) -> np.ndarray:
        """Turn values on the model's scale back into the response's own."""
        return special.expit(values) if self.transform == "logit" else np.asarray(values)


def fit_model(
    trials: Trials, *, interactions: tuple[str, ...] = (), transform: Transform = "none", seeds_only: bool = False
) -> Model:
    """Fit `response ~ factors + interactions`.

    Args:
        trials: as `trials.select_trials` made them.
        interactions: as for `design.parse_interactions`.
        transform: "logit" for a response between 0 and 1 that comes near either end.
        seeds_only: measure chance between the seeds of each configuration only, see `covariance.seeds_covariance`.

    Raises:
        MaskwrightError: the response is the same in all trials, "logit" meets a response that is not between 0 and 1,
            or an interaction names something that does not vary.
    """
    pairs = parse_interactions(interactions, [factor.name for factor in trials.factors])
    design = make_design(trials, pairs)
    y = _transformed(trials, transform)
    fit = sm.OLS(y, design.matrix).fit()
    if seeds_only:
        covariance = seeds_covariance(design.matrix, y, trials.configuration)
    else:
        covariance = estimate_covariance(fit, design.matrix, trials.configuration)
    return Model(trials, transform, design, y, fit, covariance)


def effects_table(model: Model, examples: np.ndarray | None = None) -> pd.DataFrame:
    """Return a row for each effect.

    Columns: `term`, `change`; `estimate`, `low`, `high` (95 % interval over the seeds), `test_low`, `test_high` (95 %
    interval over the test examples, see `reporting.intervals`), `standard_error`, `df` in the unit of the model; `p`,
    `p_holm` (Holm's adjustment, over the effects of factors and over the interactions separately, because the first
    are what the trials were run for); `standardised` (the change of y in its standard deviations for one standard
    deviation of the column); `detectable` (the smallest effect that this plan finds with 80 % power at the 5 % level,
    without adjustment). With "logit" also `in_response`: the mean over the trials of the change in the response's own
    unit; NaN for an interaction. NaN where there is nothing left to measure chance from, or no test example.

    Args:
        model: the model.
        examples: (G, N) the response of each configuration on each test example, the mean over the seeds; None where
            it is not known, and with "logit".
    """
    rows = []
    by_example = None if examples is None else _weights(model) @ examples  # (K, N)
    spread = float(np.std(model.y, ddof=1))
    for index, column in enumerate(model.design.columns, start=1):
        row = np.zeros(len(model.coefficients))
        row[index] = 1.0
        estimate = float(model.coefficients[index])
        low, high = model.covariance.interval(row, estimate)
        error, df = model.covariance.standard_error(row), model.covariance.degrees(row)
        values = {
            "term": term_text(column.term),
            "change": column.change,
            "estimate": estimate,
            "low": low,
            "high": high,
            "test_low": np.nan,
            "test_high": np.nan,
            "standard_error": error,
            "df": df,
            "p": model.covariance.p_value(row, estimate),
            "p_holm": np.nan,
            "standardised": estimate * float(np.std(model.design.matrix[:, index], ddof=1)) / spread,
            "detectable": smallest_detectable(error, df),
        }
        if by_example is not None:
            _, values["test_low"], values["test_high"] = examples_interval(by_example[index])
        if model.transform == "logit":
            values["in_response"] = _change_of_response(model, index)
        rows.append(values)
    table = pd.DataFrame(rows)
    is_pair = np.array([len(column.term) > 1 for column in model.design.columns])
    for family in (~is_pair, is_pair):
        if family.any() and np.isfinite(table.loc[family, "p"].to_numpy()).all():
            table.loc[family, "p_holm"] = multipletests(table.loc[family, "p"], method="holm")[1]
    return table


def _weights(model: Model) -> np.ndarray:
    """Return (K, G): what each configuration's mean adds to each coefficient."""
    weights = np.zeros((len(model.coefficients), model.configurations))
    np.add.at(weights.T, model.trials.configuration, np.linalg.pinv(model.design.matrix).T)
    return weights


@dataclass(frozen=True)
class Quality:
    """How well the model describes the trials; None where the plan cannot tell.

    Attributes:
        r2, adjusted_r2: the share of the variance that it explains.
        left_out_r2: the same if each configuration is predicted by a model fitted without it; can be negative.
        pure_error_df, pure_error: degrees of freedom and mean square of the differences between a configuration's
            seeds.
        lack_df, lack: the same for the configurations' means around the model.
        lack_f, lack_p: F test of lack of fit against pure error; if p is small, the factors do not simply add up.
    """

    r2: float | None
    adjusted_r2: float | None
    left_out_r2: float | None
    pure_error_df: int
    pure_error: float | None
    lack_df: int
    lack: float | None
    lack_f: float | None
    lack_p: float | None


def assess(model: Model) -> Quality:
    """Compare the model with the trials; see `Quality`."""
    group = model.trials.configuration
    means = group_means(model.y, group)
    size = model.design.matrix.shape[1]
    pure = float(np.sum((model.y - means[group]) ** 2))
    lack = max(float(model.fit.ssr) - pure, 0.0)
    pure_df, lack_df = len(model.y) - len(means), len(means) - size
    # An exact agreement leaves only rounding errors.
    tiny = 1e-18 * float(model.fit.uncentered_tss)
    pure, lack = (0.0 if square <= tiny else square for square in (pure, lack))
    testable = pure_df > 0 and lack_df > 0 and pure > 0
    f = (lack / lack_df) / (pure / pure_df) if testable else None
    return Quality(
        r2=float(model.fit.rsquared),
        adjusted_r2=float(model.fit.rsquared_adj) if model.residual_df > 0 else None,
        left_out_r2=_left_out_r2(model),
        pure_error_df=pure_df,
        pure_error=pure / pure_df if pure_df > 0 else None,
        lack_df=lack_df,
        lack=lack / lack_df if lack_df > 0 else None,
        lack_f=f,
        lack_p=float(stats.f.sf(f, lack_df, pure_df)) if f is not None else None,
    )


def _left_out_r2(model: Model) -> float | None:
    # The residual of a configuration that was left out is its mean's residual / (1 - its leverage); the same
    # difference is added for each of its seeds.
    group = model.trials.configuration
    matrix = means_matrix(model.design.matrix, group)
    leverage = np.einsum("gi,ij,gj->g", matrix, np.linalg.pinv(matrix.T @ matrix), matrix)
    if leverage.max() > _ONE:
        return None
    residual = group_means(np.asarray(model.fit.resid), group)
    missed = np.asarray(model.fit.resid) + (residual * leverage / (1.0 - leverage))[group]
    return 1.0 - float(np.sum(missed**2)) / float(model.fit.centered_tss)


def _transformed(trials: Trials, transform: Transform) -> np.ndarray:
    y = trials.y
    if np.ptp(y) <= 1e-12 * np.abs(y).max():
        raise MaskwrightError(
            f"{trials.response} is {y[0]:.6g} in all {len(y)} usable trials: there is nothing to explain"
        )
    if transform == "none":
        return y
    outside = int(np.sum((y <= 0) | (y >= 1)))
    if outside:
        raise MaskwrightError(
            f"{trials.response}: logit needs values between 0 and 1, and {outside} of {len(y)} trials are not "
            f"(from {y.min():.6g} to {y.max():.6g}); do without it"
        )
    return special.logit(y)


def _change_of_response(model: Model, index: int) -> float:
    term = model.design.columns[index - 1].term
    if len(term) > 1:
        return float("nan")
    # The factor moves from one end of the stated change to the other; all else stays as it was in each trial.
    own = [n for n, column in enumerate(model.design.columns, start=1) if column.term == term]
    before = model.design.matrix.copy()
    before[:, own] = 0.0
    after = before.copy()
    after[:, index] = 1.0
    change = model.to_response(after @ model.coefficients) - model.to_response(before @ model.coefficients)
    return float(change.mean())
