"""The training of one network as curves over its epochs.

For example, as detection and the autoencoder call it:

    scores = [row["val_ap50"] for row in history]                                            # detection
    panels = [Panel("loss", "Loss", from_zero), Panel("ap50", "AP50", zero_to_one), ..., LEARNING_RATE]
    training_curves(history, panels, best=int(np.argmax(scores)))

    panels = [Panel("loss", "Loss"), Panel("kl", "KL divergence, nats", with_room)]          # autoencoder
    training_curves(history, panels, best=int(np.argmin(losses)), height=3.8)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from maskwright.reporting.figure import BLUE, INK, ORANGE, VERMILION, drawing_style, light_frame

Limits = Callable[[np.ndarray], tuple[float | None, float | None]]
"""From all values of a panel to the ends of its axis; None where matplotlib chooses. Values may hold NaN."""


def free(values: np.ndarray) -> tuple[None, None]:
    """Let matplotlib choose both ends."""
    return None, None


def from_zero(values: np.ndarray) -> tuple[float, None]:
    """Begin at 0."""
    return 0.0, None


def zero_to_one(values: np.ndarray) -> tuple[float, float]:
    """Show all that a share can be."""
    return 0.0, 1.0


def up_to_one(values: np.ndarray) -> tuple[float, float]:
    """Begin a little below the lowest share, and end at 1."""
    lowest = np.nanmin(values)
    return max(0.0, lowest - 0.08 * (1.0 - lowest)), 1.0


def with_room(values: np.ndarray) -> tuple[float, float]:
    """Begin at 0, and end 15 % above the highest value."""
    return 0.0, 1.15 * float(np.nanmax(values))


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        column: of the history: `column` for the training data, `val_column` for the validation data.
        title: above the axes.
        limits: of the vertical axis.
    """

    column: str
    title: str
    limits: Limits = free


LEARNING_RATE = Panel("learning_rate", "Learning rate", from_zero)
"""Its curve belongs neither to the training data nor to the validation data."""


def training_curves(
    history: Sequence[Mapping[str, float]], panels: Sequence[Panel], *, best: int | None, height: float = 3.5
) -> Figure:
    """Draw curves over the epochs, and mark the best epoch on those of the validation data.

    Args:
        history: one mapping for each epoch, in order. `epoch` is its number; without it, epochs count from 1.
        panels: at most two in a line. One for which the history has no finite number is left out, and so is a
            curve.
        best: the place of the best epoch in `history`; None where there is none.
        height: of each panel, in inches.

    Raises:
        ValueError: there is no epoch, or none has a value that a panel shows.
    """
    keys = {key for row in history for key, value in row.items() if np.isfinite(value)}
    panels = [panel for panel in panels if keys & {panel.column, f"val_{panel.column}"}]
    if not panels:
        raise ValueError("the history holds no value to draw")
    epochs = np.array([row.get("epoch", number) for number, row in enumerate(history, start=1)], float)
    with drawing_style():
        columns = 2 if len(panels) > 1 else 1
        lines = -(-len(panels) // columns)
        figure = Figure(figsize=(5.6 * columns, height * lines), layout="constrained")
        grid = np.atleast_1d(figure.subplots(lines, columns)).ravel()
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        for axes, panel in zip(grid, panels, strict=False):
            _draw(axes, panel, history, epochs, best)
    return figure


def _draw(
    axes: Axes, panel: Panel, history: Sequence[Mapping[str, float]], epochs: np.ndarray, best: int | None
) -> None:
    series = [(panel.column, "training", ORANGE, "--"), (f"val_{panel.column}", "validation", BLUE, "-")]
    if panel.column == LEARNING_RATE.column:
        series = [(panel.column, None, INK, "-")]
    shown = [_column(history, column) for column, *_ in series]
    for (column, label, colour, style), values in zip(series, shown, strict=True):
        if not np.isfinite(values).any():
            continue
        marker = "o" if len(epochs) <= 3 else None
        axes.plot(epochs, values, style, color=colour, linewidth=2, label=label, marker=marker)
        if best is not None and column.startswith("val_") and np.isfinite(values[best]):
            label = f"best epoch ({epochs[best]:.0f}): {values[best]:.3f}"
            axes.plot(epochs[best], values[best], "o", color=VERMILION, markersize=8, label=label, zorder=5)
    axes.set_title(panel.title, fontweight="bold")
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
    axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
    bottom, top = panel.limits(np.concatenate(shown))
    if (bottom, top) != (None, None):
        axes.set_ylim(bottom, top)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc="best", fontsize=10)
    light_frame(axes, "both")


def _column(history: Sequence[Mapping[str, float]], key: str) -> np.ndarray:
    return np.array([row.get(key, np.nan) for row in history], float)
