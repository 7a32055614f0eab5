"""Pairs that differ in one factor only, by hand, and intervals over the test examples."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from maskwright.effects.analysis import analyse
from maskwright.effects.examples import read_examples
from maskwright.effects.model import fit_model
from maskwright.effects.output import write_analysis
from maskwright.effects.pairs import paired_table
from maskwright.effects.trials import read_trials, select_trials
from maskwright.reporting.intervals import examples_interval
from maskwright.shared.errors import MaskwrightError


def pairs_of(rows, factors):
    table = pd.DataFrame(rows, columns=[*factors, "seed", "loss"])
    return paired_table(fit_model(select_trials(table, "loss", list(factors))))


def test_differences_by_hand():
    rows = [
        *[("no", 1, 0, 1.0), ("no", 1, 1, 3.0), ("no", 2, 0, 4.0), ("no", 4, 0, 6.0), ("no", 4, 1, 6.0)],
        *[("yes", 1, 0, 3.0), ("yes", 2, 0, 5.0), ("yes", 2, 1, 7.0), ("yes", 4, 0, 9.0)],
    ]
    drop, width = pairs_of(rows, ["drop", "width"]).to_dict("records")
    # Means over the seeds: no 2, 4, 6 and yes 3, 6, 9, so the differences are 1, 2 and 3: mean 2, s = 1, and
    # t(0.975, 2) / √3 = 2.4841 to either side.
    assert drop["change"] == "no → yes"
    assert (drop["mean"], drop["pairs"], drop["rising"], drop["falling"]) == (2.0, 3, 3, 0)
    assert (drop["low"], drop["high"]) == pytest.approx((-0.4841, 4.4841), abs=1e-4)
    # From the narrowest to the widest: 6 - 2 = 4 and 9 - 3 = 6. t(0.975, 1) · √2 / √2 = 12.7062.
    assert width["change"] == "1 → 4"
    assert (width["mean"], width["pairs"]) == (5.0, 2)
    assert (width["low"], width["high"]) == pytest.approx((5 - 12.7062, 5 + 12.7062), abs=1e-4)
    assert drop["without_partner"] == width["without_partner"] == 0


def test_configurations_without_a_partner():
    rows = [
        *[("l1", "ce", 0, 1.0), ("l1", "focal", 0, 2.0), ("l1", "dice", 0, 3.0)],
        *[("l2", "ce", 0, 0.5), ("l2", "focal", 0, 2.5), ("l2", "hinge", 0, 9.0)],
    ]
    table = pairs_of(rows, ["boxes", "classes"])
    # l1 with dice and l2 with hinge are alone. Only ce and focal occur with both losses of boxes.
    assert table["change"].tolist() == ["l1 → l2", "ce → focal"]
    assert table["without_partner"].tolist() == [2, 0]
    assert table[["rising", "falling"]].to_numpy().tolist() == [[1, 1], [2, 0]]


LEVELS = {"norm": ["false", "true"], "loss.kind": ["l1", "smooth"], "size": ["8"]}


def write_sweep(folder, examples=40):
    rng = np.random.default_rng(0)
    rows, columns = [], {}
    for norm, kind, size in product(*LEVELS.values()):
        right = rng.random((2, examples)) < 0.4 + 0.3 * (norm == "true")
        columns[f"norm={norm} loss.kind={kind} size={size}/iou"] = right.mean(axis=0)
        rows += [(norm, kind, size, seed, right[seed].mean(), right[seed].mean() ** 2) for seed in (0, 1)]
    pd.DataFrame(rows, columns=[*LEVELS, "seed", "iou", "squared"]).to_csv(folder / "trials.csv", index=False)
    frame = pd.DataFrame(columns)
    frame.to_csv(folder / "examples.csv", index=False)
    return frame


def read(folder, response="iou"):
    table = read_trials(folder / "trials.csv")
    trials = select_trials(table, response, list(LEVELS))
    return trials, read_examples(folder / "examples.csv", table, list(LEVELS), trials)


def test_intervals_over_the_test_examples(tmp_path):
    frame = write_sweep(tmp_path)
    trials, examples = read(tmp_path)
    analysis = analyse(trials, examples=examples, interactions=("norm:loss.kind",))
    norm = analysis.effects.set_index("term").loc["norm"]
    # Of each example: the mean with norm less the mean without. In a complete plan that is the estimate.
    with_norm = frame.filter(like="norm=true").mean(axis=1) - frame.filter(like="norm=false").mean(axis=1)
    expected = examples_interval(with_norm.to_numpy())
    assert (norm["estimate"], norm["test_low"], norm["test_high"]) == pytest.approx(expected)
    both = analysis.effects.set_index("term").loc["norm : loss.kind"]
    a, b, c, d = (frame[name] for name in frame)  # false l1, false smooth, true l1, true smooth
    assert both[["test_low", "test_high"]].tolist() == pytest.approx(examples_interval(d - c - b + a)[1:])
    metrics = write_analysis(analysis, tmp_path / "out")
    assert metrics["effects"]["norm: false to true"]["test_low"] == pytest.approx(expected.low)
    assert "of the test examples" in (tmp_path / "out/summary.txt").read_text()
    logit = analyse(trials, examples=examples, transform="logit")
    assert logit.effects["test_low"].isna().all()


def test_examples_of_other_runs_are_not_used(tmp_path):
    write_sweep(tmp_path)
    text = (tmp_path / "trials.csv").read_text().splitlines()
    (tmp_path / "trials.csv").write_text("\n".join([*text[:4], *text[5:]]) + "\n")
    _, examples = read(tmp_path)
    # Without one of its runs, a configuration's mean is no longer that of examples.csv.
    assert examples.values is None
    assert "has the mean" in examples.missing


def test_examples_that_cannot_be_used(tmp_path):
    frame = write_sweep(tmp_path)
    trials, squared = read(tmp_path, "squared")
    assert squared.values is None
    assert "no column 'norm=false loss.kind=l1 size=8/squared' (and 3 more)" in squared.missing
    write_analysis(analyse(trials, examples=squared), tmp_path / "out")
    assert squared.missing in " ".join((tmp_path / "out/summary.txt").read_text().split())
    frame.assign(**{frame.columns[1]: frame.iloc[:, 1] + 0.1}).to_csv(tmp_path / "examples.csv", index=False)
    assert "kind=smooth size=8/iou' has the mean" in read(tmp_path)[1].missing
    frame.mask(np.arange(len(frame))[:, None] + np.arange(4) == 5).to_csv(tmp_path / "examples.csv", index=False)
    assert "has empty cells" in read(tmp_path)[1].missing
    # Rows below the last example of a measure are empty, where another measure has more examples.
    longer = pd.concat([frame, pd.DataFrame({"other/ap": [0.5] * 50})], axis=1)
    longer.to_csv(tmp_path / "examples.csv", index=False)
    assert read(tmp_path)[1].values.shape == (4, 40)
    (tmp_path / "examples.csv").unlink()
    assert read(tmp_path)[1].missing is None
    (tmp_path / "examples.csv").write_text("a,b\n")
    with pytest.raises(MaskwrightError, match=r"examples.csv: a header and no trial"):
        read(tmp_path)
