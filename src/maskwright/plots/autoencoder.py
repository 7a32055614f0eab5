"""Pictures of the autoencoder: arrays and names in, a matplotlib figure out. No TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import Affine2D

from maskwright.plots.figure import (
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    drawing_style,
    light_frame,
)

_DIGITS = (BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, "#B59F00", "#222222", "#9A9A9A", "#8C564B")


def training_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss over the epochs and, where there is one, the divergence, and mark the best epoch.

    Args:
        history: for each epoch in order `epoch`, `loss`, `val_loss` and, of a variational autoencoder, `val_kl`.
    """
    epochs = [row["epoch"] for row in history]
    best = int(np.argmin([row["val_loss"] for row in history]))
    panels = [("Loss", [("loss", "training", ORANGE, "--"), ("val_loss", "validation", BLUE, "-")])]
    if "val_kl" in history[0]:
        panels.append(("KL divergence, nats", [("val_kl", "validation", BLUE, "-")]))
    with drawing_style():
        figure = Figure(figsize=(5.6 * len(panels), 3.8), layout="constrained")
        for axes, (title, curves) in zip(np.atleast_1d(figure.subplots(1, len(panels))), panels, strict=True):
            for column, label, colour, style in curves:
                values = [row[column] for row in history]
                marker = "o" if len(epochs) <= 3 else None
                axes.plot(epochs, values, style, color=colour, linewidth=2, label=label, marker=marker)
                if column.startswith("val_"):
                    label = f"best epoch ({epochs[best]:.0f}): {values[best]:.3f}"
                    axes.plot(epochs[best], values[best], "o", color=VERMILION, markersize=8, label=label, zorder=5)
            axes.set_title(title, fontweight="bold")
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8, min_n_ticks=1))
            axes.set_xlim(epochs[0] - 0.5, epochs[-1] + 0.5)
            if "val_kl" in [column for column, *_ in curves]:
                axes.set_ylim(0.0, 1.15 * max(row["val_kl"] for row in history))
            axes.legend(loc="best", fontsize=10)
            light_frame(axes, "both")
    return figure


def reconstruction_grid(images: np.ndarray, reconstructions: np.ndarray, rows: int) -> Figure:
    """Draw each image above its reconstruction.

    Args:
        images: (N, H, W) from 0 to 1, columns one after another: the first `rows` are the first column.
        reconstructions: (N, H, W), likewise.
        rows: how many images stand in a column.
    """
    columns = -(-len(images) // rows)
    height, width = images.shape[1:]
    picture = np.ones((rows * (2 * height + 5) - 4, columns * (width + 2) - 2), np.float32)
    for number, (image, reconstruction) in enumerate(zip(images, reconstructions, strict=True)):
        column, row = divmod(number, rows)
        top, left = row * (2 * height + 5), column * (width + 2)
        picture[top : top + height, left : left + width] = image
        picture[top + height + 1 : top + 2 * height + 1, left : left + width] = reconstruction
    with drawing_style():
        figure = Figure(figsize=(10, 10 * picture.shape[0] / picture.shape[1] + 0.3), layout="constrained")
        axes = figure.subplots()
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title("Test digits, and below each its reconstruction", fontweight="bold", loc="left")
        axes.set_axis_off()
    return figure


def latent_scatter(codes: np.ndarray, labels: np.ndarray) -> Figure:
    """Draw the first two dimensions of each code, as the digit that it stands for.

    Args:
        codes: (N, L), L at least 2.
        labels: (N,) from 0 to 9.
    """
    with drawing_style():
        figure = Figure(figsize=(7.6, 6.4), layout="constrained")
        axes = figure.subplots()
        for digit in np.unique(labels):
            x, y = codes[labels == digit, :2].T
            colour = _DIGITS[digit % len(_DIGITS)]
            axes.plot(x, y, linestyle="none", marker=_glyph(digit), color=colour, markersize=8, markeredgewidth=0)
        axes.set_xlabel("first dimension of the code")
        axes.set_ylabel("second dimension of the code")
        axes.set_title("Codes of the test digits", fontweight="bold", loc="left")
        light_frame(axes, "both")
    return figure


def _glyph(digit: int) -> Path:
    """Return the digit as a marker, its middle on the point."""
    path = TextPath((0, 0), str(digit), size=10)
    box = path.get_extents()
    return path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))


def latent_walk_grid(images: np.ndarray, axes_values: np.ndarray) -> Figure:
    """Draw what the decoder makes of a grid of codes.

    Args:
        images: (S, S, H, W) from 0 to 1, see `experiments.autoencoder.latent_walk`.
        axes_values: (2, S), the values along both dimensions.
    """
    steps, _, height, width = images.shape
    # Upwards in the picture is up in the code, as in the scatter.
    picture = images[::-1].transpose(0, 2, 1, 3).reshape(steps * height, steps * width)
    (left, right), (bottom, top) = axes_values[:, [0, -1]]
    # The values belong to the middles of the outer images.
    x, y = (right - left) / max(1, steps - 1) / 2, (top - bottom) / max(1, steps - 1) / 2
    extent = (left - x, right + x, bottom - y, top + y)
    with drawing_style():
        figure = Figure(figsize=(7.6, 7.6), layout="constrained")
        axes = figure.subplots()
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent, aspect="auto")
        axes.set_xlabel("first dimension of the code")
        axes.set_ylabel("second dimension of the code")
        axes.set_title("What the decoder makes of a code", fontweight="bold", loc="left")
    return figure
