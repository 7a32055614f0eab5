"""A bar for each class."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from maskwright.reporting.figure import BLUE, INK, VERMILION, drawing_style, light_frame, shorten


def per_class_bars(values: Mapping[str, float], classes: Sequence[str], label: str = "IoU") -> Figure:
    """Draw one horizontal bar for each class, and their mean as a line.

    Args:
        values: a fraction from 0 to 1 for each class that has one, by name.
        classes: names in the order of the bars, from above. Those without a value are marked as absent.
        label: what the values are.
    """
    with drawing_style():
        figure = Figure(figsize=(8.0, float(np.clip(0.5 * len(classes) + 1.4, 2.4, 40.0))), layout="constrained")
        axes = figure.subplots()
        known = [(row, values[name]) for row, name in enumerate(classes) if name in values]
        rows = [row for row, _ in known]
        axes.barh(rows, [value for _, value in known], height=0.68, color=BLUE)
        for row, value in known:
            # At the foot of the bar, where the numbers form a column and the mean's line is not.
            inside = value > 0.12
            axes.text(
                0.01 if inside else value + 0.01, row, f"{value:.3f}", va="center", color="white" if inside else INK
            )
        for row in set(range(len(classes))) - set(rows):
            axes.text(0.01, row, "does not occur", va="center", color="#777777", style="italic")
        if known:
            mean = float(np.mean([value for _, value in known]))
            axes.axvline(mean, color=VERMILION, linewidth=2, linestyle="--", label=f"mean {mean:.3f}")
            axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
        axes.set_yticks(range(len(classes)), [shorten(name) for name in classes])
        axes.set_xlim(0, 1)
        axes.set_ylim(len(classes) - 0.4, -0.6)
        axes.set_xlabel(label)
        axes.tick_params(axis="y", length=0)
        light_frame(axes, "x")
    return figure
