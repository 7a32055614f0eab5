"""Pictures of variants that were trained with many seeds: tables and names in, a matplotlib figure out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from maskwright.reporting.figure import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    drawing_style,
    light_frame,
    shorten,
)
from maskwright.reporting.intervals import mean_interval

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW, "#666666", "#8C564B")


def loss_curves(
    history: pd.DataFrame, label: str, measure: str = "loss", *, log: bool = True, epoch: str = "epoch"
) -> Figure:
    """Draw a measure over the epochs: the median of each variant's seeds, and the band that holds 80 % of them.

    Args:
        history: as `learning.replicates.tables.read_curves` returns it.
        label: what the measure is.
        measure: its column.
        log: whether the axis is logarithmic; values that are not positive are then left out.
        epoch: what an epoch is.
    """
    with drawing_style():
        figure = Figure(figsize=(8.4, 4.8), layout="constrained")
        axes = figure.subplots()
        present = history.dropna(subset=[measure])
        for number, (variant, rows) in enumerate(present.groupby("variant", sort=False)):
            colour = _COLOURS[number % len(_COLOURS)]
            low, high = rows[f"{measure}_low"], rows[f"{measure}_high"]
            axes.fill_between(rows["epoch"], low, high, color=colour, alpha=0.18, linewidth=0)
            axes.plot(rows["epoch"], rows[measure], color=colour, linewidth=2, label=shorten(str(variant)))
        if log:
            axes.set_yscale("log", nonpositive="mask")
            axes.yaxis.set_major_formatter("{x:g}")
        axes.set_xlabel(epoch)
        axes.set_ylabel(label)
        axes.set_xlim(0, max(1, present["epoch"].to_numpy().max()))
        axes.set_title("Median of the seeds, and the band that holds 80 % of them", fontsize=12, loc="left")
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        light_frame(axes, "both")
    return figure


def seed_dots(
    values: Mapping[str, np.ndarray], label: str, ceilings: Mapping[str, float], *, least: float = 0.0
) -> Figure:
    """Draw a dot for each seed of each variant, the mean with its 95 % interval, and what is possible at best.

    Args:
        values: (R,) shares from 0 to 1 for each variant, in the order of the rows from above.
        label: what the values are.
        ceilings: for a variant the greatest value that it could reach; drawn as a line where there is one.
        least: where the axis begins.
    """
    with drawing_style():
        figure = Figure(figsize=(8.4, 1.4 + 0.62 * len(values)), layout="constrained")
        axes = figure.subplots()
        for row, (variant, shares) in enumerate(values.items()):
            # Dots of the same value would hide each other: they are spread in a fixed pattern.
            spread = row + 0.3 * np.sin(np.arange(len(shares)) * 2.4)
            axes.plot(shares, spread, "o", color=SKY, markersize=4, alpha=0.6, markeredgewidth=0, clip_on=False)
            mean, low, high = mean_interval(shares, (0, 1))
            axes.plot([low, high], [row, row], color=INK, linewidth=2, solid_capstyle="butt", zorder=4)
            axes.plot(mean, row, "D", color=INK, markersize=7, zorder=5)
            axes.annotate(
                f"{mean:.1%}", (1.0, row), (10, 0), textcoords="offset points", va="center", annotation_clip=False
            )
            if variant in ceilings:
                axes.plot([ceilings[variant]] * 2, [row - 0.4, row + 0.4], color=VERMILION, linewidth=2, zorder=3)
        for style, colour, text in (
            ("o", SKY, "a seed"),
            ("D", INK, "mean and 95 % interval"),
            *((("|", VERMILION, "best possible"),) if ceilings else ()),
        ):
            axes.plot([], [], style, color=colour, label=text, linestyle="none", markersize=8, markeredgewidth=2)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2, handletextpad=0.2)
        axes.set_yticks(range(len(values)), [shorten(name) for name in values])
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_xlim(least, 1.0)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel(label)
        axes.tick_params(axis="y", length=0)
        light_frame(axes, "x")
    return figure
