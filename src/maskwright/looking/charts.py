"""The statistics as one picture."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.looking.statistics import OCTAVES, SMALL, Statistics, octave_names
from maskwright.reporting.figure import BLUE, INK, ORANGE, SKY, drawing_style, light_frame, shorten

MOST_CLASSES = 12
"""Classes shown by themselves; those with the most objects."""

_SPLITS = (BLUE, ORANGE, SKY)
_MAPS_IN_A_ROW = 6


def shown_classes(statistics: Statistics) -> list[int]:
    """Return the positions of the classes with the most objects, at most MOST_CLASSES, in index order."""
    return sorted(np.argsort(-statistics.objects.sum(axis=0), kind="stable")[:MOST_CLASSES].tolist())


def statistics_figure(
    statistics: Statistics, *, splits: Sequence[str], classes: Sequence[str], size: tuple[int, int]
) -> Figure:
    """Draw objects and pixels by class and split, sizes against the network's pixel, and a map of each class.

    Args:
        statistics: the numbers.
        splits: their names.
        classes: their names, background first.
        size: the height and width that the network sees.
    """
    shown = shown_classes(statistics)
    names = [shorten(classes[index + 1], 18) for index in shown]
    rows_of_maps = -(-len(shown) // _MAPS_IN_A_ROW)
    bars = 1.4 + 0.38 * len(shown)
    with drawing_style():
        figure = Figure(figsize=(12, bars + 3.2 + 1.9 * rows_of_maps), layout="constrained")
        grid = figure.add_gridspec(3, 1, height_ratios=[bars, 3.2, 1.9 * rows_of_maps])
        above, middle, bottom = (figure.add_subfigure(grid[row]) for row in range(3))
        left, right = above.subplots(1, 2, sharey=True)
        _bars(left, statistics.objects[:, shown], splits, names, "objects")
        known = statistics.pixels.sum(axis=1, keepdims=True)
        shares = 100 * statistics.pixels[:, 1:-1][:, shown] / np.maximum(known, 1)
        whole = "the split's" if len(splits) > 1 else "all"
        _bars(right, shares, splits, names, f"% of {whole} pixels", together=False)
        if len(splits) > 1:
            above.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=len(splits))
        _sizes(middle.subplots(), statistics, size)
        axes = bottom.subplots(rows_of_maps, _MAPS_IN_A_ROW, squeeze=False).reshape(-1)
        bottom.suptitle(
            "where objects are: how often each place belongs to one (all photographs at one size)", fontsize=11
        )
        for each in axes:
            each.set_axis_off()
        for each, index, name in zip(axes, shown, names, strict=False):
            each.imshow(statistics.places[index], cmap="Blues", vmin=0, interpolation="bilinear")
            each.set_title(f"{shorten(name, 14)}, up to {statistics.places[index].max():.0%}", fontsize=9)
    return figure


def _bars(
    axes: Axes, values: np.ndarray, splits: Sequence[str], names: Sequence[str], label: str, *, together: bool = True
) -> None:
    """Draw a bar for each class, of its splits end to end (`together`) or one below the other."""
    places, before = np.arange(len(names)), np.zeros(len(names))
    thickness = 0.7 if together else 0.7 / len(splits)
    for number, (split, of_split) in enumerate(zip(splits, values, strict=True)):
        shift = 0 if together else (number - (len(splits) - 1) / 2) * thickness
        colour = _SPLITS[number % len(_SPLITS)]
        axes.barh(places + shift, of_split, thickness, left=before, color=colour, label=split)
        before = before + of_split if together else before
    axes.set_yticks(places, names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(label)
    light_frame(axes, "x")


def _sizes(axes: Axes, statistics: Statistics, size: tuple[int, int]) -> None:
    counts = statistics.octaves.sum(axis=0)
    colours = [ORANGE if end <= SMALL else BLUE for end in (*OCTAVES, np.inf)]
    drawn = axes.bar(range(len(counts)), counts, 0.9, color=colours)
    axes.bar_label(drawn, [f"{count:,}" if count else "" for count in counts], color=INK, fontsize=9)
    axes.set_xticks(range(len(counts)), octave_names())
    axes.set_xlabel(f"side of an object in the network's pixels ({size[0]} x {size[1]}); orange: under {SMALL:g}")
    axes.set_ylabel("objects")
    light_frame(axes, "y")
