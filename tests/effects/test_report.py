"""The folder, the text and the terminal's table: complete, readable, and the same bytes for the same trials."""

import io
import json
import subprocess
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from maskwright.effects.analysis import analyse
from maskwright.effects.output import write_analysis
from maskwright.effects.summary import print_analysis, summary
from maskwright.effects.trials import select_trials
from maskwright.photos.images import read_image

FACTORS = ["batch norm", "activation", "lr"]


def trials_table():
    rng = np.random.default_rng(0)
    rows = []
    for norm, activation, rate in product([True, False], ["elu", "relu", "sigmoid"], [1e-4, 1e-3, 1e-2]):
        for seed in (0, 1):
            loss = 0.2 - 0.05 * norm + 0.03 * (activation == "sigmoid") - 0.01 * np.log10(rate) + rng.normal(0, 0.004)
            rows.append({"batch norm": norm, "activation": activation, "lr": rate, "seed": seed, "loss": loss})
    rows[3]["loss"] = float("nan")
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def analysis():
    return analyse(select_trials(trials_table(), "loss", FACTORS), interactions=("batch norm:activation",))


def printed(analysis, width):
    buffer = io.StringIO()
    print_analysis(analysis, Console(file=buffer, width=width))
    return buffer.getvalue()


def test_folder(analysis, tmp_path):
    folder = tmp_path / "effects" / "toy"
    folder.mkdir(parents=True)
    (folder / "old.txt").write_text("from before")
    metrics = write_analysis(analysis, folder)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    pictures = (
        "forest",
        "main_effects",
        "interactions",
        "observed_fitted",
        "residuals",
        "normal_quantiles",
        "influence",
    )
    tables = {"summary.txt", "metrics.json"}
    tables |= {f"{name}.csv" for name in ("effects", "paired", "anova", "means", "plain_table")}
    assert files == tables | {f"plots/{name}.png" for name in pictures}
    assert json.loads((folder / "metrics.json").read_text()) == metrics
    assert metrics["runs"] == 35
    assert metrics["configurations"] == 18
    assert metrics["seeds"] == 2
    assert metrics["without_result"] == 1
    assert metrics["residual_df"] == 35 - 7
    assert metrics["standard_errors"] == "CR2"
    effect = metrics["effects"]["batch norm: false to true"]
    assert effect["low"] < -0.05 < effect["high"]
    assert pd.read_csv(folder / "effects.csv")["estimate"][0] == pytest.approx(effect["estimate"], rel=1e-9)
    for name in pictures:
        picture = read_image(folder / f"plots/{name}.png")
        assert picture.std() > 5
    before = {name: (folder / name).read_bytes() for name in files}
    write_analysis(analysis, folder)
    assert before == {name: (folder / name).read_bytes() for name in files}


def test_summary_has_the_plain_table_first_and_names_everything(analysis):
    text = summary(analysis)
    assert max(map(len, text.splitlines())) <= 118
    assert not any(line != line.rstrip() for line in text.splitlines())
    wanted = [
        "0/1 columns, no intercept",
        "activation = sigmoid",
        "What was analysed",
        "35 runs, 18 configurations, 2 seeds, 28 residual degrees of freedom",
        "1 without a result: without loss",
        "Standard errors: clustered by configuration (CR2, 18 clusters)",
        "elu → sigmoid",
        "x10",
        "Analysis of variance (Type II)",
        "partial_eta_sq",
        "pure error",
        "Estimated mean at each level",
        "Lack of fit against seed-to-seed error: F(11, 17)",
        "80 % power",
        "Breusch-Pagan",
        "leverage",
        "Cook's distance",
        "Variance inflation factors",
    ]
    places = [text.index(words) for words in wanted if words != "80 % power"]
    assert places == sorted(places)
    assert "80 % power" in text


@pytest.mark.parametrize("width", [80, 118])
def test_terminal(analysis, width):
    text = printed(analysis, width)
    assert max(map(len, text.splitlines())) <= width
    for words in (
        "batch norm",
        "false → true",
        "lowers",
        "CR2",
        "raises",
        "adjusted",
        "warning: 1 of 36 trials",
    ):
        assert words in text
    row = next(line for line in text.splitlines() if line.startswith(" batch norm false"))
    assert "-0.05" in row


def test_the_terminal_tells_what_was_left_out():
    table = trials_table().assign(width=8)
    table.loc[5, "loss"] = 1e300
    remarks = ["3 runs left out that only group other runs"]
    trials = select_trials(table, "loss", [*FACTORS, "width"], remarks=remarks)
    lines = printed(analyse(trials, interactions=("none",)), 118).splitlines()
    head = lines.index("Model: additive, as asked")
    assert lines[head + 1 : head + 5] == [
        "width is 8 in all of them, so it is not in the model",
        "3 runs left out that only group other runs",
        "1 without a result: without loss",
        "1 without a result: loss is beyond 1e+100",
    ]


def test_without_anything_to_measure_chance_from():
    rows = [{"a": a, "b": b, "loss": 1.0 + a + 3 * b + 2 * a * b} for a in (0, 1) for b in (0, 1)]
    analysis = analyse(select_trials(pd.DataFrame(rows), "loss", ["a", "b"]), interactions=("all",))
    assert "unknown" in printed(analysis, 100)
    assert "nan" not in summary(analysis)
    assert "adjusted not defined" in summary(analysis)


def test_folder_without_anything_to_measure_chance_from(tmp_path):
    rows = [{"a": "left", "loss": 0.25}, {"a": "right", "loss": 0.75}]
    analysis = analyse(select_trials(pd.DataFrame(rows), "loss", ["a"]))
    metrics = write_analysis(analysis, tmp_path / "out")
    assert metrics["effects"]["a: left to right"] == {
        "estimate": 0.5, "low": None, "high": None, "standard_error": None, "df": None, "p": None, "p_holm": None
    }  # fmt: skip
    assert {path.stem for path in (tmp_path / "out/plots").iterdir()} == {"forest", "main_effects", "observed_fitted"}


def test_logit_is_told_in_both_units():
    table = trials_table().rename(columns={"loss": "miou"})
    analysis = analyse(select_trials(table, "miou", FACTORS), transform="logit")
    text = summary(analysis)
    assert "In units of log-odds of miou" in text
    assert "in miou" in printed(analysis, 118)


def test_no_tensorflow_and_no_mlflow_is_imported():
    code = (
        "import sys, maskwright.effects.output, maskwright.effects.mlflow_runs, maskwright.tracking.reading;"
        "print([name for name in ('tensorflow', 'keras', 'mlflow') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_levels_are_never_taken_for_markup():
    rows = [{"size[px]": size, "name": name, "loss": len(size) + len(name) / 7 + n / 50} for n, (size, name) in
            enumerate(product(["[96, 128]", "[bold]"], ["[/]", ":smile:", "$x_1$"]))]  # fmt: skip
    analysis = analyse(select_trials(pd.DataFrame(rows), "loss", ["size[px]", "name"]))
    for text in (printed(analysis, 118), summary(analysis)):
        assert "size[px] [96, 128] → [bold]" in text
        assert "name $x_1$ → :smile:" in text
        assert "name $x_1$ → [/]" in text
