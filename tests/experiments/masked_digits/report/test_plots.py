import io

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.masked_digits.generate import draw_canvases, draw_grids
from maskwright.experiments.masked_digits.report.plots import example_images, predicted_images, way_bars
from maskwright.reporting.figure import save_figure

RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (20, 28, 28)).astype(np.uint8), np.arange(20).astype(np.uint8) % 10


def drawn():
    return {"grid": draw_grids(*DIGITS, RNG), "canvas": draw_canvases(*DIGITS, 84, RNG)}


def test_examples_show_images_masks_and_labels(tmp_path):
    sets = drawn()
    figure = example_images(sets)
    parts = figure.subfigs
    assert [part.get_suptitle() for part in parts] == ["grid, 56 x 56", "canvas, 84 x 84"]
    for part, examples in zip(parts, sets.values(), strict=True):
        shown = [axes.images[0].get_array() for axes in part.axes]
        np.testing.assert_array_equal(shown[0], examples.images[0])
        np.testing.assert_array_equal(shown[4], examples.masks[0])
        labels = [axes.get_xlabel() for axes in part.axes][4:]
        assert labels == [f"label {label}" for label in examples.labels[:4]]
    save_figure(figure, tmp_path / "examples.png")
    assert np.asarray(Image.open(io.BytesIO((tmp_path / "examples.png").read_bytes()))).std() > 5


def test_predictions_show_some_that_are_wrong():
    grid = drawn()["grid"]
    # Two networks; both right, but for images 5 and 9, which the second calls the next digit.
    answers = np.stack([grid.labels, grid.labels], axis=1).astype(int)
    answers[[5, 9], 1] = (answers[[5, 9], 1] + 1) % 10
    logits = np.eye(10)[answers]
    figure = predicted_images({"grid": (grid.images, grid.masks, grid.labels)}, {"grid": logits}, "pool")
    assert "pool" in figure.get_suptitle()
    lines = [axes.get_xlabel().split("\n") for axes in figure.axes]
    assert [line[0] for line in lines[:6]] == [f"{row}: 2 of 2 right" for row in (0, 1, 2, 3, 4, 6)]
    assert lines[6:] == [["5: 1 of 2 right", "say 5, 6"], ["9: 1 of 2 right", "say 9, 0"]]
    rows, columns = np.nonzero(grid.masks[0])
    (frame,) = figure.axes[0].patches
    assert (frame.get_x(), frame.get_y()) == (columns.min() - 0.5, rows.min() - 0.5)
    assert (frame.get_width(), frame.get_height()) == (28, 28)


def test_bars_show_means_bound_and_guess():
    nothing = np.array([np.nan, np.nan])
    measured = {
        "channel": {"accuracy": np.array([0.9, 0.94]), "canvas_accuracy": np.array([0.8, 0.8])},
        "none": {"accuracy": np.array([0.3, 0.34]), "canvas_accuracy": np.array([0.2, 0.3])},
        "single": {"accuracy": np.array([0.95, 0.97]), "canvas_accuracy": nothing},
    }
    (axes,) = way_bars(measured, "single", 0.38, 0.3).axes
    widths = [bar.get_width() for container in axes.containers for bar in container]
    assert widths == pytest.approx([0.92, 0.32, 0.8, 0.25])
    assert {text.get_text() for text in axes.texts} == {"92.0%", "32.0%", "80.0%", "25.0%"}
    vertical = [line.get_xdata()[0] for line in axes.lines if line.get_xdata()[0] == line.get_xdata()[1]]
    assert {0.96, 0.38, 0.3} <= {round(float(value), 6) for value in vertical}
    assert [label.get_text() for label in axes.get_yticklabels()] == ["channel", "none"]
