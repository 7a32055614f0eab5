import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from maskwright.reporting.curves import (
    LEARNING_RATE,
    Panel,
    from_zero,
    training_curves,
    up_to_one,
    with_room,
    zero_to_one,
)
from maskwright.reporting.figure import INK

NAN = float("nan")
HISTORY = [
    {"epoch": 3, "loss": 2.0, "val_loss": 2.5, "val_kl": 4.0, "ap": 0.5, "val_ap": 0.4, "learning_rate": 0.1},
    {"epoch": 4, "loss": 1.0, "val_loss": 1.5, "val_kl": 2.0, "ap": 0.6, "val_ap": 0.7, "learning_rate": 0.0},
]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_marks_the_best_epoch_on_the_validation_curves():
    figure = training_curves(HISTORY, [Panel("loss", "Loss"), Panel("ap", "AP"), LEARNING_RATE], best=1)
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["Loss", "AP", "Learning rate"]
    assert {"best epoch (4): 1.500", "best epoch (4): 0.700"} <= set(texts(figure))
    training, validation, best = figure.axes[0].lines
    assert training.get_label() == "training"
    assert list(training.get_ydata()) == [2.0, 1.0]
    assert validation.get_label() == "validation"
    assert list(validation.get_xdata()) == [3, 4]
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([4], [1.5])
    (rate,) = figure.axes[2].lines
    assert rate.get_color() == INK
    assert figure.axes[2].get_legend() is None


def test_no_best_epoch():
    figure = training_curves(HISTORY, [Panel("ap", "AP")], best=None)
    assert len(figure.axes[0].lines) == 2


@pytest.mark.parametrize(
    ("column", "limits", "ends"),
    [
        ("ap", zero_to_one, (0.0, 1.0)),
        ("ap", up_to_one, (0.4 - 0.08 * 0.6, 1.0)),
        ("kl", with_room, (0.0, 4.6)),
    ],
)
def test_limits(column: str, limits, ends: tuple[float, float]):
    figure = training_curves(HISTORY, [Panel(column, "title", limits)], best=0)
    assert figure.axes[0].get_ylim() == pytest.approx(ends)


def test_from_zero_leaves_the_upper_end_to_matplotlib():
    figure = training_curves(HISTORY, [Panel("loss", "Loss", from_zero)], best=0)
    low, high = figure.axes[0].get_ylim()
    assert low == 0
    assert 2.5 < high < 2.7


@pytest.mark.parametrize(("panels", "size"), [(1, (5.6, 3.8)), (2, (11.2, 3.8)), (3, (11.2, 7.6)), (4, (11.2, 7.6))])
def test_two_panels_stand_in_a_line(panels: int, size: tuple[float, float]):
    chosen = [Panel(column, column) for column in ("loss", "kl", "ap", "learning_rate")]
    figure = training_curves(HISTORY, chosen[:panels], best=0, height=3.8)
    assert tuple(figure.get_size_inches()) == pytest.approx(size)


def test_takes_what_there_is():
    history = [{"loss": 2.0}, {"loss": 1.0, "val_loss": NAN}]
    figure = training_curves(history, [Panel("loss", "Loss"), Panel("ap", "AP"), LEARNING_RATE], best=None)
    assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["Loss"]
    (line,) = figure.axes[0].lines
    assert list(line.get_xdata()) == [1, 2]
    assert np.isfinite(figure.axes[0].get_ylim()).all()


@pytest.mark.parametrize("history", [[], [{}], [{"loss": NAN}], [{"other": 1.0}]])
def test_refuses_nothing(history: list[dict[str, float]]):
    with pytest.raises(ValueError, match="no value to draw"):
        training_curves(history, [Panel("loss", "Loss")], best=None)
