"""Figures of the corner experiment, from tables and arrays."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from maskwright.reporting.figure import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    VERMILION,
    drawing_style,
    light_frame,
    shorten,
)

_PANELS = 4  # side by side
_GRID = (16, 32)  # rows and columns of the grid of the 512 patterns
_TRACED = {"as_posted": ORANGE, "matched_labels": VERMILION, "repeated_corner": BLUE}


def _remark(text: str) -> Figure:
    """Draw a sentence in place of a picture without content, since the reports expect the file."""
    with drawing_style():
        figure = Figure(figsize=(8.4, 1.2))
        figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=13)
    return figure


def pattern_grid(patterns: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw the 512 patterns, with the positive ones framed, and the first positive one enlarged.

    Args:
        patterns: (512, 3, 3), 0 and 1.
        labels: (512,), 0 and 1.
    """
    rows, columns = _GRID
    canvas = np.full((rows * 4 + 1, columns * 4 + 1), 0.75)
    for place, pattern in enumerate(patterns):
        y, x = divmod(place, columns)
        canvas[4 * y + 1 : 4 * y + 4, 4 * x + 1 : 4 * x + 4] = 1 - pattern
    with drawing_style():
        figure = Figure(figsize=(11.5, 4.9), layout="constrained")
        grid, large = figure.subplots(1, 2, width_ratios=(5.2, 1))
        grid.imshow(canvas, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        for place in np.flatnonzero(labels):
            y, x = divmod(int(place), columns)
            frame = Rectangle((4 * x - 0.5, 4 * y - 0.5), 5, 5, fill=False, edgecolor=VERMILION, linewidth=3)
            grid.add_patch(frame)
        grid.set_title(f"All {len(patterns)} binary 3x3 patterns", loc="left")
        large.imshow(1 - patterns[labels.argmax()], cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        large.set_title("the one corner", color=VERMILION)
        for axes in (grid, large):
            axes.set_xticks([])
            axes.set_yticks([])
        large.spines[:].set(color=VERMILION, linewidth=3)
    return figure


def loss_panels(history: pd.DataFrame) -> Figure:
    """Draw each variant's loss over its epochs: the median of the seeds, and the band that holds 80 % of them.

    Args:
        history: the result of `learning.replicates.tables.read_curves`. Variants whose loss is always 0 are left out,
            since the axis is logarithmic.
    """
    groups = [
        group for group in history.groupby("variant", sort=False) if np.any(group[1]["loss_high"].to_numpy() > 0)
    ]
    if not groups:
        return _remark("No loss to show: none of the variants was trained, or its loss is 0.")
    lines = -(-len(groups) // _PANELS)
    with drawing_style():
        figure = Figure(figsize=(12, 3.0 * lines + 0.4), layout="constrained")
        grid = figure.subplots(lines, _PANELS, sharey=True, squeeze=False)
        for axes, (variant, rows) in zip(grid.flat, groups, strict=False):
            axes.fill_between(rows["epoch"], rows["loss_low"], rows["loss_high"], color=BLUE, alpha=0.2, linewidth=0)
            axes.plot(rows["epoch"], rows["loss"], color=BLUE, linewidth=2)
            axes.set_yscale("log", nonpositive="mask")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.set_ylim(1e-5, 2)
            axes.set_xlim(0, rows["epoch"].max())
            axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
            axes.set_title(str(variant), loc="left")
            axes.set_xlabel("epoch")
            light_frame(axes, "both")
        for axes in grid.flat[len(groups) :]:
            axes.set_axis_off()
        for line in grid:
            line[0].set_ylabel("loss")
        figure.suptitle(
            "Each variant's own loss over the 512 patterns: median of the seeds, and 80 % of them", x=0.01, ha="left"
        )
    return figure


def gradient_curves(history: pd.DataFrame) -> Figure:
    """Draw, over the epochs, the share of patterns that pass any gradient, and the gradient of the corner's own loss.

    Args:
        history: the result of `learning.replicates.tables.read_curves`. Only variants with a hard sigmoid are shown.
    """
    traced = [variant for variant in _TRACED if variant in set(history["variant"])]
    if not traced:
        return _remark(f"No gradient to show: none of {', '.join(_TRACED)} was trained.")
    panels = (
        ("gradient", "patterns whose hard sigmoid passes any gradient"),
        ("pull", "gradient of the corner's own loss at its logit"),
    )
    with drawing_style():
        figure = Figure(figsize=(11, 4.6), layout="constrained")
        for axes, (measure, title) in zip(figure.subplots(1, 2), panels, strict=True):
            for variant in traced:
                rows, colour = history[history["variant"] == variant], _TRACED[variant]
                low, high = rows[f"{measure}_low"], rows[f"{measure}_high"]
                axes.fill_between(rows["epoch"], low, high, color=colour, alpha=0.18, linewidth=0)
                # The two variants that fail hardly differ. With dashes, the lower curve stays visible.
                style = "--" if variant == "matched_labels" else "-"
                axes.plot(rows["epoch"], rows[measure], style, color=colour, linewidth=2, label=variant)
            axes.set_title(title, loc="left")
            axes.set_xlabel("epoch")
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.set_ylim(0, None)
            light_frame(axes, "both")
            if measure == "gradient":
                axes.set_ylim(0, 1.02)
                axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
                axes.legend(loc="upper right")
    return figure


def kernel_panels(kernels: Mapping[str, tuple[np.ndarray, float]], solved: Mapping[str, bool]) -> Figure:
    """Draw each variant's 3x3 kernel with its numbers, on its own scale, and the offset below.

    Args:
        kernels: for each variant the (3, 3) kernel and the offset of one network.
        solved: for each variant whether that network gets all patterns right.
    """
    lines = -(-len(kernels) // _PANELS)
    with drawing_style():
        figure = Figure(figsize=(11, 3.3 * lines + 0.5), layout="constrained")
        grid = figure.subplots(lines, _PANELS, squeeze=False)
        for axes, (variant, (kernel, offset)) in zip(grid.flat, kernels.items(), strict=False):
            most = np.abs(kernel).max() or 1.0
            axes.imshow(kernel, cmap="RdBu", vmin=-1.15 * most, vmax=1.15 * most, interpolation="nearest")
            for (row, column), weight in np.ndenumerate(kernel):
                ink = "white" if abs(weight) > 0.6 * most else INK
                axes.text(column, row, f"{weight:.3g}", ha="center", va="center", color=ink, fontsize=11)
            axes.add_patch(Rectangle((0.5, 0.5), 2, 2, fill=False, edgecolor=INK, linewidth=2.5, clip_on=False))
            axes.set_title(shorten(variant), color=GREEN if solved[variant] else VERMILION, fontweight="bold")
            axes.set_xlabel(f"offset {offset:.3g}\n{'all 512 right' if solved[variant] else 'not all right'}")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
        for axes in grid.flat[len(kernels) :]:
            axes.set_axis_off()
        title = "The two convolutions as one kernel, first seed of each variant; the frame is where the corner is 1"
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _share_axes(axes: Axes, names: Sequence[str], label: str) -> None:
    axes.set_yticks(range(len(names)), [shorten(name, 32) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel(label)
    axes.tick_params(axis="y", length=0)
    light_frame(axes, "x")


def _note(axes: Axes, row: float, share: Mapping[str, float]) -> None:
    text = f"{share['mean']:.0%}"
    axes.annotate(text, (1.0, row), (10, 0), textcoords="offset points", va="center", annotation_clip=False)


def share_bars(shares: Mapping[str, Mapping[str, float]], label: str) -> Figure:
    """Draw a share for each name as a bar, with its interval as a line.

    Args:
        shares: `mean`, `low` and `high` for each name, from top to bottom.
        label: description of the shares.
    """
    with drawing_style():
        figure = Figure(figsize=(8.4, 1.2 + 0.5 * len(shares)), layout="constrained")
        axes = figure.subplots()
        for row, share in enumerate(shares.values()):
            axes.barh(row, share["mean"], height=0.6, color=BLUE)
            axes.plot([share["low"], share["high"]], [row, row], color=INK, linewidth=2, solid_capstyle="butt")
            _note(axes, row, share)
        _share_axes(axes, list(shares), label)
        axes.set_title("with Wilson's 95 % interval", fontsize=11, loc="left", color="#555555")
    return figure


def change_bars(changes: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Draw for each change the share of the seeds that learn, with posted and with matched labels.

    Args:
        changes: change -> `posted` and `matched` -> `mean`, `low`, `high`.
    """
    with drawing_style():
        figure = Figure(figsize=(9.2, 1.5 + 0.55 * len(changes)), layout="constrained")
        axes = figure.subplots()
        colours = {"posted": ORANGE, "matched": BLUE}
        for row, shapes in enumerate(changes.values()):
            for lift, (shape, colour) in zip((-0.17, 0.17), colours.items(), strict=True):
                share, line = shapes[shape], row + lift
                ends = [share["low"], share["high"]]
                axes.plot(ends, [line, line], color=colour, linewidth=3, alpha=0.5, solid_capstyle="butt")
                axes.plot(share["mean"], line, "o", color=colour, markersize=9, clip_on=False, zorder=4)
                _note(axes, line, share)
            axes.axhline(row + 0.5, color=FAINT, linewidth=0.8)
        names = ["no other change" if name == "none" else name for name in changes]
        _share_axes(axes, names, "share of the seeds that get all 512 patterns right, with 95 % interval")
        labels = ("labels (512,), as posted", "labels (512, 1, 1, 1)")
        handles = [
            Line2D([], [], marker="o", color=colour, linewidth=3, markersize=9, label=label)
            for colour, label in zip(colours.values(), labels, strict=True)
        ]
        axes.legend(handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
    return figure


def repeat_curve(repeats: Mapping[str, Mapping[str, float]], epochs: int) -> Figure:
    """Draw the share of the seeds that learn over the number of corners in an epoch.

    Args:
        repeats: number of corners -> `mean`, `low`, `high`.
        epochs: number of epochs of the trainings.
    """
    times = [int(number) for number in repeats]
    mean, low, high = (np.array([share[name] for share in repeats.values()]) for name in ("mean", "low", "high"))
    with drawing_style():
        figure = Figure(figsize=(8.4, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.vlines(times, low, high, color=INK, linewidth=2)
        axes.plot(times, mean, "o-", color=BLUE, linewidth=2, markersize=8)
        axes.set_xscale("log", base=2)
        axes.set_xticks(times, [str(number) for number in times])
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("examples of an epoch's 512 that are the corner")
        axes.set_ylabel("seeds with all 512 right")
        title = f"Labels matched, {epochs} epochs, all else as posted; with Wilson's 95 % interval"
        axes.set_title(title, loc="left", fontsize=11)
        light_frame(axes, "both")
    return figure


def detector_panels(shown: Sequence[tuple[str, np.ndarray, np.ndarray]], truth: np.ndarray) -> Figure:
    """Draw images with the corners that were found, the corners that were missed, and the false positives.

    Args:
        shown: for each panel the name, the (H, W) image of 0 and 1, and the corners that were found, (H, W) bool.
        truth: (H, W) bool, the true corners.
    """
    kinds: tuple[tuple[str, Any, str, str], ...] = (
        ("found", lambda found: found & truth, "o", GREEN),
        ("missed", lambda found: ~found & truth, "s", VERMILION),
        ("false", lambda found: found & ~truth, "x", ORANGE),
    )
    with drawing_style():
        figure = Figure(figsize=(6 * len(shown), 5.0), layout="constrained")
        for axes, (name, image, found) in zip(np.atleast_1d(figure.subplots(1, len(shown))), shown, strict=True):
            axes.imshow(1 - 0.35 * image, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            counts = []
            for kind, select, marker, colour in kinds:
                rows, columns = np.nonzero(select(found))
                fill = colour if marker == "x" else "none"
                axes.plot(
                    columns, rows, marker, color=colour, markerfacecolor=fill, markersize=11, markeredgewidth=2.5
                )
                counts.append(f"{kind} {len(rows)}")
            axes.set_title(f"{name}: {', '.join(counts)}", loc="left")
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set(color=FAINT)
        handles = [
            Line2D([], [], marker=marker, linestyle="none", color=colour, label=kind, markersize=11,
                   markerfacecolor=colour if marker == "x" else "none", markeredgewidth=2.5)
            for kind, _, marker, colour in kinds
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside lower left", ncols=3)
    return figure
