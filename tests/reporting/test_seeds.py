import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from maskwright.reporting.figure import save_figure
from maskwright.reporting.seeds import loss_curves, seed_dots


def history():
    rows = [
        {"variant": variant, "epoch": epoch, "loss": 1 / epoch, "loss_low": 0.5 / epoch, "loss_high": 2 / epoch}
        for variant in ("with", "without")
        for epoch in range(1, 6)
    ]
    return pd.DataFrame([*rows, {"variant": "other", "epoch": 1}])


def test_curves_show_each_variant_that_has_the_measure():
    (axes,) = loss_curves(history(), "sum of squares").axes
    assert [line.get_label() for line in axes.lines] == ["with", "without"]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), 1 / np.arange(1, 6))
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "sum of squares"
    assert len(axes.collections) == 2
    (axes,) = loss_curves(history(), "loss", log=False, epoch="step").axes
    assert (axes.get_yscale(), axes.get_xlabel()) == ("linear", "step")


def test_dots_show_seeds_means_and_ceilings():
    values = {"a": np.array([0.5, 0.7, 0.6]), "b": np.array([1.0, 1.0])}
    (axes,) = seed_dots(values, "accuracy", {"a": 0.75}).axes
    dots = [line for line in axes.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert [list(line.get_xdata()) for line in dots] == [[0.5, 0.7, 0.6], [1.0, 1.0]]
    assert {text.get_text() for text in axes.texts} == {"60.0%", "100.0%"}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert sum(list(line.get_xdata()) == [0.75, 0.75] for line in axes.lines) == 1


@pytest.mark.parametrize("name", ["curves", "dots"])
def test_the_same_figure_gives_the_same_bytes(tmp_path, name):
    def draw() -> Figure:
        if name == "curves":
            return loss_curves(history(), "loss")
        return seed_dots({"a": np.array([0.5, 0.7])}, "accuracy", {})

    for number in range(2):
        save_figure(draw(), tmp_path / f"{number}.png")
    assert (tmp_path / "0.png").read_bytes() == (tmp_path / "1.png").read_bytes()
