"""Every number equals what statsmodels, or the definition written out, gives for the same question."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import special
from statsmodels.stats.anova import anova_lm
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.outliers_influence import OLSInfluence
from statsmodels.stats.power import TTestPower

from maskwright.effects.covariance import smallest_detectable
from maskwright.effects.diagnostics import diagnose
from maskwright.effects.model import assess, effects_table, fit_model
from maskwright.effects.tables import anova_table, means_table, plain_table
from maskwright.effects.trials import select_trials

FACTORS = ["batch norm", "activation-fn", "opt.lr", "depth"]
PLAIN = {"batch norm": "bn", "activation-fn": "act", "opt.lr": "lr", "depth": "depth"}


def trials_table(seed=0, seeds=(1, 2, 3), configurations=30):
    """An unbalanced random subset, names that no formula takes, noise that differs between configurations."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(configurations):
        levels = {
            "batch norm": bool(rng.integers(2)),
            "activation-fn": str(rng.choice(["elu", "relu", "selu"])),
            "opt.lr": float(rng.choice([1e-4, 1e-3, 1e-2])),
            "depth": int(rng.choice([1, 2, 3])),
        }
        mean = 0.5 + 0.1 * levels["batch norm"] + 0.05 * (levels["activation-fn"] == "relu")
        mean += 0.02 * np.log10(levels["opt.lr"]) + rng.normal(0, 0.02)
        noise = 0.03 if levels["batch norm"] else 0.01
        for number in range(int(rng.choice(seeds))):
            rows.append({**levels, "seed": number, "score": mean + rng.normal(0, noise)})
    return pd.DataFrame(rows).drop_duplicates([*FACTORS, "seed"], ignore_index=True)


def models(table, interactions=(), formula="bn + C(act, Treatment('relu')) + np.log10(lr) + depth"):
    trials = select_trials(table, "score", FACTORS, declared={"activation-fn": ["relu", "elu", "selu"]})
    ours = fit_model(trials, interactions=interactions)
    data = table.rename(columns=PLAIN)
    data["bn"] = data["bn"].astype(float)
    data["group"] = trials.configuration
    return ours, smf.ols(f"score ~ {formula}", data), data


ORDER = ["bn", "C(act, Treatment('relu'))[T.elu]", "C(act, Treatment('relu'))[T.selu]", "np.log10(lr)", "depth"]


def test_estimates_standard_errors_and_p_without_seeds():
    table = trials_table(seeds=(1,), configurations=60).drop_duplicates(FACTORS, ignore_index=True)
    ours, model, _ = models(table)
    fit = model.fit(cov_type="HC3", use_t=True)
    effects = effects_table(ours)
    scale = np.array([1, 1, 1, 1, 2])  # depth is stated for 1 → 3
    assert ours.covariance.kind == "HC3"
    assert list(effects["change"]) == ["false → true", "relu → elu", "relu → selu", "x10", "1 → 3"]
    np.testing.assert_allclose(effects["estimate"], fit.params[ORDER] * scale)
    np.testing.assert_allclose(effects["standard_error"], fit.bse[ORDER] * scale)
    np.testing.assert_allclose(effects["p"], fit.pvalues[ORDER], rtol=1e-9)
    np.testing.assert_allclose(effects[["low", "high"]], fit.conf_int().loc[ORDER].mul(scale, axis=0))
    np.testing.assert_allclose(effects["p_holm"], multipletests(fit.pvalues[ORDER], method="holm")[1])
    assert set(effects["df"]) == {fit.df_resid}


def test_standardised_coefficients_are_those_of_standardised_columns():
    ours, _, data = models(trials_table())
    numbers = pd.DataFrame(ours.design.matrix[:, 1:]).add_prefix("x").assign(y=data["score"])
    numbers = (numbers - numbers.mean()) / numbers.std()
    fit = smf.ols("y ~ x0 + x1 + x2 + x3 + x4", numbers).fit()
    np.testing.assert_allclose(effects_table(ours)["standardised"], fit.params.drop("Intercept"))


def test_clustered_covariance_and_its_degrees_of_freedom_by_definition():
    ours, _, data = models(trials_table())
    x, group = ours.design.matrix, data["group"].to_numpy()
    assert ours.covariance.kind == "CR2"
    assert len(set(np.bincount(group))) > 1  # unbalanced
    inverse = np.linalg.inv(x.T @ x)
    rest = np.eye(len(x)) - x @ inverse @ x.T
    residual = rest @ ours.y
    meat, adjusted = np.zeros(inverse.shape), []
    for number in range(group.max() + 1):
        mine = group == number
        values, vectors = np.linalg.eigh(rest[np.ix_(mine, mine)])
        root = vectors @ np.diag(values**-0.5) @ vectors.T
        score = x[mine].T @ root @ residual[mine]
        meat += np.outer(score, score)
        adjusted.append((mine, root))
    covariance = inverse @ meat @ inverse
    np.testing.assert_allclose(ours.covariance.matrix, covariance, rtol=1e-8, atol=1e-14)
    for row in np.eye(x.shape[1]):
        # The variance estimate is the sum over clusters of (p_g' residual)**2, p_g = rest[:, g] root x_g inverse row.
        p = np.stack([rest[:, mine] @ root @ x[mine] @ inverse @ row for mine, root in adjusted], axis=1)
        gram = p.T @ p
        assert ours.covariance.degrees(row) == pytest.approx(np.trace(gram) ** 2 / np.sum(gram * gram))


def test_clustered_errors_agree_with_the_common_kind_where_there_are_many_configurations():
    rng = np.random.default_rng(5)
    rate = np.exp(rng.normal(size=400))
    frame = pd.DataFrame({"rate": np.repeat(rate, 2), "seed": np.tile([0, 1], 400)})
    frame["y"] = frame["rate"] + np.repeat(rng.normal(size=400), 2) + rng.normal(size=800)
    trials = select_trials(frame, "y", ["rate"], scales={"rate": "linear"})
    ours = fit_model(trials)
    theirs = smf.ols("y ~ rate", frame).fit(cov_type="cluster", cov_kwds={"groups": trials.configuration})
    error = ours.covariance.standard_error(np.array([0.0, 1.0])) / np.ptp(rate)
    assert error == pytest.approx(theirs.bse["rate"], rel=0.05)


def test_analysis_of_variance_of_an_unbalanced_plan_with_interactions():
    formula = "bn * C(act) + np.log10(lr) + depth + C(act):depth"
    ours, model, _ = models(trials_table(), ("activation-fn:batch norm", "activation-fn:depth"), formula)
    theirs = anova_lm(model.fit(), typ=2)
    table = anova_table(ours, assess(ours)).set_index("term")
    names = {
        "batch norm": "bn",
        "activation-fn": "C(act)",
        "opt.lr": "np.log10(lr)",
        "depth": "depth",
        "batch norm : activation-fn": "bn:C(act)",
        "activation-fn : depth": "C(act):depth",
        "residual": "Residual",
    }
    for name, other in names.items():
        assert table.loc[name, "sum_sq"] == pytest.approx(theirs.loc[other, "sum_sq"])
        assert table.loc[name, "df"] == theirs.loc[other, "df"]
        assert table.loc[name, "p"] == pytest.approx(theirs.loc[other, "PR(>F)"], nan_ok=True)
    assert table.loc["depth", "partial_eta_sq"] == pytest.approx(
        theirs.loc["depth", "sum_sq"] / (theirs.loc["depth", "sum_sq"] + theirs.loc["Residual", "sum_sq"])
    )


def test_lack_of_fit_is_the_comparison_with_one_mean_for_each_configuration():
    ours, model, data = models(trials_table())
    theirs = anova_lm(model.fit(), smf.ols("score ~ C(group)", data).fit())
    quality = assess(ours)
    assert quality.lack_f == pytest.approx(theirs["F"][1])
    assert quality.lack_p == pytest.approx(theirs["Pr(>F)"][1])
    table = anova_table(ours, quality).set_index("term")
    groups = data.groupby("group")
    means = groups[["bn", "act", "lr", "depth"]].first().assign(score=groups["score"].mean(), n=groups.size())
    weighted = smf.wls("score ~ bn + C(act) + np.log10(lr) + depth", means, weights=means["n"]).fit()
    by_configuration = anova_lm(weighted, typ=2)
    assert table.loc["activation-fn", "p_configurations"] == pytest.approx(by_configuration.loc["C(act)", "PR(>F)"])


def test_leaving_out_each_configuration_in_turn():
    ours, model, data = models(trials_table())
    missed = 0.0
    for number in data["group"].unique():
        fit = smf.ols(model.formula, data[data["group"] != number]).fit()
        here = data[data["group"] == number]
        missed += float(((here["score"] - fit.predict(here)) ** 2).sum())
    total = float(((data["score"] - data["score"].mean()) ** 2).sum())
    assert assess(ours).left_out_r2 == pytest.approx(1 - missed / total)


@pytest.mark.parametrize("interactions", [(), ("batch norm:activation-fn", "opt.lr:batch norm")])
def test_estimated_means_average_the_prediction_over_all_levels(interactions):
    formula = "bn + C(act) + np.log10(lr) + depth" + (" + bn:C(act) + np.log10(lr):bn" if interactions else "")
    ours, model, _ = models(trials_table(), interactions, formula)
    fit = model.fit()
    grid = pd.MultiIndex.from_product(
        [[0.0, 1.0], ["elu", "relu", "selu"], [1e-4, 1e-3, 1e-2], [1, 2, 3]], names=["bn", "act", "lr", "depth"]
    ).to_frame(index=False)
    grid["score"] = fit.predict(grid)
    means = means_table(ours).set_index(["factor", "level"])["mean"]
    for factor, column in PLAIN.items():
        for level, expected in grid.groupby(column)["score"].mean().items():
            text = (
                {1.0: "true", 0.0: "false"}[level] if column == "bn" else f"{level:g}" if column != "act" else level
            )
            assert means[factor, text] == pytest.approx(expected)
    if interactions:
        # The effect of a factor is the difference of its means, whatever interacts with it.
        bn = effects_table(ours)["estimate"][0]
        assert bn == pytest.approx(means["batch norm", "true"] - means["batch norm", "false"])


def test_diagnostics():
    ours, model, _ = models(trials_table())
    checks = diagnose(ours, assess(ours))
    influence = OLSInfluence(model.fit())
    np.testing.assert_allclose(checks.leverage, influence.hat_matrix_diag)
    np.testing.assert_allclose(checks.cooks, influence.cooks_distance[0], rtol=1e-8)
    np.testing.assert_allclose(checks.residuals, influence.resid_studentized_internal)
    x = pd.DataFrame(ours.design.matrix[:, 1:]).add_prefix("x")
    r2 = smf.ols("x0 ~ x1 + x2 + x3 + x4", x).fit().rsquared
    assert next(iter(checks.vif.values())) == pytest.approx(1 / (1 - r2))


def test_plain_table_is_the_regression_on_means_without_intercept():
    ours, _, data = models(trials_table())
    means = data.groupby(["bn", "act", "lr", "depth"], as_index=False)["score"].mean()
    fit = smf.ols("score ~ 0 + C(act) + bn + lr + depth", means).fit()
    plain = plain_table(ours.trials)
    rows = plain.rows.set_index("column")
    order = ["batch norm", "opt.lr", "depth", *(f"activation-fn = {name}" for name in ("elu", "relu", "selu"))]
    theirs = ["bn", "lr", "depth", "C(act)[elu]", "C(act)[relu]", "C(act)[selu]"]
    assert plain.configurations == len(means)
    assert plain.r2 == pytest.approx(fit.rsquared)
    np.testing.assert_allclose(rows.loc[order, "estimate"], fit.params[theirs])
    np.testing.assert_allclose(rows.loc[order, "standard_error"], fit.bse[theirs])
    np.testing.assert_allclose(rows.loc[order, "p"], fit.pvalues[theirs], rtol=1e-8)


@pytest.mark.parametrize("runs", [3, 8, 40])
def test_smallest_detectable_effect(runs):
    needed = TTestPower().solve_power(nobs=runs, alpha=0.05, power=0.8)
    assert smallest_detectable(1 / np.sqrt(runs), runs - 1) == pytest.approx(needed, rel=1e-4)


def test_logit_is_the_regression_of_the_log_odds():
    ours, _, data = models(trials_table())
    logit = fit_model(ours.trials, transform="logit")
    fit = smf.ols("special.logit(score) ~ bn + C(act, Treatment('relu')) + np.log10(lr) + depth", data).fit()
    np.testing.assert_allclose(logit.coefficients[1:5], fit.params[ORDER[:4]])
    changed = [special.expit(fit.predict(data.assign(bn=value))).mean() for value in (0.0, 1.0)]
    assert effects_table(logit)["in_response"][0] == pytest.approx(changed[1] - changed[0])
    means = means_table(logit)
    assert means["low"].gt(0).all()
    assert means["high"].lt(1).all()
