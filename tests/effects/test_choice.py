"""The rule that chooses the model: each of its cases, the real sweep that led to it, and the coverage it keeps."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from maskwright.effects.analysis import analyse
from maskwright.effects.choice import choose_model
from maskwright.effects.model import fit_model
from maskwright.effects.trials import select_trials

LEVELS = {"batch_norm": [False, True], "dropout": [0.0, 0.2], "attention": ["none", "spatial"]}
LEVELS["activation"] = ["elu", "relu", "selu", "sigmoid"]
FULL = list(product(*LEVELS.values()))
HALF = [
    row for row in FULL if (row[0] + (row[1] > 0) + (row[2] == "spatial") + LEVELS["activation"].index(row[3])) % 2
]
CUBE = [row for row in FULL if row[3] == "elu"]
LARGE = np.random.default_rng(3).permutation(len(FULL))[:30]

# The binary cross-entropy of 64 autoencoders, as trained: the configurations in the order of FULL, two seeds each.
BCE = [
    0.231113, 0.239502, 0.256098, 0.260141, 0.239448, 0.234367, 0.287269, 0.290240,
    0.237130, 0.238939, 0.264152, 0.263330, 0.234243, 0.234704, 0.281403, 0.288299,
    0.231985, 0.239395, 0.257194, 0.259611, 0.239157, 0.236516, 0.288447, 0.292901,
    0.238061, 0.239309, 0.264237, 0.261603, 0.234844, 0.235330, 0.287769, 0.291835,
    0.234781, 0.232695, 0.230082, 0.230226, 0.233896, 0.237188, 0.274960, 0.276001,
    0.234651, 0.229711, 0.227205, 0.237597, 0.235389, 0.236754, 0.278307, 0.278104,
    0.237863, 0.236952, 0.236683, 0.233233, 0.238713, 0.241690, 0.275593, 0.276454,
    0.237039, 0.234474, 0.239086, 0.236100, 0.238715, 0.236004, 0.278424, 0.278238,
]  # fmt: skip


def table(plan, values=None):
    rows = [(*row, seed) for row in plan for seed in (0, 1)]
    frame = pd.DataFrame(rows, columns=[*LEVELS, "seed"])
    return frame.assign(bce=np.random.default_rng(1).normal(size=len(frame)) if values is None else values)


def trials_of(plan, values=None):
    factors = [name for number, name in enumerate(LEVELS) if len({row[number] for row in plan}) > 1]
    return select_trials(table(plan, values), "bce", factors, declared=LEVELS)


def test_the_effect_of_dropout_on_the_autoencoder_is_found():
    analysis = analyse(trials_of(FULL, BCE))
    assert analysis.choice.name == "two-way"
    assert analysis.choice.additive_quality.lack_p == pytest.approx(9.904e-10, rel=1e-2)
    assert analysis.quality.lack_p == pytest.approx(0.4413, abs=1e-3)
    effects = analysis.effects.set_index(["term", "change"])
    dropout = effects.loc[("dropout", "0 → 0.2")]
    # The mean over the 32 runs with dropout less that over the 32 without.
    on = np.array([row[1] > 0 for row in FULL]).repeat(2)
    difference = np.array(BCE)[on].mean() - np.array(BCE)[~on].mean()
    assert dropout["estimate"] == pytest.approx(difference)
    assert dropout["low"] == pytest.approx(0.000537, abs=1e-6)
    assert dropout["high"] == pytest.approx(0.003558, abs=1e-6)
    assert dropout["p_holm"] < 0.05
    assert dropout["additive_estimate"] == pytest.approx(difference)
    assert dropout["additive_low"] < 0 < dropout["additive_high"]
    # Half of them are with batch norm, where relu costs less: the only interaction beyond chance.
    found = effects.loc[effects.index.get_level_values("term").str.contains(":") & (effects["p_holm"] < 0.05)]
    assert list(found.index) == [("batch_norm : activation", "false → true; elu → relu")]
    pair = analysis.paired.set_index("term").loc["dropout"]
    assert pair[["pairs", "rising", "falling", "without_partner"]].tolist() == [16, 15, 1, 0]
    assert pair["mean"] == pytest.approx(difference)
    assert pair["low"] > 0


def with_interaction(plan, size, power=2):
    """Return the response of each run: an interaction of the first factors, and luck."""
    signs = np.array([[row[0] - 0.5, (row[1] > 0) - 0.5, (row[2] == "spatial") - 0.5] for row in plan])
    return size * np.prod(2 * signs[:, :power], axis=1).repeat(2) + np.random.default_rng(2).normal(
        size=2 * len(plan)
    )


@pytest.mark.parametrize(
    ("plan", "size", "name", "kind", "said"),
    [
        (FULL, 0, "additive", "CR2", "the factors add up"),
        (FULL, 5, "two-way", "CR2", "with all two-way interactions"),
        # 8 configurations, 7 coefficients: 1 degree of freedom is left.
        (CUBE, 0, "additive", "CR2", "the factors add up"),
        (CUBE, 5, "two-way-seeds", "seeds", "between the seeds of each"),
        # 16 configurations, and all two-way interactions need 19 coefficients.
        (HALF, 5, "additive-kept", "CR2", "these 16 configurations are too few"),
        # 30 of the 32 have room for them.
        ([FULL[number] for number in LARGE], 5, "two-way", "CR2", "with all two-way interactions"),
    ],
)
def test_cases_of_the_rule(plan, size, name, kind, said):
    choice = choose_model(trials_of(plan, with_interaction(plan, size)))
    assert choice.name == name
    assert choice.model.covariance.kind == kind
    assert said in choice.reason
    assert (choice.model is choice.additive) == (name in ("additive", "additive-kept"))


def test_an_interaction_that_is_the_effect_of_a_factor_is_not_taken_for_one():
    """Six switches, of which the last is the product of the first two: their interaction would be its effect."""
    rows = [(*row, row[0] ^ row[1]) for row in product((0, 1), repeat=5)]
    frame = pd.DataFrame([(*row, seed) for row in rows for seed in (0, 1)], columns=[*"abcdef", "seed"])
    luck = np.random.default_rng(0).normal(0.0, 0.1, len(frame))
    together = 8.0 * frame["a"] * frame["b"] + 4.0 * frame["c"] * frame["d"]
    choice = choose_model(select_trials(frame.assign(loss=frame["a"] + together + luck), "loss", [*"abcdef"]))
    assert choice.additive_quality.lack_p < 0.001
    assert choice.name == "additive-kept"
    assert "cannot be told apart from the effect of a factor" in choice.reason


def test_what_is_asked_for_overrides_the_rule():
    trials = trials_of(FULL, with_interaction(FULL, 5))
    none = analyse(trials, interactions=("none",))
    assert none.choice.name == "asked"
    assert not none.model.has_interactions
    assert any("the factors do not simply add up" in line for line in none.diagnostics.warnings)
    one = analyse(trials, interactions=("dropout:attention",))
    assert [term for term in one.model.design.terms if len(term) > 1] == [("dropout", "attention")]


def test_many_aliased_interactions_are_one_warning():
    analysis = analyse(trials_of(HALF[:12]), interactions=("all",))
    # 12 configurations for 19 coefficients: 7 are left out.
    assert len(analysis.model.design.aliased) == 7
    (line,) = [line for line in analysis.diagnostics.warnings if "aliased" in line]
    assert line.startswith("7 columns of interactions are aliased")


def test_without_a_second_seed_nothing_can_be_tested():
    rows = table(FULL, with_interaction(FULL, 5))
    choice = choose_model(select_trials(rows[rows["seed"] == 0], "bce", list(LEVELS), declared=LEVELS))
    assert choice.name == "additive"
    assert "cannot be tested" in choice.reason


def test_three_factors_that_act_together_are_said():
    analysis = analyse(trials_of(FULL, with_interaction(FULL, 5, power=3)))
    assert analysis.choice.name == "two-way"
    assert any("three or more factors act together" in line for line in analysis.diagnostics.warnings)
    small = analyse(trials_of(CUBE, with_interaction(CUBE, 5, power=3)))
    assert small.choice.name == "two-way-seeds"
    assert any("the average over the configurations that were run" in line for line in small.diagnostics.warnings)


def test_seeds_alone_measure_chance_by_the_spread_within_configurations():
    y = with_interaction(CUBE, 5)
    model = choose_model(trials_of(CUBE, y)).model
    # Two runs of a configuration that differ by d have the variance d**2 / 2, and 8 of them 8 degrees of freedom.
    variance = np.mean((y[::2] - y[1::2]) ** 2 / 2)
    row = np.eye(len(model.coefficients))[1]
    assert model.covariance.degrees(row) == 8
    # The difference of two means of 8 runs.
    assert model.covariance.standard_error(row) == pytest.approx(np.sqrt(variance * (1 / 8 + 1 / 8)))


DRAWS = 250
PLANS = {"complete": FULL, "half fraction": HALF, "three switches": CUBE}


@pytest.mark.parametrize("size", [0.0, 3.0])
@pytest.mark.parametrize("plan", PLANS)
def test_intervals_cover_the_truth_whatever_the_rule_chooses(plan, size):
    """The choice of the model is part of what is simulated, so the intervals must bear it."""
    trials = trials_of(PLANS[plan])
    mains = sum(len(factor.changes) for factor in trials.factors)
    mean = np.zeros(len(trials.y))
    if size:
        # Batch norm helps with dropout and harms without; each is 0 on average, as every effect is.
        columns = fit_model(trials, interactions=("batch_norm:dropout",)).design.matrix
        mean = 4 * size * columns[:, -1]
    rng = np.random.default_rng(5)
    covered, widths = np.zeros(mains), np.zeros(2)
    for _ in range(DRAWS):
        choice = choose_model(replace(trials, y=mean + rng.normal(size=len(mean))))
        for index in range(1, mains + 1):
            row = np.eye(len(choice.model.coefficients))[index]
            low, high = choice.model.covariance.interval(row, choice.model.coefficients[index])
            covered[index - 1] += low <= 0 <= high
        widths += [
            2 * m.covariance.standard_error(np.eye(len(m.coefficients))[1]) for m in (choice.model, choice.additive)
        ]
    assert covered.min() >= stats.binom.ppf(5e-4, DRAWS, 0.95), covered
    kept = size > 0 and plan == "half fraction"
    if not kept:
        # The complete plan's intervals are no wider than they need be; those of the half fraction are.
        assert covered.max() <= stats.binom.ppf(1 - 5e-4, DRAWS, 0.95), covered
    assert (widths[0] < widths[1] / 2) == (size > 0 and not kept)
