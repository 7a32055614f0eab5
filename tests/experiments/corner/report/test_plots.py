import numpy as np
import pandas as pd

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.report import plots as pictures

SHARE = {"mean": 0.5, "low": 0.3, "high": 0.7}


def history():
    rows = [
        {"variant": variant, "epoch": epoch}
        | {f"{name}{end}": 0.5 / epoch for name in ("loss", "gradient", "pull") for end in ("", "_low", "_high")}
        for variant in ("as_posted", "repeated_corner", "softmax_ce")
        for epoch in (10, 20, 30)
    ]
    return pd.DataFrame(rows)


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_patterns_frame_the_corner():
    grid, large = pictures.pattern_grid(*all_patterns()).axes
    # Pattern 27 is the 28th of the first row; a cell is four pixels wide.
    assert [patch.get_xy() for patch in grid.patches] == [(27 * 4 - 0.5, -0.5)]
    np.testing.assert_array_equal(large.images[0].get_array(), [[1, 1, 1], [1, 0, 0], [1, 0, 0]])


def test_each_variant_has_its_loss_panel():
    axes = pictures.loss_panels(history()).axes
    shown = [panel for panel in axes if panel.axison]
    assert [panel.get_title(loc="left") for panel in shown] == ["as_posted", "repeated_corner", "softmax_ce"]
    np.testing.assert_allclose(shown[1].lines[0].get_ydata(), [0.05, 0.025, 0.5 / 30])


def test_gradient_shows_the_hard_sigmoids():
    left, right = pictures.gradient_curves(history()).axes
    for axes in (left, right):
        drawn = {line.get_label(): list(line.get_xdata()) for line in axes.lines}
        assert drawn == {"as_posted": [10, 20, 30], "repeated_corner": [10, 20, 30]}


def test_a_picture_with_nothing_to_show_says_so():
    nothing = history().iloc[:0]
    (text,) = pictures.loss_panels(nothing).texts
    assert text.get_text() == "No loss to show: none of the variants was trained, or its loss is 0."
    for table in (nothing, history()[history()["variant"] == "softmax_ce"]):
        (text,) = pictures.gradient_curves(table).texts
        variants = "as_posted, matched_labels, repeated_corner"
        assert text.get_text() == f"No gradient to show: none of {variants} was trained."


def test_kernels_show_numbers_and_outcome():
    kernels = {"a": (np.arange(9).reshape(3, 3) - 4.0, -3.5), "b": (np.zeros((3, 3)), 0.0)}
    axes = pictures.kernel_panels(kernels, {"a": True, "b": False}).axes
    assert texts(axes[0]) == ["-4", "-3", "-2", "-1", "0", "1", "2", "3", "4"]
    assert axes[0].get_xlabel() == "offset -3.5\nall 512 right"
    assert axes[1].get_xlabel() == "offset 0\nnot all right"


def test_shares_are_bars_with_intervals():
    (axes,) = pictures.share_bars({"a": SHARE, "b": {"mean": 1.0, "low": 0.8, "high": 1.0}}, "solved").axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, 1.0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[0.3, 0.7], [0.8, 1.0]]
    assert texts(axes) == ["50%", "100%"]


def test_changes_have_two_shapes_each():
    zero = {"mean": 0.0, "low": 0.0, "high": 0.2}
    (axes,) = pictures.change_bars({"none": {"posted": zero, "matched": SHARE}}).axes
    assert texts(axes) == ["0%", "50%"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["no other change"]


def test_repeats_are_a_curve():
    (axes,) = pictures.repeat_curve({"1": {"mean": 0.0, "low": 0.0, "high": 0.2}, "64": SHARE}, 150).axes
    assert "150 epochs" in axes.get_title(loc="left")
    assert list(axes.lines[0].get_xdata()) == [1, 64]
    assert list(axes.lines[0].get_ydata()) == [0.0, 0.5]


def test_detector_marks_hits_misses_and_false_alarms():
    image, truth, found = np.zeros((5, 6), np.uint8), np.zeros((5, 6), bool), np.zeros((5, 6), bool)
    truth[[1, 2], [1, 2]] = True
    found[[1, 3, 3], [1, 3, 4]] = True
    (axes,) = pictures.detector_panels([("noisy", image, found)], truth).axes
    assert axes.get_title(loc="left") == "noisy: found 1, missed 1, false 2"
    assert [list(line.get_xdata()) for line in axes.lines] == [[1], [2], [3, 4]]
