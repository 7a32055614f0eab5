"""How often do "95 %" intervals of effects contain the truth? CR2 (`analysis.covariance`) against the usual CR1.

    python benchmarks/effects_coverage.py       # a minute on one core

Sweeps are simulated: three switches and an activation with four levels, two seeds for each configuration, normal luck
that is equal everywhere and no effect at all. A line for each plan: the share of intervals that contain 0, lowest and
highest over the coefficients.
"""

from itertools import product

import numpy as np
import statsmodels.api as sm
from scipy import stats

from maskwright.effects.covariance import estimate_covariance

DRAWS = 2000
SEEDS = 2


def plans() -> dict[str, np.ndarray]:
    full = np.array(list(product([0, 1], [0, 1], [0, 1], range(4))))
    chosen = np.random.default_rng(3).choice(len(full), 14, replace=False)
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


def main() -> None:
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
        print(f"{name:24}", *told, sep="   ")


if __name__ == "__main__":
    main()
