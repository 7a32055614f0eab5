"""What a reader is told before the table: plans that decide little, results that fit too well, searches, bounds."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import special

from maskwright.effects.analysis import analyse
from maskwright.effects.design import make_design, parse_interactions
from maskwright.effects.diagnostics import influential_runs, looks_adaptive
from maskwright.effects.model import fit_model
from maskwright.effects.trials import select_trials
from maskwright.shared.errors import MaskwrightError


def study(rows, response="loss", factors=None, **options):
    table = pd.DataFrame(rows)
    factors = factors or [name for name in table.columns if name not in (response, "seed", "started", "search")]
    return analyse(select_trials(table, response, factors), **options)


def grid(seeds=2, noise=0.1, seed=0, **levels):
    rng = np.random.default_rng(seed)
    levels = levels or {"a": [0, 1], "b": [0, 1], "c": ["x", "y", "z"]}
    rows = [dict(zip(levels, values, strict=True)) for values in product(*levels.values())]
    return [{**row, "seed": s, "loss": 1 + row["a"] + rng.normal(0, noise)} for row in rows for s in range(seeds)]


def said(analysis, *words):
    return [line for line in analysis.diagnostics.warnings if all(word in line for word in words)]


def test_a_clean_plan_has_no_warning():
    analysis = study(grid(seed=3))
    assert analysis.diagnostics.warnings == ()
    assert analysis.model.covariance.kind == "CR2"
    assert analysis.effects["p"].between(0, 1).all()


def test_factors_that_change_together():
    rows = [{**row, "twin": row["a"], "opposite": "no" if row["a"] else "yes"} for row in grid()]
    analysis = study(rows, factors=["a", "b", "twin", "opposite"])
    assert said(analysis, "twin 0 → 1 is aliased", "cannot be told apart from a 0 → 1")
    assert said(analysis, "opposite no → yes is aliased", "from a 0 → 1")
    assert list(analysis.effects["term"]) == ["a", "b"]
    assert set(analysis.means["factor"]) == {"a", "b"}
    assert analysis.plain.left_out == ("twin", "opposite = yes")
    assert analysis.effects["p"].notna().all()


def test_an_interaction_whose_cells_are_missing_is_aliased():
    rows = [row for row in grid() if not (row["a"] and row["b"])]
    analysis = study(rows, interactions=("a:b",))
    assert said(analysis, "a 0 → 1 : b 0 → 1 is aliased")
    assert list(analysis.anova["term"][:3]) == ["a", "b", "c"]


def test_as_many_coefficients_as_runs():
    rows = [{"a": a, "b": b, "loss": 1.0 + a + 3 * b + 2 * a * b} for a in (0, 1) for b in (0, 1)]
    analysis = study(rows, interactions=("all",))
    assert analysis.model.residual_df == 0
    assert analysis.effects["estimate"].tolist() == pytest.approx([2.0, 4.0, 2.0])
    assert analysis.effects[["low", "high", "p", "p_holm", "detectable"]].isna().all(axis=None)
    assert analysis.quality.adjusted_r2 is None
    assert analysis.quality.left_out_r2 is None
    assert said(analysis, "as many coefficients as runs")


def test_a_model_that_fits_every_run():
    rows = [
        {"a": a, "b": b, "seed": s, "loss": 0.1 + 0.3 * a - 0.7 * b} for a in (0, 1) for b in (0, 1) for s in (0, 1)
    ]
    analysis = study(rows)
    assert said(analysis, "fits every run exactly")
    assert said(analysis, "4 configurations have the same result in all their runs")
    assert analysis.effects["p"].isna().all()
    assert analysis.quality.lack_p is None
    assert analysis.anova["F"].isna().all()


def test_seeds_that_change_nothing_do_not_make_it_surer():
    once = grid(seeds=1, noise=0.3)
    copies = [{**row, "seed": s} for row in once for s in range(5)]
    analysis = study(copies)
    assert said(analysis, "12 configurations have the same result")
    single, several = study(once).effects, analysis.effects
    assert several["estimate"].tolist() == pytest.approx(single["estimate"].tolist())
    # Two sizes of the same noise: HC3 of 12 runs, CR2 of 12 configurations.
    assert (several["standard_error"] / single["standard_error"]).between(0.7, 1.05).all()


def test_one_change_at_a_time():
    """A configuration that alone decides its coefficient leaves no residual for a robust standard error."""
    rng = np.random.default_rng(0)
    plans = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    rows = [
        {"a": a, "b": b, "c": c, "seed": s, "loss": 1 + a + rng.normal(0, 0.1)} for a, b, c in plans for s in range(3)
    ]
    analysis = study(rows)
    assert analysis.model.covariance.kind == "OLS"
    assert said(analysis, "ordinary (equal variances)", "8 degrees of freedom", "single configuration")
    assert analysis.quality.left_out_r2 is None
    assert analysis.quality.lack_df == 0
    assert analysis.effects["p"][0] < 1e-5


def test_few_configurations():
    rows = grid(a=[0, 1], b=[0, 1], c=[0, 1])
    rows = [row for row in rows if (row["a"], row["b"], row["c"]) not in {(1, 1, 1), (0, 1, 0)}]
    assert said(study(rows), "few configurations (6 for 4 coefficients)")


def test_factors_that_nearly_change_together():
    rng = np.random.default_rng(1)
    rows = [{"a": x, "b": x + rng.normal(0, 0.1), "loss": x + rng.normal(0, 0.1)} for x in rng.normal(size=60)]
    analysis = study(rows)
    assert said(analysis, "VIF above 5", "a ")
    assert min(analysis.diagnostics.vif.values()) > 50


def test_lack_of_fit():
    rng = np.random.default_rng(3)
    plan = [(a, b, s) for a, b in product((0, 1), (0, 1, 2)) for s in range(4)]
    rows = [{"a": a, "b": b, "seed": s, "loss": a + b + 0.5 * a * b + rng.normal(0, 0.1)} for a, b, s in plan]
    assert said(study(rows, interactions=("none",)), "lack of fit (p = ", "the factors do not simply add up")
    assert not said(study(rows, interactions=("all",)), "lack of fit")
    assert not said(study(rows), "lack of fit")


def test_unequal_spread():
    rng = np.random.default_rng(2)
    plan = [(a, b, s) for a, b in product((0, 1), (0, 1)) for s in range(12)]
    rows = [{"a": a, "b": b, "seed": s, "loss": a + rng.normal(0, 1 if a else 0.01)} for a, b, s in plan]
    assert said(study(rows), "unequal spread (Breusch-Pagan p = ")


def test_one_run_that_decides():
    rows = grid(noise=0.02)
    rows[5]["loss"] += 3
    analysis = study(rows)
    (text, distance), *_ = influential_runs(analysis.model, analysis.diagnostics)
    assert text.startswith("a = 0, b = 0, c = z: ")
    assert distance == pytest.approx(np.nanmax(analysis.diagnostics.cooks))


def bounded(name):
    """A score whose log-odds are linear, close to 1 for some."""
    rng = np.random.default_rng(4)
    rows = [{"a": a, "b": b, "seed": s} for a, b in product((0, 1, 2), (0, 1, 2)) for s in range(3)]
    return [{**row, name: special.expit(1.5 * row["a"] + 1.5 * row["b"] + rng.normal(0, 0.2))} for row in rows]


def test_a_bounded_response_that_is_linear_in_its_log_odds():
    rows = bounded("metrics.mIoU")
    analysis = study(rows, "metrics.mIoU")
    assert said(analysis, "metrics.mIoU lies between 0 and 1 and suits the logit scale better")
    logit = study(rows, "metrics.mIoU", transform="logit")
    assert not said(logit, "logit")
    assert not said(logit, "lack of fit")
    assert said(analysis, "lack of fit")
    assert logit.effects["estimate"].tolist() == pytest.approx([3.0, 3.0], abs=0.2)  # of 0 → 2
    assert not said(study(bounded("loss"), "loss"), "logit")  # a loss may be above 1
    assert not said(study(grid(), "loss"), "logit")


def test_a_bounded_response_in_the_middle_needs_no_logit():
    rng = np.random.default_rng(4)
    rows = [
        {"a": a, "seed": s, "accuracy": 0.5 + 0.01 * a + rng.normal(0, 0.01)} for a in (0, 1, 2) for s in range(8)
    ]
    assert not said(study(rows, "accuracy"), "logit")


def test_a_bounded_response_that_reaches_an_end():
    rows = bounded("accuracy")
    for row, value in zip(rows, (1.0, 1.0, 0.0), strict=False):
        row["accuracy"] = value
    (line,) = said(study(rows, "accuracy"), "logit")
    assert line.startswith("accuracy is exactly 0 or 1 in 3 of 27 runs, where its logit would be infinite")
    # A loss may be 0 and has no upper end, and a share in per cent is not of this scale.
    losses = [{**row, "loss": row.pop("accuracy")} for row in rows]
    assert not said(study(losses, "loss"), "logit")
    shares = [{**row, "accuracy": 100 * row.pop("loss")} for row in losses]
    assert not said(study(shares, "accuracy"), "logit")


def test_refused_responses():
    with pytest.raises(MaskwrightError, match=r"logit needs values between 0 and 1, and 24 of 24 trials are not"):
        study([{**row, "loss": row["loss"] + 5} for row in grid()], transform="logit")
    with pytest.raises(MaskwrightError, match=r"loss is 0.5 in all 24 usable trials: there is nothing to explain"):
        study([{**row, "loss": 0.5} for row in grid()])


def test_a_search_that_says_so():
    rows = [{**row, "search": "Optuna"} for row in grid()]
    assert said(study(rows), "the runs come from a search (Optuna)")


def ordered(values, response="loss"):
    rng = np.random.default_rng(0)
    return select_trials(
        pd.DataFrame([{**v, "started": n, response: rng.normal()} for n, v in enumerate(values)]),
        response,
        list(values[0]),
    )


def test_an_adaptive_search_is_recognised_by_when_it_tried_what():
    rng = np.random.default_rng(1)
    # At first anything, later mostly what did well.
    names = [
        *rng.choice(["adam", "sgd", "rmsprop"], 20),
        *rng.choice(["adam", "sgd", "rmsprop"], 40, p=[0.9, 0.05, 0.05]),
    ]
    rates = np.exp(np.concatenate([rng.uniform(-9, -1, 20), rng.normal(-5, 0.3, 40)]))
    trials = ordered([{"optimiser": str(n), "rate": float(r)} for n, r in zip(names, rates, strict=True)])
    assert looks_adaptive(trials) == ["optimiser", "rate"]


def test_grids_and_random_searches_are_not_taken_for_adaptive_ones():
    nested = [{"a": a, "b": b, "c": c} for a, b, c in product("xyz", [1, 2, 3, 4], [True, False])]
    assert looks_adaptive(ordered(nested)) == []
    rng = np.random.default_rng(2)
    named = 0
    for _ in range(100):
        random = [{"a": str(rng.choice(list("xyz"))), "rate": float(np.exp(rng.uniform(-9, -1)))} for _ in range(60)]
        named += bool(looks_adaptive(ordered(random)))
    assert named <= 4  # 1 % each, and both conditions for a category


def test_interactions_by_name():
    names = ["a", "b", "x:y"]
    assert parse_interactions(["none"], names) == []
    assert parse_interactions(["all"], names) == [("a", "b"), ("a", "x:y"), ("b", "x:y")]
    assert parse_interactions(["b:a", "a:b", "x:y : b"], names) == [("a", "b"), ("b", "x:y")]
    for wrong in ("a", "a:a", "a:b:c"):
        with pytest.raises(MaskwrightError, match="write two different factors as A:B"):
            parse_interactions([wrong], names)
    with pytest.raises(MaskwrightError, match="interaction of d: not a factor; there is a, b, x:y"):
        parse_interactions(["a:d"], names)


def test_rows_of_the_design_are_those_of_the_trials():
    trials = select_trials(pd.DataFrame(grid()), "loss", ["a", "b", "c"])
    design = make_design(trials, [("a", "c"), ("b", "c")])
    for number, levels in enumerate(trials.levels.to_dict("records")):
        np.testing.assert_allclose(design.row(levels), design.matrix[number], atol=1e-12)
    assert fit_model(trials, interactions=("a:c", "b:c")).design.matrix.shape == (24, 9)
