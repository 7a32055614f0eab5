"""Pictures of what each choice did: effects with intervals, means, interactions, and checks of the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy import stats

from maskwright.reporting.figure import (
    BLUE,
    FAINT,
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

_GREY = "#8A8A8A"
_COLOURS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, INK, _GREY)
_MARKERS = "osD^vP*X"
_MOST_PANELS = 15
_ACROSS = 4


def forest(effects: pd.DataFrame, unit: str) -> Figure:
    """Draw each effect as a point with its 95 % interval, and a line at no effect.

    Args:
        effects: as from `model.effects_table`; blue where the Holm-adjusted p is below 0.05, else grey.
        unit: what an effect is measured in.
    """
    with drawing_style():
        count = len(effects)
        figure = Figure(figsize=(9.0, float(np.clip(0.42 * count + 1.6, 2.6, 60.0))), layout="constrained")
        axes = figure.subplots()
        axes.axvline(0.0, color=INK, linewidth=1)
        known = bool(np.isfinite(effects["low"].to_numpy()).any())
        for row, effect in enumerate(effects.to_dict("records")):
            colour = BLUE if effect["p_holm"] < 0.05 or not known else _GREY
            if known:
                axes.plot(
                    [effect["low"], effect["high"]], [row, row], color=colour, linewidth=2.5, solid_capstyle="butt"
                )
            axes.plot(effect["estimate"], row, "o", color=colour, markersize=7)
        names = [
            f"{shorten(str(e['term']), 36)}\n{shorten(str(e['change']), 40)}" for e in effects.to_dict("records")
        ]
        axes.set_yticks(range(count), names, fontsize=9)
        axes.set_ylim(count - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=7))
        axes.set_xlabel(f"change of {unit}")
        told = (
            "95 % intervals; grey: not told apart from none"
            if known
            else "no interval: nothing to measure chance from"
        )
        axes.set_title(f"Effects ({told})", fontweight="bold", loc="left", fontsize=11)
        light_frame(axes, "x")
    return figure


def main_effects(means: pd.DataFrame, response: str, overall: float) -> Figure | None:
    """Draw the estimated mean at each level with its 95 % interval, a panel for each factor, on one scale.

    Args:
        means: as from `tables.means_table`.
        response: what was measured.
        overall: its mean over all trials, drawn as a line.
    """
    factors = list(dict.fromkeys(means["factor"]))
    if not factors:
        return None
    with drawing_style():
        figure, grid = _panels(len(factors), sharey=True)
        for axes, name in zip(grid, factors, strict=True):
            rows = means[means["factor"] == name]
            places = np.arange(len(rows))
            axes.axhline(overall, color=_GREY, linewidth=1, linestyle="--")
            axes.plot(places, rows["mean"], color=BLUE, linewidth=1.2, alpha=0.5)
            if np.isfinite(np.asarray(rows["low"])).all():
                reach = np.stack([rows["mean"] - rows["low"], rows["high"] - rows["mean"]])
                axes.errorbar(places, rows["mean"], yerr=reach, fmt="none", ecolor=BLUE, elinewidth=2.5)
            axes.plot(places, rows["mean"], "o", color=BLUE, markersize=7)
            _level_ticks(axes, [str(level) for level in rows["level"]])
            axes.set_title(shorten(name, 30), fontsize=11)
            light_frame(axes, "y")
        for axes in grid[::_ACROSS]:
            axes.set_ylabel(shorten(response, 30))
        figure.suptitle("Estimated mean at each level, 95 % intervals", fontweight="bold", fontsize=12)
    return figure


def interactions(
    cells: pd.DataFrame, y: np.ndarray, levels: Mapping[str, Sequence[str]], response: str
) -> Figure | None:
    """Draw the observed mean at each pair of levels; parallel lines mean no interaction.

    Args:
        cells: (N, factors), the level of each trial.
        y: (N,) the response.
        levels: the levels of each factor in order; factors with more than 8, and pairs beyond the 15th, are left out.
        response: its name.

    Returns:
        None if there are no two such factors.
    """
    shown = [name for name, own in levels.items() if len(own) <= len(_COLOURS)]
    pairs = [(a, b) for i, a in enumerate(shown) for b in shown[i + 1 :]][:_MOST_PANELS]
    if not pairs:
        return None
    with drawing_style():
        figure, grid = _panels(len(pairs), sharey=True)
        for axes, (one, other) in zip(grid, pairs, strict=True):
            # The factor with more levels goes along the axis, so that there are fewer lines.
            along, lines = (one, other) if len(levels[one]) >= len(levels[other]) else (other, one)
            at, line = cells[along].to_numpy(), cells[lines].to_numpy()
            for number, level in enumerate(levels[lines]):
                groups = [y[(at == place) & (line == level)] for place in levels[along]]
                axes.plot(
                    range(len(groups)),
                    [group.mean() if group.size else np.nan for group in groups],
                    color=_COLOURS[number],
                    marker=_MARKERS[number],
                    linewidth=2,
                    label=shorten(level, 16),
                )
            _level_ticks(axes, levels[along])
            axes.set_xlabel(shorten(along, 28))
            ncols = 2 if len(levels[lines]) > 4 else 1
            axes.legend(title=shorten(lines, 24), fontsize=9, title_fontsize=9, loc="best", ncols=ncols)
            light_frame(axes, "y")
        for axes in grid[::_ACROSS]:
            axes.set_ylabel(shorten(response, 30))
        figure.suptitle(
            "Observed means of pairs of levels (parallel: no interaction)", fontweight="bold", fontsize=12
        )
    return figure


def observed_fitted(observed: np.ndarray, fitted: np.ndarray, unit: str) -> Figure:
    """Draw each trial's result (N,) against what the model says (N,); a perfect model puts all on the line."""
    with drawing_style():
        figure = Figure(figsize=(5.6, 5.2), layout="constrained")
        axes = figure.subplots()
        ends = [min(observed.min(), fitted.min()), max(observed.max(), fitted.max())]
        axes.plot(ends, ends, color=INK, linewidth=1)
        axes.plot(fitted, observed, "o", color=BLUE, alpha=0.65, markersize=6, markeredgewidth=0)
        axes.set_xlabel(f"fitted {shorten(unit, 40)}")
        axes.set_ylabel(f"observed {shorten(unit, 40)}")
        axes.set_title("Observed against fitted", fontweight="bold")
        light_frame(axes, "both")
    return figure


def residuals(fitted: np.ndarray, studentised: np.ndarray, unit: str) -> Figure | None:
    """Draw the residuals (N,) against the fitted values (N,): a fan or a bow means that the model lacks something."""
    if not np.isfinite(studentised).any():
        return None
    with drawing_style():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.axhline(0.0, color=INK, linewidth=1)
        _band(axes)
        axes.plot(fitted, studentised, "o", color=BLUE, alpha=0.65, markersize=6, markeredgewidth=0)
        axes.set_xlabel(f"fitted {shorten(unit, 40)}")
        axes.set_ylabel("studentised residual")
        axes.set_title("Residuals (about 95 % belong in the band)", fontweight="bold")
        light_frame(axes, "x")
    return figure


def normal_quantiles(studentised: np.ndarray) -> Figure | None:
    """Draw the ordered residuals (N,) against those of a normal distribution; points on the line: normal noise."""
    values = np.sort(studentised[np.isfinite(studentised)])
    if len(values) < 2:
        return None
    with drawing_style():
        figure = Figure(figsize=(5.2, 5.0), layout="constrained")
        axes = figure.subplots()
        # Blom's plotting positions.
        expected = stats.norm.ppf((np.arange(1, len(values) + 1) - 0.375) / (len(values) + 0.25))
        ends = [min(expected[0], values[0]), max(expected[-1], values[-1])]
        axes.plot(ends, ends, color=INK, linewidth=1)
        axes.plot(expected, values, "o", color=BLUE, alpha=0.65, markersize=6, markeredgewidth=0)
        axes.set_xlabel("expected of normal noise")
        axes.set_ylabel("studentised residual")
        axes.set_title("Normal quantiles", fontweight="bold")
        light_frame(axes, "both")
    return figure


def influence(leverage: np.ndarray, studentised: np.ndarray, cooks: np.ndarray, coefficients: int) -> Figure | None:
    """Draw leverage against residual, with areas by Cook's distance: large discs decide the result by themselves.

    Args:
        leverage, studentised, cooks: (N,) float64, NaN where not defined.
        coefficients: the number of coefficients; the mean leverage is that number over N.
    """
    known = np.isfinite(cooks)
    if not known.any():
        return None
    with drawing_style():
        figure = Figure(figsize=(6.4, 4.4), layout="constrained")
        axes = figure.subplots()
        axes.axhline(0.0, color=INK, linewidth=1)
        mean = coefficients / len(leverage)
        axes.axvline(mean, color=_GREY, linestyle="--", linewidth=1, label="mean leverage")
        limit = min(1.0, 4.0 / len(leverage))
        high = known & (cooks > limit)
        for where, colour, label in (
            (known & ~high, BLUE, None),
            (high, VERMILION, f"Cook's distance above {limit:.2g}"),
        ):
            if where.any():
                size = 20 + 180 * cooks[where] / max(1.0, float(cooks[known].max()) / limit) / limit
                axes.scatter(
                    leverage[where], studentised[where], s=size, color=colour, alpha=0.6, linewidths=0, label=label
                )
        spread = float(np.ptp(leverage[known]))
        if spread < 0.2 * mean:
            # In a balanced plan all are alike, and an axis from 0.2187 to 0.2188 would look like a finding.
            axes.set_xlim(0.0, 2.0 * mean)
        axes.set_xlabel("leverage")
        axes.set_ylabel("studentised residual")
        axes.set_title("Influence of single runs", fontweight="bold")
        axes.legend(loc="best", fontsize=9, markerscale=0.6)
        light_frame(axes, "both")
    return figure


def _panels(count: int, *, sharey: bool) -> tuple[Figure, list[Any]]:
    across = min(count, _ACROSS)
    down = -(-count // _ACROSS)
    figure = Figure(figsize=(max(3.2 * across, 5.6), 3.1 * down + 0.5), layout="constrained")
    grid = np.atleast_1d(figure.subplots(down, across, sharey=sharey, squeeze=False)).ravel()
    for axes in grid[count:]:
        axes.set_axis_off()
    return figure, list(grid[:count])


def _level_ticks(axes: Axes, levels: Sequence[str]) -> None:
    names = [shorten(level, 14) for level in levels]
    crowded = sum(map(len, names)) > 26
    turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
    axes.set_xticks(range(len(names)), names, fontsize=9, **turned)
    axes.set_xlim(-0.4, len(names) - 0.6)


def _band(axes: Axes) -> None:
    axes.axhspan(-2.0, 2.0, color=FAINT, alpha=0.5, linewidth=0)
