"""Tables of trials, as sweeps and people write them: what is used, what is left out, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.effects.factors import make_factor, named_values, parse_levels, parse_scales
from maskwright.effects.mlflow_runs import runs_as_trials
from maskwright.effects.trials import read_trials, select_trials
from maskwright.shared.errors import MaskwrightError


def refused(table, *arguments, **options):
    with pytest.raises(MaskwrightError) as caught:
        select_trials(pd.DataFrame(table), *arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cells", "levels"),
    [
        (["True", "true", "FALSE", "1", "0"], ["true", "true", "false", "true", "false"]),
        (["1e-3", "0.001", " 1E-03"], [0.001, 0.001, 0.001]),
        (["8", "8.0", "auto"], ["8", "8", "auto"]),
        (["1", "0"], [1.0, 0.0]),
        (["nan", "1"], ["nan", "1"]),
        (["None", "none", "balanced"], ["None", "None", "balanced"]),
    ],
)
def test_spellings_of_one_level(cells, levels):
    assert parse_levels([cell.strip() for cell in cells])[0] == levels


def test_words_that_differ_in_capitals_are_one_level_and_this_is_said():
    levels, remark = parse_levels(["ReLU", "relu", "relu", "elu"])
    assert levels == ["relu", "relu", "relu", "elu"]
    assert remark == "ReLU taken for relu"
    assert parse_levels(["ReLU", "relu", "relu"], ["ReLU", "elu"])[0] == ["ReLU"] * 3


@pytest.mark.parametrize(
    ("levels", "scale", "change"),
    [
        ([1e-4, 1e-3, 1e-2], "log", "x10"),
        ([1e-4, 1e-2], "log", "x10"),
        ([16.0, 32.0, 64.0, 128.0], "log", "x2"),
        ([16.0, 32.0], "linear", "16 → 32"),
        ([1.0, 2.0, 3.0], "linear", "1 → 3"),
        ([10.0, 20.0, 30.0, 40.0, 50.0], "linear", "10 → 50"),
        ([0.0, 0.2], "linear", "0 → 0.2"),
        ([0.0, 1e-4, 1e-2], "linear", "0 → 0.01"),
        ([0.001, 0.003, 0.01, 0.03], "log", "x10"),
    ],
)
def test_scale_of_a_number(levels, scale, change):
    factor = make_factor("f", levels)
    assert factor.scale == scale
    assert factor.changes == (change,)


@given(st.sets(st.floats(1e-6, 1e6), min_size=2, max_size=9))
def test_a_step_of_one_in_a_number_column_is_the_stated_change(levels):
    factor = make_factor("f", levels)
    low, high = min(levels), max(levels)
    first, last = factor.codes([low, high])[:, 0]
    assert first == 0
    expected = np.log(high / low) / np.log(factor.step) if factor.scale == "log" else 1
    assert last == pytest.approx(expected, rel=1e-6)


def test_reference_of_a_category():
    assert make_factor("f", ["b", "b", "a"]).levels == ("b", "a")
    assert make_factor("f", ["b", "a"]).levels == ("a", "b")
    assert make_factor("f", ["b", "b", "a"], ["a", "b", "c"]).levels == ("a", "b")
    assert make_factor("f", ["true", "true", "false"]).levels == ("false", "true")
    assert make_factor("f", ["b", "b", "a"], reference="A").levels == ("a", "b")
    assert make_factor("f", [1.0, 2.0, 3.0], reference="2").levels == ("2", "1", "3")
    assert make_factor("f", [1.0, 2.0, 10.0], scale="category").levels == ("1", "2", "10")
    with pytest.raises(MaskwrightError, match="no run has the level 'c'; there is b, a"):
        make_factor("f", ["b", "b", "a"], reference="c")
    with pytest.raises(MaskwrightError, match="'-1' is not a number above 0"):
        make_factor("f", [-1.0, 1.0], scale="log")


def test_a_level_that_is_no_treatment_is_the_reference():
    assert make_factor("f", ["adam", "adam", "adam", "None"]).levels == ("None", "adam")
    assert make_factor("f", ["baseline", "a", "a", "a"]).levels == ("baseline", "a")
    assert make_factor("f", ["default", "a", "off"]).levels == ("off", "a", "default")
    assert make_factor("f", ["null", "none", "a"]).levels == ("none", "a", "null")
    # A sweep's own order counts more.
    assert make_factor("f", ["a", "none"], ["a", "none"]).levels == ("a", "none")
    assert make_factor("f", ["a", "none"], reference="a").levels == ("a", "none")


def test_options():
    assert named_values(["a=b=2", "c = d"], "--x") == {"a=b": "2", "c": "d"}
    assert parse_scales(["depth=category"]) == {"depth": "category"}
    for wrong in (["a"], ["=b"], ["a="]):
        with pytest.raises(MaskwrightError, match="write FACTOR=VALUE"):
            named_values(wrong, "--x")
    with pytest.raises(MaskwrightError, match="the scale is category, linear, log"):
        parse_scales(["depth=big"])


def test_what_becomes_of_each_row(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text(
        "norm,act,width,seed,status,reason,miou\n"
        "true,elu,8,0,finished,,0.5\n"
        "false,elu,8,0,finished,,0.25\n"
        "false,relu,8,0,finished,,0.75\n"
        "false,relu,8,0,finished,,0.625\n"  # the same trial again
        "true,relu,8,0,finished,,nan\n"
        "true,relu,8,1,failed,loss is NaN,\n"
        "true,,8,1,finished,,0.5\n"
    )
    trials = select_trials(read_trials(path), "miou", ["norm", "act", "width"])
    assert trials.y.tolist() == [0.5, 0.25, 0.625]
    assert trials.levels.to_dict("list") == {"norm": ["true", "false", "false"], "act": ["elu", "elu", "relu"]}
    assert trials.configuration.tolist() == [0, 1, 2]
    assert trials.constant == {"width": "8"}
    assert trials.seeds == 1
    assert trials.failed == {"miou is nan": 1, "loss is NaN": 1}
    assert trials.failed_levels == {"norm": ["true: 2 of 4"], "act": ["relu: 2 of 4"]}
    assert trials.remarks == (
        "1 trials without a level of act left out",
        "1 trials left out: a later one has the same levels and seed",
    )


def test_null_among_the_declared_levels_is_a_level():
    table = pd.DataFrame({"weights": ["", "balanced"] * 2, "miou": ["0.1", "0.2", "0.15", "0.3"]})
    trials = select_trials(table, "miou", ["weights"], declared={"weights": [None, "balanced"]})
    assert trials.factors[0].levels == ("null", "balanced")
    assert "none of 4 trials" not in refused({"weights": ["", "b"], "miou": [1, 2]}, "miou", ["weights"])


def test_the_seed_is_found_under_its_usual_names():
    table = {"model.seed": [0, 1, 0, 1], "lr": [1, 1, 2, 2], "y": [1.0, 2, 3, 4]}
    assert select_trials(pd.DataFrame(table), "y", ["lr"]).seeds == 2
    assert select_trials(pd.DataFrame({**table, "data.seed": [0] * 4}), "y", ["lr"]).seeds is None
    holes = pd.DataFrame({"seed": ["", "", 0, 0], "lr": [1, 1, 2, 2], "y": [1.0, 2, 3, 4]})
    trials = select_trials(holes, "y", ["lr"])
    assert trials.y.tolist() == [1, 2, 4]
    assert trials.seeds == 1
    assert "is the seed" in refused(table, "y", ["lr", "model.seed"], seed="model.seed")


def test_refused_tables():
    one = {"lr": [1], "y": [0.5]}
    assert refused(one, "y", ["lr"], source="here") == (
        "here: no factor varies: the one usable trial has lr = 1; an effect needs two levels"
    )
    same = {"lr": [1, 1.0, "1"], "act": ["elu", "elu", "Elu"], "y": [1, 2, 3]}
    assert "no factor varies: each of 3 usable trials has lr = 1, act = elu" in refused(same, "y", ["lr", "act"])
    failed = {"lr": [1, 2, 3], "status": ["failed", "FAILED", "killed"], "reason": ["out of memory", None, ""]}
    assert refused({**failed, "y": [1, 1, 1]}, "y", ["lr"]) == (
        "trials: none of 3 trials can be used: 1 out of memory; 1 failed; 1 killed"
    )
    assert "1 without y; 1 y is inf" in refused({"lr": [1, 2], "y": ["", "inf"]}, "y", ["lr"])
    assert "no column 'lrr'; did you mean lr?" in refused(one, "y", ["lrr"])
    assert "did you mean metrics.y?" in refused({"metrics.y": [1], "lr": [1]}, "y", ["lr"])
    assert "there is lr, y" in refused(one, "zzz", ["lr"])
    assert "lr is named twice" in refused(one, "y", ["lr", "lr"])
    assert "y is named twice" in refused(one, "y", ["lr", "y"])
    assert "no factor is named" in refused(one, "y", [])
    assert "scale of depth: not a factor" in refused(one, "y", ["lr"], scales={"depth": "log"})
    assert "reference of depth: not a factor" in refused(one, "y", ["lr"], references={"depth": "1"})


def test_refused_files(tmp_path):
    path = tmp_path / "trials.csv"
    for content, message in (
        (None, "no such file"),
        (b"", "not a CSV"),
        (b"\xff\xfe\x00", "not a CSV"),
        (b"lr,y\n", "a header and no trial"),
        (b"lr,y\n1,2\n1\n", "row 3 does not have the 2 cells"),
    ):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(MaskwrightError, match=message):
            read_trials(path)


RUNS = pd.DataFrame(
    {
        "run": ["p", "a", "b", "c", "q", "d"],
        "parent": [None, "p", "p", "p", None, "q"],
        "status": ["FINISHED"] * 6,
        "started": [1, 2, 3, 4, 5, 6],
        "params.lr": ["0.1", "0.1", "0.2", "0.2", "0.3", None],
        "params.seed": [None, "0", "0", "1", "0", None],
        "metrics.miou": [0.9, 0.9, 0.5, 0.6, 0.7, 0.1],
    },
    dtype=object,
)


def test_runs_around_others_are_left_out_and_runs_with_folds_stay():
    table, remarks = runs_as_trials(RUNS, "metrics.miou", ["lr"])
    assert table["run"].tolist() == ["a", "b", "c", "q", "d"]
    assert remarks == ["1 runs left out that only group other runs"]
    trials = select_trials(table, "metrics.miou", ["lr"], remarks=remarks)
    assert trials.y.tolist() == [0.9, 0.5, 0.6, 0.7]
    assert trials.levels["lr"].tolist() == [0.1, 0.2, 0.2, 0.3]
    assert trials.seeds == 2
    assert trials.remarks == (remarks[0], "1 trials without a level of lr left out")


def test_names_of_parameters_and_metrics():
    assert runs_as_trials(RUNS, "miou", ["params.lr"])[0]["params.lr"].tolist()[:2] == ["0.1", "0.2"]
    with pytest.raises(MaskwrightError, match=r"no run has the metric 'mIoU'; there is metrics.miou$"):
        runs_as_trials(RUNS, "mIoU", ["lr"])
    with pytest.raises(MaskwrightError, match=r"no run has the parameter 'run'; there is params.lr, params.seed$"):
        runs_as_trials(RUNS, "miou", ["run"])
