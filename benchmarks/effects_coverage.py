"""How often do "95 %" intervals of effects contain the truth? Two comparisons, over simulated sweeps.

    python benchmarks/effects_coverage.py       # two minutes on one core

Three switches and an activation with four levels, two seeds for each configuration, normal luck that is equal
everywhere, and no effect on average. A line for each plan: the share of intervals of the factors that contain 0,
lowest and highest over the coefficients, and the mean width of the first switch's.

First the standard errors (`effects.covariance`), where the factors do add up: the usual CR1 against CR2. Then the
rule (`effects.choice`), with and without an interaction: the additive model, what the rule chooses, and the other way
to choose, which adds the largest interactions until the lack of fit is no longer significant.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd
import statsmodels.api as sm
from scipy import stats

from maskwright.effects.choice import SIGNIFICANT, choose_model
from maskwright.effects.covariance import estimate_covariance
from maskwright.effects.model import Model, assess, fit_model
from maskwright.effects.trials import Trials, select_trials

DRAWS = 2000
DRAWS_OF_THE_RULE = 300
SEEDS = 2
NAMES = ("norm", "dropout", "attention", "activation")


def plans() -> dict[str, np.ndarray]:
    full = np.array(list(product([0, 1], [0, 1], [0, 1], range(4))))
    rng = np.random.default_rng(3)
    chosen = rng.choice(len(full), 14, replace=False)
    return {
        "all 32 configurations": full,
        "a half fraction, 16": full[full.sum(axis=1) % 2 == 0],
        "14 of the 32 at random": full[chosen],
        "8, three switches": full[full[:, 3] == 0],
    }


def columns(plan: np.ndarray) -> np.ndarray:
    matrix = np.column_stack([np.ones(len(plan)), plan[:, :3], *(plan[:, 3] == level for level in (1, 2, 3))])
    matrix = matrix[:, [0, *(n for n in range(1, 7) if np.ptp(matrix[:, n]) > 0)]]
    return np.repeat(matrix, SEEDS, axis=0)


def compare_standard_errors() -> None:
    rng = np.random.default_rng(0)
    for name, plan in plans().items():
        matrix, configuration = columns(plan), np.repeat(np.arange(len(plan)), SEEDS)
        rows = np.eye(matrix.shape[1])[1:]
        covered = np.zeros((2, len(rows)))
        for _ in range(DRAWS):
            model = sm.OLS(rng.normal(size=len(matrix)), matrix)
            usual = model.fit(cov_type="cluster", cov_kwds={"groups": configuration})
            reach = stats.t.ppf(0.975, len(plan) - 1) * usual.bse[1:]
            covered[0] += np.abs(usual.params[1:]) <= reach
            fit = model.fit()
            ours = estimate_covariance(fit, matrix, configuration)
            ends = np.array([ours.interval(row, value) for row, value in zip(rows, fit.params[1:], strict=True)])
            covered[1] += (ends[:, 0] <= 0) & (ends[:, 1] >= 0)
        shares = covered / DRAWS
        told = (
            f"{kind} {share.min():.3f} to {share.max():.3f}"
            for kind, share in zip(("CR1", "CR2"), shares, strict=True)
        )
        print(f"{name:24}", *told, sep="   ", flush=True)


def interaction(plan: np.ndarray, size: float) -> np.ndarray:
    """Return (G,): norm changes more with the second activation and with dropout; 0 on average over all 32."""
    norm, dropout = plan[:, 0] - 0.5, plan[:, 1] - 0.5
    # With the first activation alone, as in the plan of three switches, the second term is all there is.
    second = (plan[:, 3] == 1) - 0.25 if np.ptp(plan[:, 3]) else 0.0
    return size * norm * (second + dropout)


def compare_rules() -> None:
    for name, plan in plans().items():
        chosen = [plan] if "random" not in name else list(random_plans(len(plan)))
        for size in (0.0, 2.0, 6.0):
            told = "   ".join(_coverage([(trials_of(one), interaction(one, size)) for one in chosen]))
            print(f"{name:24} interaction {size:.0f}   {told}", flush=True)


def random_plans(configurations: int) -> Iterator[np.ndarray]:
    """Yield ten choices among the 32, because what a plan confuses depends on the choice."""
    full = plans()["all 32 configurations"]
    for seed in range(10):
        yield full[np.random.default_rng(100 + seed).choice(len(full), configurations, replace=False)]


def trials_of(plan: np.ndarray) -> Trials:
    table = pd.DataFrame(np.repeat(plan, SEEDS, axis=0), columns=pd.Index(NAMES)).astype(str)
    table = table.assign(seed=np.tile(range(SEEDS), len(plan)), y=np.arange(float(SEEDS * len(plan))))
    varied = [factor for factor in NAMES if len(set(table[factor])) > 1]
    # The reference is the level "0", whichever is the most frequent.
    declared = {name: sorted(set(table[name])) for name in varied}
    return select_trials(table, "y", varied, declared=declared, scales=dict.fromkeys(varied, "category"))


def _coverage(chosen: list[tuple[Trials, np.ndarray]]) -> Iterator[str]:
    rng = np.random.default_rng(0)
    mains = sum(len(factor.changes) for factor in chosen[0][0].factors)
    kinds = ("additive", "rule", "largest first")
    covered, width = {kind: np.zeros(mains) for kind in kinds}, dict.fromkeys(kinds, 0.0)
    for number in range(DRAWS_OF_THE_RULE):
        trials, mean = chosen[number % len(chosen)]
        drawn = replace(trials, y=np.repeat(mean, SEEDS) + rng.normal(size=len(trials.y)))
        choice = choose_model(drawn)
        models = (choice.additive, choice.model, largest_first(drawn, choice.additive))
        for kind, model in zip(kinds, models, strict=True):
            rows = np.eye(len(model.coefficients))[1 : mains + 1]
            values = zip(rows, model.coefficients[1:], strict=False)
            ends = np.array([model.covariance.interval(row, value) for row, value in values])
            covered[kind] += (ends[:, 0] <= 0) & (ends[:, 1] >= 0)
            width[kind] += float(ends[0, 1] - ends[0, 0]) / DRAWS_OF_THE_RULE
    for kind in kinds:
        share = covered[kind] / DRAWS_OF_THE_RULE
        yield f"{kind} {share.min():.3f} to {share.max():.3f} ({width[kind]:.1f})"


def largest_first(trials: Trials, model: Model) -> Model:
    """Add the interaction that leaves the least lack of fit, until what is left is not significant."""
    left = [f"{one}:{other}" for one, other in combinations((factor.name for factor in trials.factors), 2)]
    added: list[str] = []
    p = assess(model).lack_p
    while left and p is not None and p < SIGNIFICANT:
        tried = {pair: fit_model(trials, interactions=(*added, pair)) for pair in left}
        fits = {pair: found for pair, one in tried.items() if (found := assess(one).lack_p) is not None}
        if not fits:
            break
        best = max(fits, key=lambda pair: fits[pair])
        added.append(best)
        left.remove(best)
        model, p = tried[best], fits[best]
    return model


def main() -> None:
    compare_standard_errors()
    compare_rules()


if __name__ == "__main__":
    main()
