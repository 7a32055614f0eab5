"""The figure of XOR's inputs."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from maskwright.reporting.figure import FAINT, INK, ORANGE, drawing_style

_SHOWN = 4


def example_rows(tables: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Draw some inputs of each variant: the four bits, the mask below them, and the label.

    Args:
        tables: inputs (N, 4, C) and one-hot labels (N, 2) of each variant.
    """
    with drawing_style():
        figure = Figure(figsize=(2.0 + 2.3 * _SHOWN, 1.55 * len(tables) + 0.3), layout="constrained")
        grid = figure.subplots(len(tables), _SHOWN, squeeze=False)
        for line, (variant, (inputs, labels)) in zip(grid, tables.items(), strict=True):
            # The rows are spread evenly over the table, with different operands.
            chosen = [(2 * place + 1) * len(inputs) // (2 * _SHOWN) + place for place in range(_SHOWN)]
            for axes, row in zip(line, chosen, strict=True):
                channels = inputs[row].T  # (C, 4)
                for (down, across), bit in np.ndenumerate(channels):
                    colour = (ORANGE if down else INK) if bit else "white"
                    axes.add_patch(Rectangle((across, down), 1, 1, facecolor=colour, edgecolor=FAINT, linewidth=2))
                    ink = "white" if bit else "#888888"
                    axes.text(across + 0.5, down + 0.5, f"{bit:.0f}", ha="center", va="center", color=ink)
                axes.text(4.3, len(channels) / 2, f"→ {labels[row].argmax()}", va="center", fontsize=14)
                axes.set_xlim(-0.1, 5.6)
                axes.set_ylim(2.1, -0.1)
                axes.set_aspect("equal")
                axes.set_axis_off()
            names = "bits\nmask" if inputs.shape[-1] == 2 else "bits"
            line[0].text(
                -0.35, inputs.shape[-1] / 2, names, ha="right", va="center", linespacing=2.1, color="#555555"
            )
            line[0].set_title(variant, loc="left", fontweight="bold")
    return figure
