"""How certain the estimates are: the covariance of the coefficients, and the degrees of freedom that go with it.

Every factor is the same for all seeds of a configuration. So the residuals of a configuration's seeds count as one,
and a cluster-robust covariance is a heteroscedasticity-robust one of the regression on the configurations' means,
weighted by their numbers of seeds. With few configurations, CR2 (HC2 there) with the degrees of freedom of Bell and
McCaffrey keeps its nominal coverage. The common CR1 with "configurations - 1" does not: for a half fraction with 16
configurations and 7 coefficients, its "95 %" intervals cover the truth 87 to 91 times in 100
(`benchmarks/effects_coverage.py`).

References: R. M. Bell, D. F. McCaffrey, Bias reduction in standard errors for linear regression with multi-stage
samples, Survey Methodology 28 (2002); G. W. Imbens, M. Kolesár, Robust standard errors in small samples, Review of
Economics and Statistics 98 (2016), doi:10.1162/REST_a_00552; J. G. MacKinnon, H. White, Journal of Econometrics 29
(1985), for HC2 and HC3.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import statsmodels.api as sm
from scipy import special, stats

_ONE = 1.0 - 1e-8
_EXACT = 1e-18

Kind = Literal["CR2", "HC3", "OLS", "seeds", "none"]


@dataclass(frozen=True)
class Covariance:
    """A covariance of the coefficients.

    Attributes:
        kind: "CR2", "HC3", "OLS" (ordinary), "seeds" (from the spread of each configuration's seeds) or "none"
            (nothing left to estimate it from).
        text: what it is and why, in words.
        matrix: (K, K) float64; NaN where there is none.
    """

    kind: Kind
    text: str
    matrix: np.ndarray
    _df: float
    _whitened: np.ndarray

    def standard_error(self, row: np.ndarray) -> float:
        """Return the standard error of `row @ coefficients`."""
        return float(np.sqrt(max(row @ self.matrix @ row, 0.0))) if self.kind != "none" else float("nan")

    def degrees(self, row: np.ndarray) -> float:
        """Return the degrees of freedom for `row @ coefficients`; for CR2 those of Bell and McCaffrey."""
        if self.kind != "CR2":
            return self._df
        x = self._whitened
        inverse = np.linalg.inv(x.T @ x)
        leverage = np.einsum("gi,ij,gj->g", x, inverse, x)
        weight = (x @ inverse @ row) ** 2 / (1.0 - leverage)  # (G,); the variance is sum(weight * residual**2)
        # With M = I - H: trace(M diag(w)) and trace of its square, without the (G, G) matrix.
        inner = inverse @ (x.T @ (weight[:, None] * x))
        first = float(weight @ (1.0 - leverage))
        second = float(weight**2 @ (1.0 - 2.0 * leverage)) + float(np.trace(inner @ inner))
        return first**2 / second if second > 0 else self._df

    def interval(self, row: np.ndarray, estimate: float, level: float = 0.95) -> tuple[float, float]:
        """Return the two ends of the interval around `estimate`, the value of `row @ coefficients`."""
        reach = stats.t.ppf(0.5 + level / 2, self.degrees(row)) * self.standard_error(row)
        return float(estimate - reach), float(estimate + reach)

    def p_value(self, row: np.ndarray, estimate: float) -> float:
        """Return the two-sided p-value of `estimate`, the value of `row @ coefficients`, against 0."""
        error = self.standard_error(row)
        return float(2 * stats.t.sf(abs(estimate) / error, self.degrees(row))) if error > 0 else float("nan")


def estimate_covariance(fit: Any, matrix: np.ndarray, configuration: np.ndarray) -> Covariance:
    """Choose and compute the covariance: CR2 where configurations are replicated, else HC3, else the ordinary one.

    The ordinary one is used where a robust one does not exist: a configuration (or a run) that alone decides a
    coefficient is fitted exactly, so its residual says nothing.

    Args:
        fit: statsmodels' OLS result.
        matrix: (N, K) the columns of that model.
        configuration: (N,) which configuration each run has, from 0.
    """
    runs, size = matrix.shape
    number = int(configuration.max()) + 1
    df = float(runs - size)
    nothing = np.full((size, size), np.nan)
    if df <= 0:
        text = "none: as many coefficients as runs, so nothing is left to tell effect from chance"
        return Covariance("none", text, nothing, float("nan"), matrix)
    if fit.ssr <= _EXACT * max(fit.uncentered_tss, fit.centered_tss):
        text = "none: the model fits every run exactly, so there is no chance variation to measure"
        return Covariance("none", text, nothing, float("nan"), matrix)
    whitened, kind = (means_matrix(matrix, configuration), "CR2") if number < runs else (matrix, "HC3")
    leverage = np.einsum("gi,ij,gj->g", whitened, np.linalg.pinv(whitened.T @ whitened), whitened)
    if len(whitened) <= size or leverage.max() > _ONE:
        alone = "configuration" if number < runs else "run"
        text = (
            f"ordinary (equal variances), Student's t with {df:g} degrees of freedom; no robust one exists, because "
            f"a single {alone} decides a coefficient alone"
        )
        return Covariance("OLS", text, np.asarray(fit.cov_params()), df, matrix)
    if kind == "HC3":
        text = f"robust to unequal variances (HC3), Student's t with {df:g} degrees of freedom"
        return Covariance("HC3", text, fit.get_robustcov_results("HC3").cov_params(), df, matrix)
    means = group_means(np.asarray(fit.model.endog), configuration) * np.sqrt(np.bincount(configuration))
    clustered = sm.OLS(means, whitened).fit(cov_type="HC2").cov_params()
    text = (
        f"clustered by configuration (CR2, {number} clusters), Student's t with the degrees of freedom of Bell and "
        "McCaffrey for each effect"
    )
    return Covariance("CR2", text, np.asarray(clustered), df, whitened)


def seeds_covariance(matrix: np.ndarray, y: np.ndarray, configuration: np.ndarray) -> Covariance:
    """Compute the covariance over other seeds for the same configurations, whatever the model leaves unexplained.

    It is that of least squares with the variance of the seeds around their configuration's mean (pure error) in place
    of the residual variance, and with its degrees of freedom, runs less configurations.

    Args:
        matrix: (N, K) the columns of the model.
        y: (N,) the response; at least one configuration has two seeds with different results.
        configuration: (N,) which configuration each run has, from 0.
    """
    df = len(y) - int(configuration.max()) - 1
    variance = float(np.sum((y - group_means(y, configuration)[configuration]) ** 2)) / df
    text = (
        f"from the spread of each configuration's seeds (equal variances), Student's t with {df} degrees of freedom; "
        "they are about other seeds, not about other configurations"
    )
    return Covariance("seeds", text, variance * np.linalg.inv(matrix.T @ matrix), float(df), matrix)


def group_means(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return the mean of `values`, (N,) or (N, K), for each group from 0."""
    sums = np.zeros((int(group.max()) + 1, *values.shape[1:]))
    np.add.at(sums, group, values)
    return sums / np.bincount(group).reshape(-1, *[1] * (values.ndim - 1))


def means_matrix(matrix: np.ndarray, configuration: np.ndarray) -> np.ndarray:
    """Return (G, K): one row for each configuration, times the square root of its number of runs."""
    return group_means(matrix, configuration) * np.sqrt(np.bincount(configuration))[:, None]


def smallest_detectable(error: float, degrees: float, power: float = 0.8, level: float = 0.05) -> float:
    """Return the effect that a two-sided t test at `level` finds with probability `power`, in the units of `error`.

    Only the larger tail of the noncentral t distribution is used; a large effect is practically never found with the
    wrong sign.
    """
    if not (error > 0 and degrees > 0):
        return float("nan")
    critical = stats.t.ppf(1 - level / 2, degrees)
    # The noncentrality at which the statistic stays below `critical` with probability 1 - power.
    return float(special.nctdtrinc(degrees, 1 - power, critical)) * error
