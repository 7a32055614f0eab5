"""Figures of masked digits, from arrays and names."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from maskwright.experiments.masked_digits.data import MaskedImages
from maskwright.reporting.figure import BLUE, GREEN, INK, ORANGE, VERMILION, drawing_style, light_frame, shorten
from maskwright.reporting.intervals import mean_interval

_SHOWN = 4
_PREDICTED = 8


def example_images(drawn: Mapping[str, MaskedImages]) -> Figure:
    """Draw some images of each kind, with their masks below them, and the labels.

    Args:
        drawn: images and masks of each kind, such as grid and canvas.
    """
    with drawing_style():
        figure = Figure(figsize=(2.1 * _SHOWN * len(drawn), 4.7), layout="constrained")
        parts = figure.subfigures(1, len(drawn), squeeze=False)
        for part, (kind, examples) in zip(parts[0], drawn.items(), strict=True):
            height, width = examples.images.shape[1:]
            part.suptitle(f"{kind}, {height} x {width}", fontweight="bold")
            grid = part.subplots(2, min(_SHOWN, len(examples.images)), squeeze=False)
            for row, (above, below) in enumerate(grid.T):
                _picture(above, examples.images[row], 255)
                _picture(below, examples.masks[row], 1)
                below.set_xlabel(f"label {examples.labels[row]}", fontsize=13)
            for axes, name in zip(grid[:, 0], ("image", "mask"), strict=True):
                axes.set_ylabel(name, fontsize=13)
    return figure


def predicted_images(
    seen: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], outputs: Mapping[str, np.ndarray], variant: str
) -> Figure:
    """Draw a variant's answers to some images. Half of them are the first images that some networks get wrong.

    Args:
        seen: for each kind of image the images (N, H, W), their masks (N, H, W) and labels (N,).
        outputs: for each kind of image the logits (N, R, classes) of R networks.
        variant: the name of the variant.
    """
    with drawing_style():
        figure = Figure(figsize=(1.75 * _PREDICTED, 2.3 * len(seen) + 0.6), layout="constrained")
        grid = figure.subplots(len(seen), _PREDICTED, squeeze=False)
        for line, (kind, (images, masks, labels)) in zip(grid, seen.items(), strict=True):
            answers = outputs[kind].argmax(axis=-1)  # (N, R)
            right = (answers == labels[:, None]).sum(axis=1)
            wrong = np.flatnonzero(right < answers.shape[1])[: _PREDICTED // 2]
            others = [row for row in range(len(images)) if row not in wrong][: _PREDICTED - len(wrong)]
            for axes in line[len(others) + len(wrong) :]:
                axes.set_axis_off()
            for axes, row in zip(line, [*others, *wrong], strict=False):
                _picture(axes, images[row], 255)
                down, across = (np.flatnonzero(masks[row].any(axis=axis)) for axis in (1, 0))
                corner = (across[0] - 0.5, down[0] - 0.5)
                axes.add_patch(Rectangle(corner, len(across), len(down), fill=False, edgecolor=ORANGE, linewidth=2.5))
                all_right = right[row] == answers.shape[1]
                said = ", ".join(map(str, answers[row][:6]))
                axes.set_xlabel(
                    f"{labels[row]}: {right[row]} of {answers.shape[1]} right\nsay {said}",
                    color=GREEN if all_right else VERMILION,
                )
            line[0].set_ylabel(kind, fontsize=13)
        figure.suptitle(
            f"{variant}: what the networks say of test images; half of these are ones that some get wrong",
            fontweight="bold",
        )
    return figure


def way_bars(measured: Mapping[str, Mapping[str, np.ndarray]], bound: str, guess: float, presence: float) -> Figure:
    """Draw each variant's accuracy in grids and on canvases with its 95 % interval, between guessing and the bound.

    Args:
        measured: for each variant `accuracy` (R,) and `canvas_accuracy` (R,), shares from 0 to 1.
        bound: the variant that is the upper bound, which is drawn as a line.
        guess: accuracy of the best guess in grids, which is drawn as a line.
        presence: accuracy of naming any of the classes that are in a grid, which is drawn as a line.
    """
    names = [name for name in measured if name != bound]
    with drawing_style():
        figure = Figure(figsize=(8.4, 1.6 + 0.75 * len(names)), layout="constrained")
        axes = figure.subplots()
        for offset, measure, colour, label in (
            (-0.19, "accuracy", BLUE, "grids, as in training"),
            (0.19, "canvas_accuracy", ORANGE, "canvases, never seen in training"),
        ):
            for row, name in enumerate(names):
                mean, low, high = mean_interval(measured[name][measure], (0, 1))
                axes.barh(row + offset, mean, height=0.36, color=colour, label=label if row == 0 else None)
                axes.plot([low, high], [row + offset] * 2, color=INK, linewidth=2, solid_capstyle="butt")
                axes.text(0.01, row + offset, f"{mean:.1%}", va="center", color="white", fontweight="bold")
        best = float(measured[bound].get("accuracy", np.array([np.nan])).mean())
        axes.axvline(best, color=GREEN, linewidth=2, label=f"single digits: {best:.1%}")
        axes.axvline(guess, color=VERMILION, linewidth=2, linestyle="--", label=f"best guess: {guess:.1%}")
        axes.axvline(
            presence, color=VERMILION, linewidth=2, linestyle=":", label=f"any that is there: {presence:.1%}"
        )
        axes.set_yticks(range(len(names)), [shorten(name) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("test accuracy: mean and 95 % interval over the seeds")
        axes.tick_params(axis="y", length=0)
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=2, borderaxespad=0.2)
        light_frame(axes, "x")
    return figure


def _picture(axes: Any, values: np.ndarray, highest: int) -> None:
    axes.imshow(values, cmap="gray", vmin=0, vmax=highest, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
