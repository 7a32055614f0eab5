"""Whether the model can be trusted: residuals, influence, collinearity, bounds, and how the trials were chosen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats
from statsmodels.stats.diagnostic import het_breuschpagan
from statsmodels.stats.outliers_influence import OLSInfluence, variance_inflation_factor

from maskwright.effects.factors import level_text
from maskwright.effects.model import Model, Quality
from maskwright.effects.trials import Trials

_BOUNDED = {
    *("iou", "miou", "jaccard", "dice", "accuracy", "acc", "precision", "recall", "sensitivity", "specificity", "f1"),
    *("auc", "auroc", "ap", "ap50", "ap75", "map", "map50", "purity", "coverage", "share", "fraction", "rate"),
}
_HIGH_VIF = 5.0
_CLEARLY = 2.0  # difference in log-likelihood, with equally many parameters: odds of e**2, 7 to 1
_SUSPICIOUS = 0.01
_MOST_ALIASED = 3  # interactions that are named one by one
_LEAST_RUNS = 12  # with fewer, the order in time says nothing


@dataclass(frozen=True)
class Diagnostics:
    """Checks of a fitted model.

    Attributes:
        breusch_pagan_p: small where the residuals' spread depends on the factors; None where nothing is left to test.
        residuals: (N,) internally studentised residuals; NaN where a run is fitted exactly.
        leverage: (N,) from 0 to 1, how much a run decides its own fitted value.
        cooks: (N,) Cook's distance, how far the coefficients move without the run.
        vif: variance inflation factor of each column, by label: 1 if it shares nothing with the others.
        warnings: what a reader must know before reading the table, one line each, the most serious first.
    """

    breusch_pagan_p: float | None
    residuals: np.ndarray
    leverage: np.ndarray
    cooks: np.ndarray
    vif: dict[str, float]
    warnings: tuple[str, ...]


def diagnose(model: Model, quality: Quality) -> Diagnostics:
    """Check a fitted model, and say in words what matters."""
    matrix = model.design.matrix
    informative = model.covariance.kind != "none"
    influence = OLSInfluence(model.fit)
    leverage = np.clip(np.asarray(influence.hat_matrix_diag), 0.0, 1.0)
    free = leverage < 1.0 - 1e-8
    studentised, cooks = np.full(len(model.y), np.nan), np.full(len(model.y), np.nan)
    if informative:
        scale = np.sqrt(model.fit.mse_resid * (1.0 - leverage[free]))
        studentised[free] = np.asarray(model.fit.resid)[free] / scale
        cooks[free] = studentised[free] ** 2 * leverage[free] / (1.0 - leverage[free]) / matrix.shape[1]
    breusch_pagan = float(het_breuschpagan(model.fit.resid, matrix)[1]) if informative else None
    labels = [column.label for column in model.design.columns]
    several = matrix.shape[1] > 2
    vif = {
        label: float(variance_inflation_factor(matrix, index)) if several else 1.0
        for index, label in enumerate(labels, start=1)
    }
    warnings = [
        *_about_choice(model.trials),
        *_about_failures(model.trials),
        *_about_plan(model, vif),
        *_about_fit(model, quality, breusch_pagan),
    ]
    return Diagnostics(breusch_pagan, studentised, leverage, cooks, vif, tuple(warnings))


def logit_gain(trials: Trials, columns: np.ndarray) -> float | None:
    """Return by how much the log-likelihood is larger with the logit of the response than with the response itself.

    Both are normal models with the same columns (N, K); the density of the logit is brought back to the response's
    scale, which adds -sum(log(y (1 - y))). None if the response's name (mIoU, accuracy, ...) does not say that it
    lies between 0 and 1, if a value reaches a bound, or if either model fits exactly.
    """
    y = trials.y
    if not _is_share(trials) or y.min() == 0 or y.max() == 1 or len(y) <= columns.shape[1]:
        return None
    spreads = []
    for values in (y, special.logit(y)):
        residual = values - columns @ np.linalg.lstsq(columns, values, rcond=None)[0]
        spreads.append(float(residual @ residual))
    if min(spreads) <= 1e-18 * len(y):
        return None
    return 0.5 * len(y) * float(np.log(spreads[0] / spreads[1])) - float(np.sum(np.log(y * (1.0 - y))))


def _is_share(trials: Trials) -> bool:
    """Return whether the response lies between 0 and 1 according to its name, and no value contradicts that."""
    words = set(re.split(r"[^a-z0-9]+", trials.response.casefold()))
    return bool(words & _BOUNDED) and bool(np.all((trials.y >= 0) & (trials.y <= 1)))


def looks_adaptive(trials: Trials) -> list[str]:
    """Return the factors whose levels look as if earlier results had decided which to try next.

    A rule of thumb, for tables that record when each trial started: a factor is named if its levels do not occur
    equally often (a chi-squared test; numbers that hardly repeat count as unequal) and its levels depend on the time
    (Kruskal-Wallis of the order across levels; for numbers that hardly repeat, Spearman's correlation of the order
    with the value or with its distance from the median), both at 1 %, divided by the number of tests. A full grid
    passes by its equal counts and a random search by its order. An interrupted grid may be named wrongly, and a short
    or cautious search may be missed.
    """
    if trials.started is None or len(trials.y) < _LEAST_RUNS:
        return []
    order = stats.rankdata(trials.started)
    limit = _SUSPICIOUS / len(trials.factors)
    named = []
    for factor in trials.factors:
        values = trials.levels[factor.name]
        counts = values.value_counts()
        if factor.scale != "category" and len(counts) > len(values) / 3:
            numbers = factor.codes(list(values))[:, 0]
            spread = np.abs(numbers - np.median(numbers))
            # Two tests, so twice the smaller p.
            p = 2 * min(_rank_correlation_p(order, x) for x in (numbers, spread))
            unequal = True
        else:
            groups = [order[(values == level).to_numpy()] for level in counts.index]
            p = float(stats.kruskal(*groups).pvalue)
            unequal = float(stats.chisquare(counts.to_numpy()).pvalue) < limit
        if unequal and p < limit:
            named.append(factor.name)
    return named


def _rank_correlation_p(one: np.ndarray, other: np.ndarray) -> float:
    result: Any = stats.spearmanr(one, other)
    return float(result.pvalue)


def _about_choice(trials: Trials) -> list[str]:
    tail = (
        "then levels that did well, some of them by luck, were tried more often, and effects and intervals are biased"
    )
    if trials.search is not None:
        return [f"the runs come from a search ({trials.search}); unless its sampler was a grid or random, {tail[5:]}"]
    named = looks_adaptive(trials)
    if named:
        which = ", ".join(named)
        return [f"levels of {which} were tried unequally often, depending on when; if a search chose them, {tail}"]
    return []


def _about_failures(trials: Trials) -> list[str]:
    count = sum(trials.failed.values())
    if not count:
        return []
    reasons = ", ".join(f"{number} {reason}" for reason, number in list(trials.failed.items())[:3])
    return [
        f"{count} of {count + len(trials.y)} trials have no result ({reasons}); where some levels fail more often, "
        "their effects are those of the trials that got through"
    ]


def _about_plan(model: Model, vif: dict[str, float]) -> list[str]:
    aliased = model.design.aliased
    pairs = [column for column in aliased if len(column.term) > 1]
    listed = [column for column in aliased if column not in pairs or len(pairs) <= _MOST_ALIASED]
    warnings = [
        f"{column.label} is aliased: in these trials it cannot be told apart from {aliased[column]}; it is left out"
        for column in listed
    ]
    if len(listed) < len(aliased):
        warnings.append(
            f"{len(pairs)} columns of interactions are aliased: in these trials they cannot be told apart from "
            "others; they are left out, and summary.txt lists them"
        )
    if model.covariance.kind in ("none", "OLS"):
        warnings.append(f"standard errors: {model.covariance.text}")
    elif model.covariance.kind == "CR2":
        size = len(model.coefficients)
        fewest = min(model.covariance.degrees(row) for row in np.eye(size)[1:])
        if fewest < 4:
            warnings.append(
                f"few configurations ({model.configurations} for {size} coefficients): some effects have only "
                f"{fewest:.1f} degrees of freedom, so their intervals are wide and their p rough"
            )
    high = [f"{label}: {value:.0f}" for label, value in vif.items() if value > _HIGH_VIF]
    if high:
        warnings.append(
            f"some columns nearly repeat others (VIF above 5: {', '.join(high[:4])}): their intervals are wide"
        )
    if model.trials.seeds is None and model.configurations < len(model.y):
        warnings.append("no column tells the seed: runs with the same levels are taken for independent repetitions")
    identical = _identical_seeds(model)
    if identical:
        warnings.append(
            f"{identical} configurations have the same result in all their runs, which may then be copies of one run"
        )
    return warnings


def _about_fit(model: Model, quality: Quality, breusch_pagan: float | None) -> list[str]:
    warnings = []
    if model.transform == "none":
        gain = logit_gain(model.trials, model.design.matrix)
        fitted = np.asarray(model.fit.fittedvalues)
        beyond = gain is not None and (fitted.min() < 0 or fitted.max() > 1)
        if gain is not None and (gain > _CLEARLY or beyond):
            why = "the model predicts values beyond 0 and 1" if beyond else "equal steps fit better there"
            warnings.append(f"{model.trials.response} lies between 0 and 1 and suits the logit scale better: {why}")
        at_ends = int(np.isin(model.trials.y, (0, 1)).sum()) if _is_share(model.trials) else 0
        if at_ends:
            warnings.append(
                f"{model.trials.response} is exactly 0 or 1 in {at_ends} of {len(model.y)} runs, where its logit "
                "would be infinite; whether that scale suits it better cannot be told"
            )
    if quality.lack_p is not None and quality.lack_p < 0.05:
        warnings.append(f"lack of fit (p = {quality.lack_p:.2g}): {_about_lack(model)}")
    if breusch_pagan is not None and breusch_pagan < 0.05:
        remedy = (
            "the ANOVA's p assume equal spread"
            if model.covariance.kind != "OLS"
            else "the intervals assume equal spread"
        )
        warnings.append(f"unequal spread (Breusch-Pagan p = {breusch_pagan:.2g}): {remedy}")
    if quality.left_out_r2 is not None and quality.left_out_r2 < 0:
        warnings.append("a configuration is predicted worse by the model of the others than by the overall mean")
    return warnings


def _about_lack(model: Model) -> str:
    """Say what it means that the model does not fit, and what its intervals make of it."""
    if not model.has_interactions:
        return (
            "the factors do not simply add up, and what they do together counts as chance, so the intervals are "
            "wide; in anova.csv use p_configurations"
        )
    left = "three or more factors act together, or an interaction is missing"
    if model.covariance.kind == "seeds":
        return f"{left}; an effect is the average over the configurations that were run, and nothing beyond them"
    return f"{left}; this counts as chance, so the intervals are wide; in anova.csv use p_configurations"


def _identical_seeds(model: Model) -> int:
    results = [model.trials.y[model.trials.configuration == number] for number in range(model.configurations)]
    return sum(len(values) > 1 and np.ptp(values) == 0 for values in results)


def influential_runs(model: Model, diagnostics: Diagnostics, most: int = 5) -> Sequence[tuple[str, float]]:
    """Describe the runs whose Cook's distance, returned with each, is above min(1, 4 / N), the largest first."""
    limit = min(1.0, 4.0 / len(model.y))
    found = [n for n in np.argsort(-np.nan_to_num(diagnostics.cooks)) if diagnostics.cooks[n] > limit][:most]
    named = []
    for number in found:
        levels = ", ".join(
            f"{name} = {level_text(model.trials.levels[name].iloc[number])}" for name in model.trials.levels.columns
        )
        named.append((f"{levels}: {model.trials.y[number]:.4g}", float(diagnostics.cooks[number])))
    return named
