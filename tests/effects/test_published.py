"""D. C. Montgomery, Design and Analysis of Experiments, the filtration rate: the tables that the book prints."""

import pandas as pd
import pytest

from maskwright.effects.model import assess, effects_table, fit_model
from maskwright.effects.tables import anova_table, means_table, plain_table
from maskwright.effects.trials import select_trials

# Temperature, pressure, concentration of formaldehyde, stirring rate; in standard order, A fastest.
RATES = [45, 71, 48, 65, 68, 60, 80, 65, 43, 100, 45, 104, 75, 86, 70, 96]
ROWS = [
    {"A": number & 1, "B": number >> 1 & 1, "C": number >> 2 & 1, "D": number >> 3 & 1, "rate": rate}
    for number, rate in enumerate(RATES)
]


def fitted(factors, interactions=()):
    return fit_model(select_trials(pd.DataFrame(ROWS), "rate", list(factors)), interactions=interactions)


def test_effects_and_sums_of_squares_of_all_two_way_terms():
    model = fitted("ABCD", ("all",))
    effects = effects_table(model).set_index("term")["estimate"]
    # The book's interaction effect is half the difference of two effects; here it is the difference.
    published = {"A": 21.625, "B": 3.125, "C": 9.875, "D": 14.625}
    published |= {"A : B": 2 * 0.125, "A : C": 2 * -18.125, "A : D": 2 * 16.625}
    published |= {"B : C": 2 * 2.375, "B : D": 2 * -0.375, "C : D": 2 * -1.125}
    assert effects.to_dict() == pytest.approx(published, abs=1e-9)
    squares = anova_table(model, assess(model)).set_index("term")["sum_sq"]
    sums = {"A": 1870.5625, "B": 39.0625, "C": 390.0625, "D": 855.5625, "A : B": 0.0625, "A : C": 1314.0625}
    sums |= {"A : D": 1105.5625, "B : C": 22.5625, "B : D": 0.5625, "C : D": 5.0625}
    assert squares.drop("residual").to_dict() == pytest.approx(sums, abs=1e-8)


def test_the_reduced_model_of_the_book():
    model = fitted("ABCD", ("A:C", "A:D"))
    without_b = fitted("ACD", ("A:C", "A:D"))
    quality = assess(without_b)
    assert without_b.coefficients.size == 6
    assert quality.r2 == pytest.approx(0.9660, abs=5e-5)
    assert quality.adjusted_r2 == pytest.approx(0.9489, abs=5e-5)
    assert effects_table(model)["estimate"][1] == pytest.approx(3.125)  # B changes nothing of the others
    means = means_table(model).set_index(["factor", "level"])["mean"]
    assert means["A", "0"] == pytest.approx(70.0625 - 21.625 / 2)
    assert means["A", "1"] == pytest.approx(70.0625 + 21.625 / 2)


def test_prediction_of_runs_left_out():
    # In an orthogonal plan every run has the same leverage, 7 / 16 with 7 coefficients.
    model = fitted("ABCD", ("A:C", "A:D"))
    residual = model.y - model.fit.fittedvalues
    press = ((residual / (1 - 7 / 16)) ** 2).sum()
    assert assess(model).left_out_r2 == pytest.approx(1 - press / 5730.9375, abs=1e-9)


def test_replicates_after_dropping_pressure():
    """Without B the plan is a 2**3 with two runs each; the book's error is 179.52 with 8 degrees of freedom."""
    model = fitted("ACD", ("A:C", "A:D"))
    quality = assess(model)
    assert (quality.pure_error_df, quality.lack_df) == (8, 2)
    assert quality.pure_error == pytest.approx(22.44, abs=0.005)
    assert quality.lack == pytest.approx((5.0625 + 10.5625) / 2)  # CD and ACD
    table = anova_table(model, quality).set_index("term")
    assert table.loc["residual", "sum_sq"] == pytest.approx(195.125)
    assert table.loc["A", "F"] == pytest.approx(1870.5625 / 19.5125)
    assert table.loc["A", "partial_eta_sq"] == pytest.approx(1870.5625 / (1870.5625 + 195.125))
    assert table.loc["A", "F_configurations"] == pytest.approx(1870.5625 / 7.8125)


def test_plain_table_without_intercept():
    plain = plain_table(select_trials(pd.DataFrame(ROWS), "rate", list("ABCD")))
    rows = plain.rows.set_index("column")["estimate"]
    assert rows.to_dict() == pytest.approx(
        {"A": 21.625, "B": 3.125, "C": 9.875, "D": 14.625, "constant": 70.0625 - 49.25 / 2}, abs=1e-9
    )


def test_factors_with_two_levels_are_switches_whatever_the_levels():
    """The attention autoencoders' table: a column for each switch, and one for each activation."""
    loss = {"elu": 0.3, "relu": 0.5, "selu": 0.7}
    rows = [
        {
            "norm": norm,
            "dropout": dropout,
            "attention": attention,
            "activation": activation,
            # -0.1 for the norm, 0.02 for dropout whatever its rate, -0.05 for attention.
            "loss": loss[activation] - 0.1 * norm + 0.02 * (dropout > 0) - 0.05 * (attention == "spatial"),
        }
        for norm in (False, True)
        for dropout in (0.0, 0.2)
        for attention in ("none", "spatial")
        for activation in loss
    ]
    table = select_trials(
        pd.DataFrame(rows),
        "loss",
        ["norm", "dropout", "attention", "activation"],
        declared={"attention": ["none", "spatial"]},
    )
    plain = plain_table(table)
    assert plain.rows.set_index("column")["estimate"].to_dict() == pytest.approx(
        {
            "norm": -0.1,
            "dropout = 0.2": 0.02,
            "attention = spatial": -0.05,
            "activation = elu": 0.3,
            "activation = relu": 0.5,
            "activation = selu": 0.7,
        }
    )
    assert plain.left_out == ()
