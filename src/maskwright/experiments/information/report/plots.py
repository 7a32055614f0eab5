"""Figures of estimates of mutual information, from arrays and names."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from maskwright.learning.views.information import gaussian_information
from maskwright.reporting.figure import BLUE, FAINT, GREEN, INK, ORANGE, SKY, VERMILION, drawing_style, light_frame
from maskwright.reporting.intervals import mean_interval

_ESTIMATES = {
    "mine": ("MINE", VERMILION, "o"),
    "binned": ("binned", ORANGE, "s"),
    "nearest": ("nearest neighbours", GREEN, "D"),
}

TARGET = 0.03
"""Half the width, in nats, of the grey band that shows which errors are small."""


def estimates_figure(measured: Mapping[float, Mapping[str, np.ndarray]]) -> Figure:
    """Draw estimates of mutual information over the correlation, and their errors below.

    Args:
        measured: for each correlation `mine`, `binned` and `nearest`, in nats, (R,) each for R seeds.
    """
    correlations = sorted(measured)
    with drawing_style():
        figure = Figure(figsize=(8.4, 7.2), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.5, 1))
        ends = min(correlations) - 0.02, max(correlations) + 0.02
        line = np.linspace(max(ends[0], -0.999), min(ends[1], 0.999), 300)
        above.plot(line, [gaussian_information(x) for x in line], color=INK, linewidth=1.5, label="exact")
        below.axhline(0, color=INK, linewidth=1.5)
        below.axhspan(-TARGET, TARGET, color=FAINT, alpha=0.6, linewidth=0)
        gap = np.diff(correlations).min() if len(correlations) > 1 else 0.1
        for number, (name, (label, colour, marker)) in enumerate(_ESTIMATES.items()):
            for correlation in correlations:
                exact = gaussian_information(correlation)
                # Below, they are side by side, or they would overlap. Above, that would move them off the curve.
                beside = correlation + (number - 1) * 0.14 * gap
                for axes, place, shift in ((above, correlation, 0.0), (below, beside, exact)):
                    values = measured[correlation][name] - shift
                    mean, low, high = mean_interval(values)
                    axes.plot([place] * len(values), values, ".", color=colour, alpha=0.45, markersize=5, zorder=2)
                    axes.plot([place, place], [low, high], color=colour, linewidth=2.5, solid_capstyle="butt")
                    first = correlation == correlations[0]
                    face, size = ("none", 8 + 3 * number) if axes is above else (colour, 6)
                    axes.plot(
                        place,
                        mean,
                        marker,
                        color=colour,
                        markerfacecolor=face,
                        markeredgewidth=1.8,
                        markersize=size,
                        label=label if first else None,
                    )
        above.set_ylabel("mutual information / nats")
        above.legend(loc="upper left")
        below.set_ylabel("estimate - exact / nats")
        below.set_xlabel("correlation of the two Gaussian variables")
        below.set_xticks(correlations)
        above.set_title("Mean of the seeds with 95 % interval, and each seed", loc="left", fontsize=12)
        for axes in (above, below):
            light_frame(axes, "both")
    return figure


def parabola_figure(pairs: np.ndarray, measured: Mapping[str, np.ndarray], exact: float) -> Figure:
    """Draw pairs that depend on each other without correlation, and what each measure says of them.

    Args:
        pairs: (N, 2), those of the first seed.
        measured: `correlation`, and `mine`, `binned` and `nearest` in nats, (R,) each for R seeds.
        exact: the mutual information in nats.
    """
    rows = [
        ("correlation", "correlation", INK),
        *((name, text, colour) for name, (text, colour, _) in _ESTIMATES.items()),
    ]
    with drawing_style():
        figure = Figure(figsize=(8.4, 3.9), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
        left.plot(*pairs[:2000].T, ".", color=BLUE, alpha=0.4, markersize=3)
        left.set_xlabel("x")
        left.set_ylabel("y")
        right.axvline(exact, color=INK, linewidth=1.5, linestyle="--", label=f"exact information, {exact:.3f} nats")
        right.axvline(0, color=FAINT, linewidth=1.5, zorder=0)
        for row, (name, _, colour) in enumerate(rows):
            mean, low, high = mean_interval(measured[name])
            right.plot(measured[name], [row] * len(measured[name]), ".", color=colour, alpha=0.45, markersize=6)
            right.plot([low, high], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt")
            right.plot(mean, row, "D", color=colour, markersize=7)
            shown = f"{round(mean, 3) + 0.0:.3f}"  # never -0.000
            right.annotate(shown, (mean, row), (0, 9), textcoords="offset points", ha="center")
        right.set_yticks(range(len(rows)), [text for _, text, _ in rows])
        right.set_ylim(len(rows) - 0.5, -0.6)
        right.set_xlabel("correlation, or information in nats")
        right.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), borderaxespad=0.2)
        light_frame(left, "both")
        light_frame(right, "x")
    return figure


def entropies_figure(examples: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw for each distribution how H(X|Y), I(X;Y) and H(Y|X) make up H(X,Y), in bits.

    Args:
        examples: these numbers by name, for each distribution by name.
    """
    parts = {"H(X|Y)": BLUE, "I(X;Y)": VERMILION, "H(Y|X)": SKY}
    with drawing_style():
        figure = Figure(figsize=(8.4, 1.6 + 0.55 * len(examples)), layout="constrained")
        axes = figure.subplots()
        for row, numbers in enumerate(examples.values()):
            start = 0.0
            for name, colour in parts.items():
                size = numbers[name]
                axes.barh(row, size, left=start, height=0.62, color=colour, label=name if not row else None)
                if size > 0.15:
                    axes.text(
                        start + size / 2, row, f"{size:.2f}", ha="center", va="center", color="white", fontsize=9
                    )
                start += size
        axes.set_yticks(range(len(examples)), list(examples))
        axes.invert_yaxis()
        axes.set_xlabel("bits: all three make H(X,Y), the first two H(X), the last two H(Y)")
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
        axes.tick_params(axis="y", length=0)
        light_frame(axes, "x")
    return figure


def views_figure(images: np.ndarray, views: np.ndarray) -> Figure:
    """Draw images, with some random second views below each.

    Args:
        images: (N, V, V), the first views, from 0 to 1.
        views: (M, N, V, V), the second views.
    """
    with drawing_style():
        figure = Figure(figsize=(0.95 * len(images) + 0.9, 0.95 * (1 + len(views)) + 0.4), layout="constrained")
        grid = figure.subplots(1 + len(views), len(images), squeeze=False)
        for row, line in enumerate([images, *views]):
            for axes, picture in zip(grid[row], line, strict=True):
                axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                axes.set_xticks([])
                axes.set_yticks([])
        grid[0, 0].set_ylabel("first view")
        grid[(1 + len(views)) // 2, 0].set_ylabel("second views")
    return figure
