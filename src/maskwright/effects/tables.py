"""The other tables of an analysis: the plain regression, the analysis of variance, and the mean at each level."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.formula.api as smf
from scipy import stats

from maskwright.effects.covariance import group_means
from maskwright.effects.design import independent_columns, term_text
from maskwright.effects.factors import level_text
from maskwright.effects.model import Model, Quality
from maskwright.effects.trials import Trials

_MOST_NUMBERS = 8  # levels of a number that are listed one by one


@dataclass(frozen=True)
class PlainTable:
    """The regression as studies without a statistician report it; see `plain_table`.

    Attributes:
        rows: columns `column`, `estimate`, `standard_error`, `t`, `p`, `low`, `high`; ordinary standard errors.
        configurations: how many means it was fitted to.
        r2: its share of explained variance.
        left_out: columns that are sums of earlier ones.
    """

    rows: pd.DataFrame
    configurations: int
    r2: float
    left_out: tuple[str, ...]


def plain_table(trials: Trials) -> PlainTable:
    """Fit the mean over the seeds to 0/1 columns, without an intercept.

    It is the analysis of the study whose 32 attention autoencoders the default sweep repeats, so the numbers can be
    compared.

    A factor with two levels is a switch: one column, 1 at the second level. A number with more levels has one column
    with its values. Every other factor has a column for each level; these columns stand for the mean with all
    switches off and all numbers 0. If no factor has a column for each level, a column of ones does so.
    """
    switches: list[tuple[str, np.ndarray]] = []
    categories: list[tuple[str, np.ndarray]] = []
    for factor in trials.factors:
        values = list(trials.levels[factor.name])
        columns = {
            f"{factor.name} = {level_text(level)}": np.array([v == level for v in values], float)
            for level in factor.levels
        }
        if len(columns) == 2:
            on, column = list(columns.items())[1]
            switches.append((factor.name if factor.levels[1] in ("true", 1.0) else on, column))
        elif factor.scale == "category":
            categories += columns.items()
        else:
            switches.append((factor.name, np.array(values, float)))
    categories = categories or [("constant", np.ones(len(trials.y)))]
    names, blocks = zip(*switches, *categories, strict=True)
    matrix = group_means(np.stack(blocks, axis=1), trials.configuration)
    # Of columns that are sums of each other, a switch is dropped rather than what replaces the intercept.
    kept = np.roll(independent_columns(np.roll(matrix, len(categories), axis=1))[0], -len(categories))
    data = pd.DataFrame(matrix[:, kept], columns=pd.Index([f"x{n}" for n in range(int(kept.sum()))]))
    formula = f"y ~ 0 + {' + '.join(data.columns)}"
    fit = smf.ols(formula, data.assign(y=group_means(trials.y, trials.configuration))).fit()
    # With as many columns as rows, statsmodels would divide by zero degrees of freedom.
    certain = fit.df_resid > 0
    interval = fit.conf_int().to_numpy() if certain else np.full((len(fit.params), 2), np.nan)
    rows = pd.DataFrame(
        {
            "column": [name for name, keep in zip(names, kept, strict=True) if keep],
            "estimate": fit.params.to_numpy(),
            "standard_error": fit.bse.to_numpy() if certain else np.nan,
            "t": fit.tvalues.to_numpy() if certain else np.nan,
            "p": fit.pvalues.to_numpy() if certain else np.nan,
            "low": interval[:, 0],
            "high": interval[:, 1],
        }
    )
    left_out = tuple(name for name, keep in zip(names, kept, strict=True) if not keep)
    return PlainTable(rows, len(matrix), float(fit.rsquared), left_out)


def anova_table(model: Model, quality: Quality) -> pd.DataFrame:
    """Return the analysis of variance, Type II: each term given all terms that do not contain it.

    A row for each term, then `lack of fit` and `pure error` where configurations are replicated, and `residual`.
    Columns: `term`, `df`, `sum_sq`, `mean_sq`; `F`, `p` against the residual of the runs; `partial_eta_sq`, sum_sq /
    (sum_sq + that of the residual); `F_configurations`, `p_configurations` against the lack of fit, as if each
    configuration were one run; read these if the lack of fit is more than chance. NaN where a number does not exist.
    """
    matrix = model.design.matrix
    columns = model.design.columns
    residual, df = float(model.fit.ssr), model.residual_df
    # An exact fit leaves only rounding errors.
    noise = residual if model.covariance.kind != "none" else 0.0
    rows = []
    for term in model.design.terms:
        others = [0, *(n for n, c in enumerate(columns, start=1) if not set(term) <= set(c.term))]
        own = [n for n, c in enumerate(columns, start=1) if c.term == term]
        square = max(_rss(matrix[:, others], model.y) - _rss(matrix[:, others + own], model.y), 0.0)
        rows.append(
            {
                "term": term_text(term),
                "df": len(own),
                "sum_sq": square,
                "mean_sq": square / len(own),
                **_f_test(square / len(own), len(own), noise / df if df > 0 else 0.0, df),
                "partial_eta_sq": square / (square + residual) if df > 0 else np.nan,
                **_f_test(square / len(own), len(own), quality.lack or 0.0, quality.lack_df, "_configurations"),
            }
        )
    table = pd.DataFrame(rows)
    if quality.pure_error is None:
        table = table.assign(F_configurations=np.nan, p_configurations=np.nan)
    ends = []
    if quality.pure_error is not None:
        if quality.lack is not None:
            square = quality.lack * quality.lack_df
            ends.append(("lack of fit", quality.lack_df, square, quality.lack, quality.lack_f, quality.lack_p))
        pure = quality.pure_error * quality.pure_error_df
        ends.append(("pure error", quality.pure_error_df, pure, quality.pure_error, None, None))
    ends.append(("residual", df, residual, residual / df if df > 0 else np.nan, None, None))
    tail = pd.DataFrame(ends, columns=pd.Index(["term", "df", "sum_sq", "mean_sq", "F", "p"]))
    return pd.concat([table, tail.astype({"F": float, "p": float})], ignore_index=True)


def means_table(model: Model) -> pd.DataFrame:
    """Return the estimated marginal mean at each level, as if all levels of the others had been run equally often.

    Columns: `factor`, `level`, `runs`, `observed` (the plain mean of those runs), `mean`, `low`, `high` (95 %), all
    in the response's own unit. Factors with a column that is aliased have no row. For a number with more than 8
    levels only the lowest and the highest are listed.
    """
    rows = []
    unclear = {name for column in model.design.aliased for name in column.term if len(column.term) == 1}
    for factor in model.trials.factors:
        if factor.name in unclear:
            continue
        levels = factor.levels
        if factor.scale != "category" and len(levels) > _MOST_NUMBERS:
            levels = (levels[0], levels[-1])
        for level in levels:
            row = model.design.row({factor.name: level})
            estimate = float(row @ model.coefficients)
            ends = model.covariance.interval(row, estimate)
            mean, low, high = model.to_response(np.array([estimate, *ends]))
            here = (model.trials.levels[factor.name] == level).to_numpy()
            rows.append(
                {
                    "factor": factor.name,
                    "level": level_text(level),
                    "runs": int(here.sum()),
                    "observed": float(model.trials.y[here].mean()),
                    "mean": float(mean),
                    "low": float(low),
                    "high": float(high),
                }
            )
    return pd.DataFrame(rows, columns=pd.Index(["factor", "level", "runs", "observed", "mean", "low", "high"]))


def _rss(matrix: np.ndarray, y: np.ndarray) -> float:
    residual = y - matrix @ np.linalg.lstsq(matrix, y, rcond=None)[0]
    return float(residual @ residual)


def _f_test(mean_square: float, df: int, error: float, error_df: int, suffix: str = "") -> dict[str, float]:
    if not (error > 0 and error_df > 0):
        return {f"F{suffix}": np.nan, f"p{suffix}": np.nan}
    f = mean_square / error
    return {f"F{suffix}": f, f"p{suffix}": float(stats.f.sf(f, df, error_df))}
