import json

import numpy as np
import pytest
from rich.console import Console

from maskwright.catalogue import EXPERIMENTS
from maskwright.claims.judge import Claim, judge, print_claims, verdict, write_claims
from maskwright.cli import claims_of
from maskwright.experiments.autoencoder import claims as autoencoder_claims
from maskwright.experiments.corner import claims as corner_claims
from maskwright.experiments.detection import claims as detection_claims
from maskwright.learning.replicates.tables import write_replicates
from maskwright.reporting.intervals import Interval, mean_interval
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import write_json


@pytest.mark.parametrize(
    ("interval", "low", "high", "expected"),
    [
        ((0.5, 0.4, 0.6), 0.4, np.inf, "holds"),
        ((0.5, 0.4, 0.6), 0.45, np.inf, "partly"),
        ((0.5, 0.4, 0.6), 0.61, np.inf, "does not hold"),
        ((0.5, 0.4, 0.6), -np.inf, 0.39, "does not hold"),
        ((0.5, 0.4, 0.6), 0.3, 0.7, "holds"),
        ((0.5, 0.4, 0.6), 0.45, 0.55, "partly"),
        ((0.5, 0.5, 0.5), 0.5, 0.5, "holds"),
    ],
)
def test_verdict(interval, low, high, expected):
    assert verdict(Interval(*interval), low, high) == expected


def mean_of(variant):
    def measure(results):
        values = results.seeds(variant, "accuracy")
        return mean_interval(values, (0, 1)), len(values)

    return measure


@pytest.fixture
def results(tmp_path):
    measured = {"none": {"accuracy": np.array([0.5, 0.5])}, "b": {"accuracy": np.array([0.25, 0.75, 0.5])}}
    write_replicates(tmp_path / "xor/plots/replicates.csv", measured, 0)
    return tmp_path


def test_rows_and_files(results):
    claims = [
        Claim("xor", "No mask guesses.", "accuracy", mean_of("none"), low=0.4, high=0.6),
        # s = 0.25, t(0.975, 2) = 4.3027: 0.5 - 4.3027 * 0.25 / sqrt(3) < 0, cut to 0.
        Claim("xor", "b is good.", "accuracy", mean_of("b"), low=0.4),
        Claim("xor", "c is good.", "accuracy", mean_of("c"), low=0.4),
    ]
    rows = judge(claims, results)
    assert [row["verdict"] for row in rows] == ["holds", "partly", "not measured"]
    assert [(row["measured"], row["low"], row["high"], row["seeds"]) for row in rows] == [
        (0.5, 0.5, 0.5, 2),
        (0.5, 0.0, 1.0, 3),
        (None, None, None, 0),
    ]
    write_claims(rows, results)
    assert json.loads((results / "claims.json").read_text()) == rows
    assert (results / "claims.md").read_text().splitlines()[-3:] == [
        "| xor | No mask guesses. | accuracy | 0.4 to 0.6 | 0.5 (0.5 to 0.5) | 2 | holds |",
        "| xor | b is good. | accuracy | at least 0.4 | 0.5 (0 to 1) | 3 | partly |",
        "| xor | c is good. | accuracy | at least 0.4 | - | - | not measured |",
    ]
    console = Console(record=True, width=160)
    print_claims(rows, console)
    assert "does not hold" not in (text := console.export_text())
    assert "not measured" in text


def test_without_an_evaluation(results):
    claim = Claim("corner", "It works.", "accuracy", mean_of("none"))
    with pytest.raises(
        MaskwrightError, match=r"corner/plots/replicates.csv: no such file; run `maskwright evaluate corner`"
    ):
        judge([claim], results)


def test_effects_of_a_sweep(tmp_path):
    claims = autoencoder_claims.CLAIMS
    with pytest.raises(MaskwrightError, match=r"metrics.json: no such file; run `maskwright effects autoencoder`"):
        judge(claims, tmp_path)
    effects = {
        "batch_norm: false to true": {"estimate": -0.02, "low": -0.03, "high": -0.01},
        "dropout: 0 to 0.2": {"estimate": 0.02, "low": 0.01, "high": 0.03},
        "attention: none to spatial": {"estimate": -0.02, "low": -0.05, "high": 0.01},
        "activation: elu to relu": {"estimate": 0.02, "low": 0.01, "high": 0.03},
        "activation: elu to selu": {"estimate": -0.02, "low": -0.03, "high": -0.01},
    }
    write_json(tmp_path / "effects/autoencoder/tables/bce/metrics.json", {"seeds": 2, "effects": effects})
    rows = judge(claims, tmp_path)
    assert [row["verdict"] for row in rows] == [
        "holds",
        "does not hold",
        "partly",
        "holds",
        "does not hold",
        "not measured",
    ]
    assert (rows[0]["measured"], rows[0]["low"], rows[0]["high"], rows[0]["seeds"]) == (-0.02, -0.03, -0.01, 2)


def test_trials_of_a_sweep(tmp_path):
    claims = detection_claims.CLAIMS
    with pytest.raises(MaskwrightError, match=r"trials.csv: no such file; run `maskwright sweep detection`"):
        judge(claims, tmp_path)
    lines = ["offsets,loss.offsets,loss.classes,seed,sources_miou,sources_precision,sources_recall"]
    miou = {("raw", "l1"): (0.5, 0.7), ("raw", "smooth_l1"): (0.3, 0.5), ("normalised", "l1"): (0.1, 0.3)}
    miou["normalised", "smooth_l1"] = (0.1, 0.1)
    for (offsets, loss), values in miou.items():
        # Each seed's precision is the same in all variants, and no recall depends on chance.
        lines += [f"{offsets},{loss},cross_entropy,{seed},{v},{0.8 + seed / 10},0.9" for seed, v in enumerate(values)]
    (tmp_path / "sweep/detection").mkdir(parents=True)
    (tmp_path / "sweep/detection/trials.csv").write_text("\n".join(lines) + "\n")
    rows = judge(claims, tmp_path)
    assert [(row["measured"], row["seeds"]) for row in rows] == [
        (0.6, 2),
        (0.85, 2),
        (0.9, 2),
        (0.35, 2),  # raw: 0.4 and 0.6 for the seeds, over both losses; normalised: 0.1 and 0.2
        (0.0, 2),
        (0.0, 2),
        (0.15, 2),  # L1: 0.3 and 0.5, over both offsets; smooth L1: 0.2 and 0.3
        (0.0, 2),
        (0.0, 2),
        (None, 0),
        (None, 0),
        (None, 0),
    ]


@pytest.mark.parametrize(
    ("recall", "false_positives", "measured", "expected"),
    [
        ([0] * 20, [0] * 20, 1.0, "holds"),
        ([0] * 20, [0] * 10 + [3] * 10, 0.5, "does not hold"),
        ([0] * 10 + [1] * 10, [0] * 5 + [3] * 10 + [0] * 5, 0.25, "does not hold"),
    ],
)
def test_zero_everywhere_is_no_corner_and_no_false_positive(recall, false_positives, measured, expected, tmp_path):
    (claim,) = (
        claim for claim in corner_claims.CLAIMS if claim.statement.endswith("the network ends with zero everywhere.")
    )
    seeds = {"recall": np.array(recall), "false_positives": np.array(false_positives)}
    write_replicates(tmp_path / "corner/plots/replicates.csv", {"as_posted": seeds}, 0)
    (row,) = judge([claim], tmp_path)
    assert (row["measured"], row["seeds"], row["verdict"]) == (measured, 20, expected)


def test_every_shipped_claim_can_fail_and_says_what_it_measures():
    claims = [claim for name in EXPERIMENTS for claim in claims_of(name)]
    assert len(claims) == 54
    for claim in claims:
        assert np.isfinite(claim.low) or np.isfinite(claim.high)
        assert claim.statement.endswith(".")
        assert claim.quantity
