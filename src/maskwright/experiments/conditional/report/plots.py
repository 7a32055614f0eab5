"""Figures of conditional networks, from arrays and names."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from maskwright.experiments.conditional.data import ClassNames
from maskwright.reporting.figure import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    drawing_style,
    light_frame,
    shorten,
)
from maskwright.reporting.intervals import mean_interval

_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "#8C564B")
_BINS = 8


def gate_bars(measured: Mapping[str, Mapping[str, np.ndarray]], bound: str) -> Figure:
    """Draw each variant's accuracy with its own gate and with the gate flipped, with 95 % intervals.

    Args:
        measured: for each variant `accuracy` and `flipped_accuracy`, (R,), shares from 0 to 1; the latter NaN if it
            has no gate.
        bound: the variant that is the upper bound; it is also drawn as a line.
    """
    names = list(measured)
    with drawing_style():
        figure = Figure(figsize=(10.4, 1.7 + 0.72 * len(names)), layout="constrained")
        whole, close = figure.subplots(1, 2, sharey=True, width_ratios=(1.25, 1))
        for row, name in enumerate(names):
            both = [
                ("accuracy", BLUE, "gate as it is"),
                ("flipped_accuracy", ORANGE, "gate moved on by one branch"),
            ]
            for offset, (measure, colour, label) in zip((-0.19, 0.19), both, strict=True):
                if np.isnan(measured[name][measure]).any():
                    whole.text(0.01, row + offset, "no gate", va="center", color=INK)
                    continue
                mean, low, high = mean_interval(measured[name][measure], (0, 1))
                whole.barh(row + offset, mean, height=0.36, color=colour, label=label if row == 0 else None)
                whole.plot([low, high], [row + offset] * 2, color=INK, linewidth=2, solid_capstyle="butt")
                inside = mean > 0.15
                place = 0.01 if inside else high + 0.015
                shade, weight = ("white", "bold") if inside else (INK, "normal")
                whole.text(place, row + offset, f"{mean:.1%}", va="center", color=shade, fontweight=weight)
            values = measured[name]["accuracy"]
            mean, low, high = mean_interval(values, (0, 1))
            spread = row + 0.18 * np.sin(np.arange(len(values)) * 2.4)
            close.plot(values, spread, "o", color=BLUE, markersize=5, alpha=0.45, markeredgewidth=0)
            close.plot([low, high], [row, row], color=INK, linewidth=2, solid_capstyle="butt")
            close.plot(mean, row, "D", color=INK, markersize=6)
        best = float(measured[bound]["accuracy"].mean())
        close.axvline(best, color=GREEN, linewidth=1.5, zorder=1, label=f"told the coarse class: {best:.1%}")
        close.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2)
        whole.set_yticks(range(len(names)), [shorten(name) for name in names])
        whole.set_ylim(len(names) - 0.4, -0.6)
        whole.set_xlim(0, 1)
        whole.set_xlabel("accuracy of the second head on test images")
        close.set_xlabel("the same, enlarged, and each seed")
        whole.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
        for axes, decimals in ((whole, 0), (close, 1)):
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=decimals))
            axes.tick_params(axis="y", length=0)
            light_frame(axes, "x")
        close.xaxis.get_major_locator().set_params(nbins=5)
    return figure


def gate_maps(gates: Mapping[str, np.ndarray], fine: np.ndarray, names: ClassNames) -> Figure:
    """Draw the mean share of each branch for the images of each fine class.

    Args:
        gates: for each variant (N, K), the mean over the seeds.
        fine: (N,) fine classes.
        names: the names of the classes.
    """
    present = [k for k in range(len(names.fine)) if (fine == k).any()]
    with drawing_style():
        size = (1.6 + len(gates) * (0.9 + 0.55 * len(names.coarse)), 1.6 + 0.36 * len(present))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(1, len(gates), sharey=True, squeeze=False)[0]
        for axes, (variant, gate) in zip(grid, gates.items(), strict=True):
            means = np.stack([gate[fine == k].mean(axis=0) for k in present])  # (F, K)
            axes.imshow(means, cmap="Blues", vmin=0, vmax=1, aspect="auto")
            for (row, column), share in np.ndenumerate(means):
                shade = "white" if share > 0.6 else INK
                axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=shade, fontsize=9)
            axes.set_title(shorten(variant))
            axes.set_xticks(range(len(names.coarse)), [str(k + 1) for k in range(len(names.coarse))])
            axes.set_xlabel("branch")
            axes.tick_params(length=0)
        grid[0].set_yticks(range(len(present)), [shorten(names.fine[k], 16) for k in present])
        grid[0].set_ylabel("fine class")
        listed = ", ".join(f"{k}: {shorten(name)}" for k, name in enumerate(names.coarse, start=1))
        figure.suptitle(f"Mean share of each branch ({listed})", fontsize=12)
    return figure


def uncertainty_curves(
    certainty: Mapping[str, tuple[np.ndarray, np.ndarray]], panels: Sequence[Sequence[str]]
) -> Figure:
    """Draw the accuracy of the second head over the entropy of the first head.

    Args:
        certainty: for each variant the entropy in nats, (R, N), and whether the fine class was right, (R, N). The
            images of each seed are divided into bins of equal size by their entropy.
        panels: the variants that each panel shows, of up to seven different ones.
    """
    colours = dict(zip(dict.fromkeys(name for panel in panels for name in panel), _COLOURS, strict=False))
    with drawing_style():
        figure = Figure(figsize=(1.6 + 5.4 * len(panels), 5.0), layout="constrained")
        grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        places = (np.arange(_BINS) + 0.5) / _BINS
        for axes, names in zip(grid, panels, strict=True):
            for variant in names:
                entropy, right = certainty[variant]
                order = np.argsort(entropy, axis=1, kind="stable")
                bins = np.array_split(np.take_along_axis(right, order, axis=1), _BINS, axis=1)
                shares = np.stack([part.mean(axis=1) for part in bins])  # (bins, R)
                mean, low, high = zip(*(mean_interval(values, (0, 1)) for values in shares), strict=True)
                colour = colours[variant]
                axes.plot(places, mean, "o-", color=colour, linewidth=2, label=shorten(variant))
                axes.fill_between(places, low, high, color=colour, alpha=0.15, linewidth=0)
            axes.set_xlim(0, 1)
            axes.set_xticks([0.2, 0.4, 0.6, 0.8])
            axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
            axes.legend(loc="lower left")
            light_frame(axes, "both")
        grid[0].set_ylabel("accuracy of the second head")
        grid[0].set_title("Mean of the seeds and its 95 % interval", loc="left", fontsize=12)
        figure.supxlabel(
            "test images in the order of the first head's entropy, from certain to uncertain", fontsize=11
        )
    return figure
