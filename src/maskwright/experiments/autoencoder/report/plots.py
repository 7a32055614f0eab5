"""Figures of the autoencoder, from arrays and names. Imports no TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from matplotlib.transforms import Affine2D

from maskwright.reporting.curves import Panel, training_curves, with_room
from maskwright.reporting.figure import (
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


def autoencoder_curves(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw the loss over the epochs and, if there is one, the divergence, and mark the best epoch.

    Args:
        history: for each epoch, in order, `epoch`, `loss`, `val_loss` and, for a variational autoencoder, `val_kl`.
    """
    panels = [Panel("loss", "Loss"), Panel("kl", "KL divergence, nats", with_room)]
    best = int(np.argmin([row["val_loss"] for row in history]))
    return training_curves(history, panels, best=best, height=3.8)


def reconstruction_grid(images: np.ndarray, reconstructions: np.ndarray, rows: int) -> Figure:
    """Draw each image above its reconstruction.

    Args:
        images: (N, H, W) from 0 to 1, column by column: the first `rows` images are the first column.
        reconstructions: (N, H, W) from 0 to 1, in the same order.
        rows: number of images in a column.
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
    """Draw the first two dimensions of the codes, with each image's digit as the marker.

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
    """Return the digit as a marker, centred on the point."""
    path = TextPath((0, 0), str(digit), size=10)
    box = path.get_extents()
    return path.transformed(Affine2D().translate(-(box.x0 + box.x1) / 2, -(box.y0 + box.y1) / 2))


def latent_walk_grid(images: np.ndarray, axes_values: np.ndarray) -> Figure:
    """Draw the images that the decoder makes from a grid of codes.

    Args:
        images: (S, S, H, W) from 0 to 1, see `walk.LatentWalk`.
        axes_values: (2, S), the values along both dimensions.
    """
    steps, _, height, width = images.shape
    # The second dimension increases upwards, as in the scatter plot.
    picture = images[::-1].transpose(0, 2, 1, 3).reshape(steps * height, steps * width)
    (left, right), (bottom, top) = axes_values[:, [0, -1]]
    # The values belong to the centres of the outer images.
    # A network that gives all digits the same code has a walk without extent.
    x, y = (((high - low) / max(1, steps - 1) or 1.0) / 2 for low, high in ((left, right), (bottom, top)))
    extent = (left - x, right + x, bottom - y, top + y)
    with drawing_style():
        figure = Figure(figsize=(7.6, 7.6), layout="constrained")
        axes = figure.subplots()
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", extent=extent, aspect="auto")
        axes.set_xlabel("first dimension of the code")
        axes.set_ylabel("second dimension of the code")
        axes.set_title("What the decoder makes of a code", fontweight="bold", loc="left")
    return figure
