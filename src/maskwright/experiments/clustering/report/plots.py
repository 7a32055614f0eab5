"""Figures of clusters, from arrays and names."""

from collections.abc import Sequence

import numpy as np
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
    drawing_style,
    light_frame,
    shorten,
)

_GALLERY = 12
_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, "#666666")


def heads_figure(information: np.ndarray, accuracy: np.ndarray, best: Sequence[int], control: float) -> Figure:
    """Draw the accuracy of every head over its mutual information, which decides the chosen head.

    Args:
        information: (R, H), in nats, for H heads of R seeds.
        accuracy: (R, H), as shares of the test images.
        best: (R,), the chosen heads.
        control: the accuracy of k-means.
    """
    with drawing_style():
        figure = Figure(figsize=(8.4, 4.8), layout="constrained")
        axes = figure.subplots()
        for row, head in enumerate(best):
            colour = _COLOURS[row % len(_COLOURS)]
            axes.plot(information[row], accuracy[row], "o", color=colour, markersize=5, alpha=0.6, markeredgewidth=0)
            axes.plot(information[row, head], accuracy[row, head], "D", color=colour, markersize=8, zorder=4)
            axes.plot(information[row, head], accuracy[row, head], "D", color=INK, markersize=12, fillstyle="none")
        axes.plot([], [], "o", color="#888888", label="a head; a colour for each seed", markersize=5)
        axes.plot([], [], "D", color=INK, fillstyle="none", label="the one with the least loss", markersize=10)
        axes.axhline(control, color=VERMILION, linewidth=2, label="k-means of the pixels")
        axes.legend(loc="lower right")
        axes.set_ylim(0, 1.04)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_xlabel("I(Z; Z') in the last epoch of training, nats")
        axes.set_ylabel("accuracy on test images")
        light_frame(axes, "both")
    return figure


def joint_maps(joints: np.ndarray, epochs: Sequence[int]) -> Figure:
    """Draw the joint distribution P(Z, Z') of a head after some epochs.

    Args:
        joints: (M, K, K) probabilities.
        epochs: the M epochs, counted from 1.
    """
    with drawing_style():
        figure = Figure(figsize=(3.1 * len(joints) + 0.8, 3.7), layout="constrained")
        grid = figure.subplots(1, len(joints), squeeze=False)[0]
        clusters = joints.shape[1]
        image = None
        for axes, joint, epoch in zip(grid, joints, epochs, strict=True):
            image = axes.imshow(joint, cmap="viridis", vmin=0, vmax=1 / clusters)
            axes.set_title(f"epoch {epoch}")
            axes.set_xlabel("cluster of the other view")
            axes.set_xticks([])
            axes.set_yticks([])
        grid[0].set_ylabel("cluster of a view")
        if image is not None:
            figure.colorbar(image, ax=list(grid), shrink=0.8, label="probability", ticks=[0, 1 / clusters])
    return figure


def confusion_figure(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw how many images of each class are in the clusters of each class.

    Args:
        counts: (C, C) integers, true class in rows, the cluster's class in columns.
        names: the names of the classes.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    with drawing_style():
        side = 2.2 + 0.5 * len(names)
        figure = Figure(figsize=(side, side), layout="constrained")
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), share in np.ndenumerate(shares):
            if counts[row, column]:
                shade = "white" if share > 0.6 else INK
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=shade, fontsize=9)
        axes.set_xticks(range(len(names)), [shorten(name, 12) for name in names])
        axes.set_yticks(range(len(names)), [shorten(name, 12) for name in names])
        axes.set_xlabel("class that the cluster is assigned to")
        axes.set_ylabel("true class")
        axes.tick_params(length=0)
    return figure


def galleries(images: np.ndarray, shares: np.ndarray, titles: Sequence[str]) -> Figure:
    """Draw a row of typical images for each cluster: those whose probabilities are closest to the cluster's mean.

    Args:
        images: (N, H, H, C) uint8.
        shares: (N, K) probabilities of the clusters.
        titles: (K,), the class that each cluster is assigned to; rows are sorted by it.
    """
    clusters = shares.argmax(axis=1)
    with drawing_style():
        figure = Figure(figsize=(0.75 * _GALLERY + 1.4, 0.78 * len(titles) + 0.5), layout="constrained")
        grid = figure.subplots(len(titles), _GALLERY, squeeze=False)
        for row, cluster in enumerate(sorted(range(len(titles)), key=titles.__getitem__)):
            members = np.flatnonzero(clusters == cluster)
            if members.size:
                distance = np.square(shares[members] - shares[members].mean(axis=0)).sum(axis=1)
                members = members[np.argsort(distance, kind="stable")]
            for column, axes in enumerate(grid[row]):
                axes.set_xticks([])
                axes.set_yticks([])
                if column < members.size:
                    axes.imshow(images[members[column]].squeeze(), cmap="gray", vmin=0, vmax=255)
                else:
                    axes.set_axis_off()
            grid[row, 0].set_ylabel(shorten(titles[cluster], 12), rotation=0, ha="right", va="center", labelpad=8)
            if not members.size:
                grid[row, 0].set_axis_on()
        figure.suptitle(
            "Test images nearest to each cluster's mean probability, by the class it is assigned to", fontsize=12
        )
    return figure
