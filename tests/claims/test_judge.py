import math

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from maskwright.catalogue import EXPERIMENTS
from maskwright.claims.claim import Claim, Source
from maskwright.claims.evidence import exact, of_intervals, of_mean, of_share, of_share_difference
from maskwright.claims.judge import holm, judge, p_of, verdict
from maskwright.claims.measures import (
    Coefficient,
    Difference,
    Effect,
    Mean,
    Number,
    OfSeeds,
    OneTraining,
    Share,
    ShareDifference,
    Stored,
    of_trials,
)
from maskwright.claims.results import Results
from maskwright.cli.analysis import claims_of
from maskwright.learning.replicates.tables import write_examples, write_replicates
from maskwright.presets import SOURCE, presets_of
from maskwright.reporting.intervals import Interval
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import write_json

ANY = Number("xor", ("a",))


def a_claim(low=-math.inf, high=math.inf, **more):
    return Claim(experiment="xor", statement="It is.", quantity="a", measure=ANY, low=low, high=high, **more)


def measured(seeds, test=None):
    return of_intervals(Interval(*seeds), test and Interval(*test), 3, 0)


@pytest.mark.parametrize(
    ("seeds", "test", "low", "high", "expected"),
    [
        ((0.5, 0.41, 0.6), None, 0.4, math.inf, "holds"),
        ((0.5, 0.4, 0.6), None, 0.45, math.inf, "cannot be told"),
        ((0.5, 0.4, 0.6), None, 0.61, math.inf, "does not hold"),
        ((0.5, 0.4, 0.6), None, -math.inf, 0.39, "does not hold"),
        ((0.5, 0.4, 0.6), None, 0.3, 0.7, "holds"),
        ((0.5, 0.5, 0.5), None, 0.4, 0.6, "holds"),
        # Exactly at the end of the range: neither side is shown.
        ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0, math.inf, "cannot be told"),
        # Both uncertainties must agree.
        ((0.5, 0.41, 0.6), (0.5, 0.45, 0.55), 0.4, math.inf, "holds"),
        ((0.5, 0.4, 0.6), (0.5, 0.35, 0.65), 0.4, math.inf, "cannot be told"),
        ((0.5, 0.4, 0.6), (0.5, 0.35, 0.65), 0.62, math.inf, "cannot be told"),
        ((0.5, 0.4, 0.6), (0.5, 0.35, 0.65), 0.66, math.inf, "does not hold"),
    ],
)
def test_verdict(seeds, test, low, high, expected):
    assert verdict(a_claim(low, high), measured(seeds, test)) == expected


def test_numbers_of_other_data_get_no_verdict():
    assert verdict(a_claim(0.9, comparable=False), measured((0.5, 0.4, 0.6))) == "not comparable"


@pytest.mark.parametrize(
    ("margin", "expected"), [(0.04, "holds"), (0.03, "cannot be told"), (0.005, "cannot be told")]
)
def test_equivalence_is_a_90_percent_interval_within_the_margin(margin, expected):
    # Mean 0.02, s = 0.01, t(0.95, 2) = 2.92: 0.02 give or take 2.92 * 0.01 / sqrt(3) = 0.01686, to 0.03686.
    # The 95 % interval ends at 0.04484.
    found = of_mean(np.array([0.01, 0.02, 0.03]), None)
    assert verdict(a_claim(-margin, margin, equivalence=True), found) == expected


def test_a_difference_beyond_the_margin_is_not_equivalent():
    found = of_mean(np.array([0.1, 0.11, 0.12]), None)
    assert verdict(a_claim(-0.02, 0.02, equivalence=True), found) == "does not hold"


def test_p_of_a_verdict_by_hand():
    found = of_mean(np.array([1.0, 2.0, 3.0]), None)
    # t = (2 - 0) / (1 / sqrt(3)) = 3.4641 with 2 degrees of freedom: one-sided 0.0371, two-sided 0.0742
    assert p_of(a_claim(0.0), found, "holds") == pytest.approx(0.0742, abs=1e-4)
    assert p_of(a_claim(0.0, equivalence=True), found, "holds") == pytest.approx(0.0371, abs=1e-4)
    assert p_of(a_claim(high=0.0), found, "does not hold") == pytest.approx(0.0742, abs=1e-4)
    assert p_of(a_claim(4.0), found, "does not hold") == pytest.approx(0.0742, abs=1e-4)


def test_p_is_below_5_percent_where_an_interval_decides():
    rng = np.random.default_rng(0)
    decided = 0
    for _ in range(200):
        found = of_mean(rng.normal(0.5, 1.0, 6), None)
        claim = a_claim(0.0)
        decision = verdict(claim, found)
        if decision != "cannot be told":
            decided += 1
            assert p_of(claim, found, decision) < 0.05
    assert decided > 10


@pytest.mark.parametrize("number", [5, 8, 20])
@pytest.mark.parametrize("limit", [0.1, 0.5, 0.9])
def test_verdict_on_a_share_is_where_its_interval_lies(number, limit):
    for successes in range(number + 1):
        found, claim = of_share(successes, number), a_claim(limit)
        expected = "holds" if found.seeds.low > limit else "cannot be told"
        assert verdict(claim, found) == ("does not hold" if found.seeds.high < limit else expected)


def test_verdict_on_a_difference_of_shares_is_where_its_interval_lies():
    for successes in range(21):
        found, claim = of_share_difference((successes, 20), (10, 20)), a_claim(0.0)
        expected = "holds" if found.seeds.low > 0 else "cannot be told"
        assert verdict(claim, found) == ("does not hold" if found.seeds.high < 0 else expected)


def test_a_table_of_nothing_but_chance_seldom_has_a_verdict_that_stands(tmp_path):
    """The family-wise error: 5 % of such tables, 400 of them, so 20, standard deviation 4.4."""
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        claims = [(a_claim(0.0), of_mean(values, None)) for values in rng.normal(0.0, 1.0, (20, 5))]
        adjusted = holm(
            [min(p_of(claim, found, one) for one in ("holds", "does not hold")) for claim, found in claims]
        )
        wrong += min(adjusted) < 0.05
    assert 8 <= wrong <= 34


def test_holm_as_statsmodels():
    p = np.random.default_rng(0).uniform(0, 0.2, 12)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@pytest.fixture
def results(tmp_path):
    values = {
        "none": {"accuracy": np.array([0.5, 0.5]), "solved": np.array([0, 0])},
        "b": {"accuracy": np.array([0.25, 0.75]), "solved": np.array([1, 0])},
    }
    write_replicates(tmp_path / "xor/plots/replicates.csv", values, 0)
    examples = {"none": {"accuracy": np.tile([0.0, 1.0], (2, 50))}, "b": {"accuracy": np.full((2, 100), 0.5)}}
    write_examples(tmp_path / "xor/plots/examples.csv", examples)
    write_json(tmp_path / "xor/details.json", {"hand": {"loss": 0.25}})
    lines = ["trial,offsets,loss,seed,miou,status,reason"]
    lines += [
        f"x,{o},{loss},{seed},{seed + (o == 'raw')},finished,"
        for o in ("raw", "no")
        for loss in "ab"
        for seed in (0, 1)
    ]
    (tmp_path / "sweep/detection").mkdir(parents=True)
    (tmp_path / "sweep/detection/trials.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "sweep/detection/examples.csv").write_text(
        "offsets=raw loss=a/miou,offsets=raw loss=b/miou,offsets=no loss=a/miou,offsets=no loss=b/miou\n"
        "1,3,0,0\n2,4,0,2\n"
    )
    effects = {
        "seeds": 2,
        "examples": 100,
        "effects": {
            "dropout: 0 to 0.2": {
                "estimate": 0.02,
                "low": 0.01,
                "high": 0.03,
                "standard_error": 0.004,
                "df": 8.0,
                "test_low": 0.015,
                "test_high": 0.025,
            },
            # A model with as many coefficients as trainings.
            "exact: 0 to 1": {"estimate": 0.02, "low": None, "high": None, "standard_error": None, "df": None},
        },
        "plain_table": {
            "activation: elu": {"estimate": 0.2, "low": 0.1, "high": 0.3, "standard_error": 0.05, "df": 25}
        },
    }
    write_json(tmp_path / "effects/detection/tables/miou/metrics.json", effects)
    return tmp_path


def test_measures(results):
    read = Results(results)
    none, b = (OfSeeds("xor", variant, "accuracy") for variant in ("none", "b"))
    found = Mean(none, (0, 1)).evidence(read)
    assert (found.seeds, found.count, found.examples) == ((0.5, 0.5, 0.5), 2, 100)
    assert found.test == pytest.approx((0.5, 0.4, 0.6), abs=0.01)
    found = Difference(b, none).evidence(read)
    # -0.25 and 0.25: s = 0.35355, t(0.975, 1) = 12.706, half width 3.1766; each example -0.5 or 0.5 less 0... the
    # differences of the examples are 0.5 - 0 and 0.5 - 1, with mean 0.
    assert found.seeds == pytest.approx((0, -3.17655, 3.17655), abs=1e-4)
    assert found.test == pytest.approx((0, -0.1, 0.1), abs=0.01)
    solved = [OfSeeds("xor", variant, "solved") for variant in ("b", "none")]
    assert Share(solved[0]).evidence(read).seeds.mean == 0.5
    assert ShareDifference(*solved).evidence(read).seeds.mean == 0.5
    (results / "one/plots").mkdir(parents=True)
    (results / "one/plots/examples.csv").write_text("image,miou\na,0.5\nb,1\nc,\n")
    found = OneTraining("one", "miou").evidence(read)
    assert (found.seeds, found.count, found.examples) == ((0.75, 0, 1), 1, 2)
    stored = {"mean": 0.5, "low": 0.4, "high": 0.6, "test_low": 0.45, "test_high": 0.55}
    write_json(results / "one/details.json", {"v": {"seeds": 8, "gain": stored}})
    found = Stored("one", ("v", "gain"), ("v", "seeds"), 100).evidence(read)
    assert (found.seeds, found.test, found.count, found.examples) == ((0.5, 0.4, 0.6), (0.5, 0.45, 0.55), 8, 100)
    # At the interval's end one side has 2.5 %.
    assert found.p_above(0.4) == pytest.approx(0.025, abs=1e-4)
    assert Number("xor", ("hand", "loss")).evidence(read).seeds == (0.25, 0.25, 0.25)


def test_measures_of_sweeps(results):
    read = Results(results)
    raw = of_trials("detection", "miou", {"offsets": "raw"})
    assert raw.seeds(read).tolist() == [1, 2]  # for each seed the mean over both losses
    assert raw.examples(read).tolist() == [2, 3]
    assert of_trials("detection", "miou", {"offsets": "no", "loss": "b"}).examples(read).tolist() == [0, 2]
    found = Effect("detection", "miou", "dropout: 0 to 0.2").evidence(read)
    assert (found.seeds, found.test, found.count, found.examples) == (
        (0.02, 0.01, 0.03),
        (0.02, 0.015, 0.025),
        2,
        100,
    )
    # t = 0.02 / 0.004 = 5 with 8 degrees of freedom: one-sided 0.00053; of the test 7.8 standard errors
    assert found.p_above(0.0) == pytest.approx(0.00053, abs=2e-5)
    assert Coefficient("detection", "miou", "activation: elu").evidence(read).seeds == (0.2, 0.1, 0.3)
    with pytest.raises(KeyError):
        Effect("detection", "miou", "batch_norm").evidence(read)
    with pytest.raises(KeyError):
        of_trials("detection", "miou", {"offsets": "other"}).seeds(read)


def test_an_effect_without_a_standard_error_cannot_be_told(results):
    claim = Claim(
        experiment="detection",
        statement="It is positive.",
        quantity="miou",
        measure=Effect("detection", "miou", "exact: 0 to 1"),
        low=0.0,
    )
    (row,) = judge([claim], results)["found"]
    assert (row["verdict"], row["measured"], row["low"], row["high"]) == ("cannot be told", 0.02, None, None)
    assert row["p"] == 1.0


def test_rows(results):
    source = Source("book", "table 1")
    claims = [
        Claim(
            experiment="xor",
            source=source,
            statement="No mask guesses.",
            reported="0.5",
            quantity="accuracy",
            measure=Mean(OfSeeds("xor", "none", "accuracy"), (0, 1)),
            low=0.3,
            high=0.7,
            reason="about a half",
        ),
        Claim(
            experiment="xor",
            statement="c is good.",
            quantity="accuracy",
            measure=Mean(OfSeeds("xor", "c", "accuracy")),
            low=0.4,
        ),
    ]
    tables = judge(claims, results)
    (said,), (found,) = tables["sources"], tables["found"]
    assert (said["source"], said["place"], said["reported"]) == ("book", "table 1", "0.5")
    assert (said["measured"], said["low"], said["high"], said["seeds"], said["examples"]) == (0.5, 0.5, 0.5, 2, 100)
    assert (said["test_low"], said["test_high"]) == pytest.approx((0.4, 0.6), abs=0.01)
    assert said["verdict"] == "holds"
    # The seeds agree exactly; the test examples are 0.2 / 0.05 = 4 standard errors from either end.
    assert said["p"] == said["p_holm"] == pytest.approx(6e-5, abs=6e-5)
    assert (found["verdict"], found["measured"], found["p"]) == ("not measured", None, None)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (
            Mean(OfSeeds("corner", "a", "b")),
            r"corner/plots/replicates.csv: no such file; run `maskwright evaluate corner`",
        ),
        (Number("corner", ("a",)), r"corner/details.json: no such file; run `maskwright evaluate corner`"),
        (Mean(of_trials("other", "a", {})), r"trials.csv: no such file; run `maskwright sweep other`"),
        (Effect("other", "a", "b"), r"metrics.json: no such file; run `maskwright effects other`"),
    ],
)
def test_what_is_missing_is_named(results, measure, message):
    with pytest.raises(MaskwrightError, match=message):
        judge([Claim(experiment="xor", statement="It is.", quantity="a", measure=measure)], results)


def test_a_number_without_chance_has_no_p(results):
    claim = Claim(
        experiment="xor",
        statement="It is.",
        quantity="loss",
        measure=Number("xor", ("hand", "loss")),
        low=0.25,
        high=0.25,
    )
    (row,) = judge([claim], results)["found"]
    assert (row["verdict"], row["p"], row["low"], row["seeds"]) == ("holds", None, None, 0)
    assert verdict(claim, exact(0.26)) == "does not hold"


CLAIMS = [claim for name in EXPERIMENTS for claim in claims_of(name)]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.statement)
def test_every_claim_can_fail_and_says_what_it_measures(claim):
    assert claim.comparable == (math.isfinite(claim.low) or math.isfinite(claim.high))
    assert claim.statement.endswith(".")
    assert claim.quantity
    if claim.source is not None:
        assert claim.source.key in {"mask channel", "corner", "attention", "book", "conditional"}
        assert claim.reason or not claim.comparable
        assert claim.reported or claim.comparable


def test_claims_of_different_statements_or_quantities():
    assert len({(claim.statement, claim.quantity) for claim in CLAIMS}) == len(CLAIMS)


def test_settings_of_a_source_belong_to_experiments_with_claims():
    assert all(claims_of(name) for name in EXPERIMENTS if SOURCE in presets_of(name))
