"""Each number of the committed claims, computed again from the committed tables by pandas, scipy and statsmodels."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from patsy import dmatrix
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

RESULTS = Path(__file__).parents[2] / "results"
ROWS = [row for rows in json.loads((RESULTS / "claims.json").read_text(encoding="utf-8")).values() for row in rows]


def recipes(kind):
    """Return the rows whose recipe is of this kind, for one test each."""
    rows = [row for row in ROWS if kind in row["recipe"]]
    return pytest.mark.parametrize("row", rows, ids=[f"{row['statement']} {row['quantity']}" for row in rows])


def table(name):
    return pd.read_csv(RESULTS / name, keep_default_na=False, na_values=[""])


def seeds_of(column):
    """Return what a recipe's column names, for each seed in order."""
    if " >= " in column:
        first, *others = (seeds_of(part) for part in column.split(" >= "))
        return np.all([first >= other for other in others], axis=0).astype(int)
    if " <= " in column:
        inner, limit = column.split(" <= ")
        return (seeds_of(inner) <= float(limit)).astype(int)
    if " = " in column:
        first, other = (seeds_of(part) for part in column.split(" = "))
        return (first == other).astype(int)
    place, _, rest = column.partition(": ")
    of, _, measure = rest.rpartition("/")
    if place.startswith("sweep "):
        trials = table(f"sweep/{place.removeprefix('sweep ')}/trials.csv").astype({"seed": int})
        for setting in of.split():
            key, level = setting.split("=")
            trials = trials[trials[key].astype(str) == level]
        return trials.pivot_table(index="seed", values=measure, aggfunc="mean")[measure].to_numpy()
    rows = table(f"evidence/{place}.csv").query("variant == @of").set_index("seed").sort_index()
    return rows[measure].to_numpy()


def examples_of(column):
    """Return a column's values for each test example; None if there are none."""
    place, _, rest = column.partition(": ")
    of, _, measure = rest.rpartition("/")
    if place.startswith("sweep "):
        found = table(f"sweep/{place.removeprefix('sweep ')}/examples.csv")
        names = [
            n for n in found if n.endswith(f"/{measure}") and set(of.split()) <= set(n.rsplit("/", 1)[0].split())
        ]
        return found[names].mean(axis=1).to_numpy() if names else None
    path = RESULTS / f"evidence/{place}_examples.csv"
    found = pd.read_csv(path) if path.is_file() else {}
    return found[rest].dropna().to_numpy() if rest in found else None


def test_there_are_claims_of_each_kind():
    assert len(ROWS) > 40
    kinds = {kind for row in ROWS for kind in row["recipe"]}
    assert kinds == {"mean", "less", "share", "number", "examples", "effect", "coefficient", "on"}
    assert [row["statement"] for row in ROWS if row["measured"] is None] == []


@recipes("mean")
def test_means_and_differences(row):
    columns = [row["recipe"][key] for key in ("mean", "less") if key in row["recipe"]]
    values = seeds_of(columns[0]) - (seeds_of(columns[1]) if len(columns) > 1 else 0)
    assert len(values) == row["seeds"]
    assert values.mean() == pytest.approx(row["measured"], rel=6e-3, abs=1e-9)
    if np.ptp(values) > 1e-12:
        low, high = stats.ttest_1samp(values, 0).confidence_interval()
        for end, mine in ((low, row["low"]), (high, row["high"])):
            # The interval of a share ends at 0 and 1, and three digits are written.
            assert mine == pytest.approx(end, rel=6e-3, abs=1e-9) or (mine in (0, 0.5, 1) and not 0 < end < mine + 1)


@recipes("mean")
def test_intervals_over_test_examples(row):
    columns = [row["recipe"][key] for key in ("mean", "less") if key in row["recipe"]]
    values = [examples_of(column) for column in columns]
    if any(value is None for value in values):
        assert (row["examples"], row["test_low"]) == (0, None)
        return
    by_example = values[0] - (values[1] if len(values) > 1 else 0)
    assert len(by_example) == row["examples"]
    assert by_example.mean() == pytest.approx(row["measured"], rel=6e-3, abs=2e-5)
    if np.ptp(by_example) > 0:
        low, high = stats.bootstrap(
            (by_example,), np.mean, n_resamples=4000, method="percentile", rng=1
        ).confidence_interval
        # Two bootstraps with other draws: their ends differ by a few hundredths of the interval's width.
        assert (row["test_low"], row["test_high"]) == pytest.approx((low, high), abs=0.06 * (high - low) + 1e-9)


@recipes("share")
def test_shares(row):
    columns = [row["recipe"][key] for key in ("share", "less") if key in row["recipe"]]
    (count, number), *others = [(int(seeds_of(c).sum()), len(seeds_of(c))) for c in columns]
    if others:
        share = count / number - others[0][0] / others[0][1]
        interval = confint_proportions_2indep(count, number, *others[0], method="newcomb")
    else:
        share, interval = count / number, proportion_confint(count, number, method="beta")
    assert share == pytest.approx(row["measured"], rel=6e-3, abs=1e-9)
    assert interval == pytest.approx((row["low"], row["high"]), rel=6e-3, abs=1e-9)


@pytest.fixture(scope="module")
def means():
    """The means over the seeds of the autoencoder's configurations."""
    trials = table("sweep/autoencoder/trials.csv")
    return trials.groupby(["batch_norm", "dropout", "attention", "activation"], as_index=False)[["bce", "kl"]].mean()


@recipes("effect")
def test_effects_in_a_complete_factorial(row, means):
    """The estimate is a difference of plain means; the interval that of least squares with all pairs of factors."""
    factor, _, change = row["recipe"]["effect"].partition(": ")[2].partition(": ")
    first, second = change.split(" to ")
    response = row["recipe"]["on"]
    level = means[factor].astype(str).str.lower()
    by_level = means.groupby(level.where(~level.isin(["0.0"]), "0"))[response].mean()
    assert by_level[second] - by_level[first] == pytest.approx(row["measured"], rel=6e-3, abs=1e-9)
    model = json.loads((RESULTS / f"effects/autoencoder/tables/{response}/metrics.json").read_text())["model"]
    data = means.rename(columns={response: "y"}).assign(**{factor: level})
    names = ("batch_norm", "dropout", "attention", "activation")
    texts = {name: means[name].astype(str).str.lower().replace("0.0", "0") for name in names}
    data = pd.DataFrame(texts).assign(y=means[response])
    formula = f"y ~ ({' + '.join(f'C({name}, Sum)' for name in names)})" + ("**2" if model == "two-way" else "")
    fit = smf.ols(formula, data).fit()
    # The effect is a difference of two marginal means, each a mean over the predictions at all other levels.
    info = dmatrix(formula.removeprefix("y ~ "), data).design_info
    rows = [np.asarray(dmatrix(info, data.assign(**{factor: one}))).mean(axis=0) for one in (second, first)]
    contrast = rows[0] - rows[1]
    found = fit.t_test(contrast)
    assert found.effect[0] == pytest.approx(row["measured"], rel=6e-3, abs=1e-9)
    low, high = found.conf_int()[0]
    if factor == "activation":
        # Ours allows for another spread at each level, which matters where not all configurations are compared.
        assert 0.6 < (row["high"] - row["low"]) / (high - low) < 1.6
    else:
        assert (low, high) == pytest.approx((row["low"], row["high"]), rel=0.03, abs=2e-5)


@recipes("coefficient")
def test_the_regression_without_intercept(row, means):
    data = pd.get_dummies(means["activation"]).astype(float)
    switches = {"batch_norm": "True", "dropout": "0.2", "attention": "spatial"}
    for name, on in switches.items():
        data[name] = (means[name].astype(str) == on).astype(float)
    fit = sm.OLS(means[row["recipe"]["on"]], data).fit()
    name = row["recipe"]["coefficient"].rpartition(" = ")[2]
    assert fit.params[name] == pytest.approx(row["measured"], rel=6e-3)
    assert fit.conf_int().loc[name].to_numpy() == pytest.approx((row["low"], row["high"]), rel=6e-3)


@recipes("number")
def test_exact_numbers_are_those_of_the_table(row):
    known = table("evidence/numbers.csv").set_index("number")["value"]
    assert known[row["recipe"]["number"]] == row["measured"]


def test_segmentations_landmarks_from_the_table_of_its_images():
    images = table("evidence/segmentation_examples.csv")
    rows = [row for row in ROWS if "examples" in row["recipe"]]
    assert len(rows) == 2
    for row in rows:
        values = images[row["recipe"]["examples"].removeprefix("segmentation: ")].dropna().to_numpy()
        assert values.mean() == pytest.approx(row["measured"], rel=6e-3)
        low, high = stats.bootstrap(
            (values,), np.mean, n_resamples=4000, method="percentile", rng=1
        ).confidence_interval
        assert (row["test_low"], row["test_high"]) == pytest.approx((low, high), abs=0.06 * (high - low))


def test_exact_numbers_from_first_principles():
    known = table("evidence/numbers.csv").set_index("number")["value"]
    byte = np.arange(256)
    high = byte // 16
    # H(X) - H(X | Y): 8 bits less the entropy of the 16 bytes that share their high bits.
    given = np.mean([np.log2((high == value).sum()) for value in range(16)])
    assert known["information: identities/byte/I(X;Y)"] == 8 - given
    # Labels (32,) against outputs (32, 1, 1, 1): 31 + 31 of 1,024 pairs differ, in one batch of 16.
    assert known["corner: hand_set/evaluate/labels_512"] == pytest.approx(62 / 1024 / 16, rel=1e-3)
    loss = 62 / 1024
    assert known["corner: hand_set/evaluate/progress_bar"] == pytest.approx(
        (loss / 14 + loss / 15 + 2 * loss / 16) / 17, rel=1e-4
    )
    # The convolution set by hand: 10 where the corner has a 1, -100 elsewhere, and -35. Every pattern of bits but the
    # corner ends at -5 or below, the corner at 5; the hard sigmoid makes 0 and 1 of these.
    patterns = (np.arange(512)[:, None] >> np.arange(9)) & 1
    corner = np.array([0, 0, 0, 0, 1, 1, 0, 1, 1])
    before = patterns @ np.where(corner == 1, 10, -100) - 35
    right = np.clip(before / 6 + 0.5, 0, 1) == (patterns == corner).all(axis=1)
    assert known["corner: hand_set/solved/mean"] == right.all() == 1
