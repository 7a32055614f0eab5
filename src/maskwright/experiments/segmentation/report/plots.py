"""Figures of segmentation, from arrays and names. Imports no TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from maskwright.photos.images import IGNORE, resize_image, resize_mask
from maskwright.reporting.curves import LEARNING_RATE, Panel, training_curves, up_to_one
from maskwright.reporting.figure import DPI, INK, SKY, VERMILION, YELLOW, drawing_style, shorten

ERROR_COLOURS = {"missed": VERMILION, "extra": SKY, "wrong class": YELLOW, "not labelled": "#3C3C3C"}
"""Missed: an object is predicted as background. Extra: background is predicted as an object."""

_PANEL_PIXELS = 480  # the longer side of each picture in an overlay panel
_THINNEST_PIXELS = 24
_PANELS = (
    Panel("loss", "Loss"),
    Panel("miou", "Mean IoU", up_to_one),
    Panel("pixel_accuracy", "Pixel accuracy", up_to_one),
    LEARNING_RATE,
)


def blend(image: np.ndarray, mask: np.ndarray, palette: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """Lay a mask over a photograph: (1 - alpha) * image + alpha * colour. Background pixels do not change.

    The outer pixels of each region are drawn in full colour, as a contour.

    Args:
        image: (H, W, 3) uint8, RGB.
        mask: (H, W) uint8 class indices.
        palette: (256, 3) uint8, from `photos.images.class_palette`.
        alpha: opacity of the mask, from 0 to 1.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ValueError: image and mask differ in size.
    """
    if image.shape[:2] != mask.shape:
        raise ValueError(f"an image of {image.shape[:2]} and a mask of {mask.shape} pixels do not fit")
    colours = palette[mask]  # (H, W, 3)
    mixed = np.rint((1 - alpha) * image.astype(np.float32) + alpha * colours.astype(np.float32)).astype(np.uint8)
    mixed = np.where((mask == 0)[..., None], image, mixed)
    edge = _inner_edge(mask) & (mask != IGNORE)
    mixed[edge] = colours[edge]
    return mixed


def _inner_edge(mask: np.ndarray) -> np.ndarray:
    """Mark the pixels (H, W) of each region next to another region or the background; two pixels on large images."""
    edge = np.zeros(mask.shape, bool)
    for reach in range(1, 1 + max(1, round(min(mask.shape) / 300))):
        for one, other in ((np.s_[reach:, :], np.s_[:-reach, :]), (np.s_[:, reach:], np.s_[:, :-reach])):
            differ = mask[one] != mask[other]
            edge[one] |= differ
            edge[other] |= differ
    return edge & (mask != 0)


def overlay_panel(
    image: np.ndarray,
    truth: np.ndarray,
    prediction: np.ndarray,
    classes: Sequence[str],
    palette: np.ndarray,
    title: str,
) -> Figure:
    """Draw input | ground truth | prediction | errors, with legends of the classes that occur and of the errors.

    Args:
        image: (H, W, 3) uint8, of any size. It is shown with 480 pixels on the longer side and at least 24 on the
            other, so very narrow images are stretched.
        truth, prediction: (H, W) uint8 class indices; `IGNORE` in the truth is shown as not labelled.
        classes: names in index order, background first.
        palette: (256, 3) uint8, from `photos.images.class_palette`.
        title: one line above.
    """
    kinds = {name: float(where.mean()) for name, where in _error_kinds(truth, prediction).items()}
    occurring = [c for c in range(1, len(classes)) if (truth == c).any() or (prediction == c).any()]
    scale = _PANEL_PIXELS / max(image.shape[:2])
    height, width = (max(_THINNEST_PIXELS, round(side * scale)) for side in image.shape[:2])
    image = resize_image(image, (height, width))
    truth, prediction = resize_mask(truth, (height, width)), resize_mask(prediction, (height, width))
    panels = (
        ("input", image),
        ("ground truth", blend(image, truth, palette)),
        ("prediction", blend(image, prediction, palette)),
        ("errors", _error_image(image, truth, prediction)),
    )
    # The layout is in pixels, so that every pixel of a panel is a pixel of the figure, and contours stay sharp.
    pad, above, below = 16, 84, 96
    step = max(width, 420) + pad  # room for the legends under narrow panels
    total_width, total_height = 4 * step + pad, above + height + below
    with drawing_style():
        figure = Figure(figsize=(total_width / DPI, total_height / DPI), dpi=DPI)
        figure.text(
            pad / total_width, 1 - 24 / total_height, title, fontsize=15, fontweight="bold", va="center", ha="left"
        )
        for column, (name, picture) in enumerate(panels):
            left = (pad + column * step) / total_width
            axes = figure.add_axes((left, below / total_height, width / total_width, height / total_height))
            axes.imshow(picture, interpolation="nearest", aspect="auto")
            axes.set_title(name, loc="left", fontsize=13)
            axes.set_axis_off()
        present = [Patch(facecolor=palette[c] / 255.0, label=shorten(classes[c])) for c in occurring[:10]]
        if len(occurring) > 10:
            present.append(Patch(facecolor="none", label=f"and {len(occurring) - 10} more"))
        errors = [
            Patch(facecolor=colour, label=f"{name} ({kinds[name]:.1%})")
            for name, colour in ERROR_COLOURS.items()
            if kinds[name]
        ]
        for handles, text, column, columns in (
            (present, "no objects", 0, 3 * step // 290),  # a column holds the longest name
            (errors, "no errors", 3, 2),
        ):
            figure.legend(
                handles=handles or [Patch(facecolor="none", label=text)],
                loc="upper left",
                bbox_to_anchor=((pad + column * step) / total_width, (below - 10) / total_height),
                borderaxespad=0,
                borderpad=0,
                ncols=columns,
                fontsize=12,
                handlelength=1.2 if handles else 0.0,
                handletextpad=0.6 if handles else 0.0,
                columnspacing=1.2,
            )
    return figure


def _error_kinds(truth: np.ndarray, prediction: np.ndarray) -> dict[str, np.ndarray]:
    labelled = truth != IGNORE
    wrong = (truth != prediction) & labelled
    return {
        "missed": wrong & (prediction == 0),
        "extra": wrong & (truth == 0),
        "wrong class": wrong & (truth != 0) & (prediction != 0),
        "not labelled": ~labelled,
    }


def _error_image(image: np.ndarray, truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Colour the errors over a pale grey version of the photograph, where they stand out."""
    grey = image.mean(axis=2, keepdims=True) * 0.55 + 75
    picture = np.repeat(grey, 3, axis=2).astype(np.uint8)
    picture[_inner_edge(np.where(truth == IGNORE, 0, truth))] = 255
    for name, where in _error_kinds(truth, prediction).items():
        picture[where] = np.rint(255 * np.array(to_rgb(ERROR_COLOURS[name]))).astype(np.uint8)
    return picture


def confusion_matrix_figure(matrix: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix with each row as shares of the class's pixels, and with the counts.

    Args:
        matrix: (C, C) pixel counts, from `learn.confusion.confusion_matrix`.
        classes: C names. The numbers are written into the cells if there are at most 12 classes.
    """
    count = len(classes)
    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)
    with drawing_style():
        side = float(np.clip(1.15 * count, 3.2, 13.0))
        figure = Figure(figsize=(side + 2.6, side + 1.6), layout="constrained")
        axes = figure.subplots()
        drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        if count <= 12:
            for row, column in np.ndindex(matrix.shape):
                axes.text(
                    column,
                    row,
                    f"{shares[row, column]:.1%}\n{_short_count(int(matrix[row, column]))}" if totals[row] else "-",
                    ha="center",
                    va="center",
                    color="white" if shares[row, column] > 0.5 else INK,
                    fontsize=11 if count <= 6 else 9,
                )
        font = 11 if count <= 20 else max(3.0, 11 * 20 / count)
        names = [shorten(name) for name in classes]
        axes.set_xticks(range(count), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=font)
        axes.set_yticks(range(count), names, fontsize=font)
        axes.tick_params(length=0)
        if count <= 40:
            # White lines between the cells.
            axes.set_xticks(np.arange(0.5, count - 1), minor=True)
            axes.set_yticks(np.arange(0.5, count - 1), minor=True)
            axes.grid(which="minor", color="white", linewidth=2)
            axes.tick_params(which="minor", length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("prediction")
        axes.set_ylabel("ground truth")
        axes.set_title("Where each class's pixels went", fontweight="bold", fontsize=13)
        bar = figure.colorbar(
            drawn, ax=axes, shrink=0.8, pad=0.02, aspect=30, format=PercentFormatter(1.0, decimals=0)
        )
        bar.set_label("share of the row")
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]
    return figure


def training_figure(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss, mean IoU, pixel accuracy and learning rate over the epochs, and mark the best epoch.

    Args:
        history: one mapping for each epoch, in order. `loss`, `miou`, `pixel_accuracy`: on training data; `val_loss`,
            `val_miou`, `val_pixel_accuracy`: on validation data; `learning_rate`; `epoch`. Any may be missing, see
            `reporting.curves.training_curves`. The best epoch has the highest `val_miou`; on a tie, it is the first.

    Raises:
        ValueError: there is no epoch, or no epoch has any of these values.
    """
    scores = np.array([row.get("val_miou", np.nan) for row in history], float)
    best = int(np.nanargmax(scores)) if np.isfinite(scores).any() else None
    return training_curves(history, _PANELS, best=best)


def _short_count(pixels: int) -> str:
    """Return a count that fits a cell, such as 12.3M for 12 345 678."""
    for unit, suffix in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if pixels >= unit:
            return f"{pixels / unit:.3g}{suffix}"
    return str(pixels)
