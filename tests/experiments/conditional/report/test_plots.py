import numpy as np

from maskwright.experiments.conditional.data import ClassNames
from maskwright.experiments.conditional.report.plots import gate_bars, gate_maps, uncertainty_curves

NAMES = ClassNames(("low", "high"), ("a", "b", "c"))


def test_accuracy_says_each_mean_and_that_without_a_gate_there_is_nothing_to_flip():
    measured = {
        "soft": {"accuracy": np.array([0.9, 0.94]), "flipped_accuracy": np.array([0.05, 0.07])},
        "none": {"accuracy": np.array([0.91, 0.93]), "flipped_accuracy": np.array([np.nan, np.nan])},
        "oracle": {"accuracy": np.array([0.95, 0.97]), "flipped_accuracy": np.array([0.0, 0.0])},
    }
    whole, close = gate_bars(measured, "oracle").axes
    assert [text.get_text() for text in whole.texts] == ["92.0%", "6.0%", "92.0%", "no gate", "96.0%", "0.0%"]
    assert [label.get_text() for label in whole.get_yticklabels()] == ["soft", "none", "oracle"]
    (legend,) = close.get_legend().get_texts()
    assert legend.get_text() == "told the coarse class: 96.0%"


def test_gate_maps_hold_the_mean_share_of_each_present_fine_class():
    fine = np.array([0, 0, 2])
    gate = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    (axes,) = gate_maps({"soft": gate}, fine, NAMES).axes
    assert [text.get_text() for text in axes.texts] == ["0.70", "0.30", "0.10", "0.90"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "c"]


def test_uncertainty_goes_from_the_certain_to_the_uncertain():
    entropy = np.tile(np.arange(16.0)[::-1], (2, 1))
    soft, routed = (entropy, entropy < 8), (entropy, entropy < 4)
    left, right = uncertainty_curves({"soft": soft, "routed": routed}, [["soft"], ["soft", "routed"]]).axes
    (line,) = left.lines
    np.testing.assert_allclose(line.get_ydata(), [1, 1, 1, 1, 0, 0, 0, 0])
    same, other = right.lines
    assert (same.get_label(), same.get_color()) == ("soft", line.get_color())
    np.testing.assert_allclose(other.get_ydata(), [1, 1, 0, 0, 0, 0, 0, 0])
