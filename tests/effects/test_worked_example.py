"""The worked example of docs/effects.md: what the page shows is what the analysis says."""

import io
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from maskwright.effects.analysis import analyse
from maskwright.effects.summary import print_analysis
from maskwright.effects.trials import select_trials

PAGE = Path(__file__).parents[2] / "docs/effects.md"
LEVELS = {"batch_norm": [False, True], "dropout": [0.0, 0.2], "attention": ["none", "spatial"]}
LEVELS["activation"] = ["elu", "relu", "selu", "sigmoid"]


def example():
    """Return 64 invented runs with the effects that the page states."""
    rng = np.random.default_rng(2)
    rows = []
    for norm, dropout, attention, activation in product(*LEVELS.values()):
        mean = 0.24 - 0.012 * norm + 0.003 * (dropout > 0) - 0.001 * (attention == "spatial")
        mean += {"elu": 0.0, "relu": 0.020, "selu": 0.0, "sigmoid": 0.040}[activation]
        mean -= 0.024 * (norm and activation == "relu")
        for seed in (0, 1):
            row = dict(zip(LEVELS, (norm, dropout, attention, activation), strict=True))
            rows.append({**row, "seed": seed, "loss": mean + rng.normal(0, 0.003)})
    return analyse(select_trials(pd.DataFrame(rows), "loss", list(LEVELS), declared=LEVELS))


def printed(analysis):
    buffer = io.StringIO()
    print_analysis(analysis, Console(file=buffer, width=96))
    return [line.rstrip() for line in buffer.getvalue().splitlines()]


def test_the_page_shows_what_the_terminal_shows():
    shown = [line.removeprefix("    ").rstrip() for line in PAGE.read_text(encoding="utf-8").splitlines()]
    lines = printed(example())
    start = shown.index(lines[0])
    assert shown[start : start + len(lines)] == lines
