"""Figures of detection, from arrays and names. Imports no TensorFlow."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import PercentFormatter
from PIL import Image, ImageDraw, ImageFont

from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth
from maskwright.photos.images import resize_image
from maskwright.reporting.curves import LEARNING_RATE, Panel, from_zero, training_curves, zero_to_one
from maskwright.reporting.figure import BLUE, DPI, INK, drawing_style, light_frame, shorten

_PANEL_PIXELS = 560  # the longer side of each picture
_THINNEST_PIXELS = 24
_PANELS = (
    Panel("loss", "Loss", from_zero),
    Panel("ap50", "AP50", zero_to_one),
    Panel("ap", "AP", zero_to_one),
    LEARNING_RATE,
)


def draw_boxes(image: np.ndarray, found: Found, classes: Sequence[str], palette: np.ndarray) -> np.ndarray:
    """Draw each box with its class and score into a copy of a photograph.

    Args:
        image: (H, W, 3) uint8, RGB.
        found: boxes in its pixels.
        classes: names in index order, background first.
        palette: (256, 3) uint8, from `photos.images.class_palette`.

    Returns:
        (H, W, 3) uint8.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line = max(2, round(max(image.shape[:2]) / 400))
    font = ImageFont.load_default(max(11, round(max(image.shape[:2]) / 55)))
    # The best box is drawn last, so that it is on top.
    for box, score, label in list(zip(found.boxes.tolist(), found.scores, found.classes, strict=True))[::-1]:
        colour = tuple(palette[label].tolist())
        pen.rectangle(box, outline=colour, width=line)
        text = f"{shorten(str(classes[label]))} {score:.2f}"
        place = box[0] + line + 2, box[1] + line + 1
        left, top, right, bottom = pen.textbbox(place, text, font=font)
        pen.rectangle((left - 3, top - 2, right + 3, bottom + 2), fill=colour)
        pen.text(place, text, font=font, fill="white" if _is_dark(palette[label] / 255) else INK)
    return np.asarray(picture)


def _is_dark(colour: np.ndarray) -> bool:
    return float(colour @ [0.299, 0.587, 0.114]) < 0.55


def boxes_panel(
    image: np.ndarray, truth: Truth, found: Found, classes: Sequence[str], palette: np.ndarray, title: str
) -> Figure:
    """Draw input | ground truth | predictions with their scores, and a legend of the classes that occur.

    Args:
        image: (H, W, 3) uint8, of any size.
        truth: boxes in its pixels; those of unknown class are dotted.
        found: boxes in its pixels.
        classes: names in index order, background first.
        palette: (256, 3) uint8, from `photos.images.class_palette`.
        title: one line above.
    """
    scale = _PANEL_PIXELS / max(image.shape[:2])
    height, width = (max(_THINNEST_PIXELS, round(side * scale)) for side in image.shape[:2])
    factors = np.tile([width / image.shape[1], height / image.shape[0]], 2)
    image = resize_image(image, (height, width))
    pad, above, below = 16, 84, 60
    step = max(width, 420) + pad
    total_width, total_height = 3 * step + pad, above + height + below
    occurring = sorted({int(c) for c in (*truth.classes, *found.classes) if c != UNKNOWN})
    with drawing_style():
        figure = Figure(figsize=(total_width / DPI, total_height / DPI), dpi=DPI)
        figure.text(
            pad / total_width, 1 - 24 / total_height, title, fontsize=15, fontweight="bold", va="center", ha="left"
        )
        for column, name in enumerate(("input", "ground truth", "predictions")):
            left = (pad + column * step) / total_width
            axes = figure.add_axes((left, below / total_height, width / total_width, height / total_height))
            axes.imshow(image, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
            axes.set_title(name, loc="left", fontsize=13)
            axes.set_axis_off()
            if column == 1:
                for box, label in zip(truth.boxes * factors, truth.classes, strict=True):
                    _draw_box(axes, box, palette[label] / 255 if label != UNKNOWN else None, "")
            elif column == 2:
                rows = zip(found.boxes * factors, found.scores, found.classes, strict=True)
                for box, score, label in rows:
                    _draw_box(axes, box, palette[label] / 255, f"{score:.2f}")
        handles = [Patch(facecolor=palette[c] / 255, label=shorten(classes[c])) for c in occurring[:10]]
        if len(occurring) > 10:
            handles.append(Patch(facecolor="none", label=f"and {len(occurring) - 10} more"))
        if (truth.classes == UNKNOWN).any():
            handles.append(Patch(facecolor="none", edgecolor=INK, linestyle=":", label="not labelled"))
        figure.legend(
            handles=handles or [Patch(facecolor="none", label="no objects")],
            loc="upper left",
            bbox_to_anchor=((pad + (0 if not handles else step)) / total_width, (below - 10) / total_height),
            borderaxespad=0,
            borderpad=0,
            ncols=max(1, 2 * step // 240),
            fontsize=12,
            handlelength=1.2,
            handletextpad=0.6,
            columnspacing=1.2,
        )
    return figure


def _draw_box(axes: Axes, box: np.ndarray, colour: np.ndarray | None, label: str) -> None:
    left, top, right, bottom = box.tolist()
    for line_width, line_colour in ((4.0, "white"), (2.2, INK if colour is None else tuple(colour))):
        axes.add_patch(
            Rectangle(
                (left, top),
                right - left,
                bottom - top,
                fill=False,
                linewidth=line_width,
                edgecolor=line_colour,
                linestyle=":" if colour is None else "-",
            )
        )
    if label:
        background = {"facecolor": "white" if colour is None else tuple(colour), "edgecolor": "none", "pad": 1.5}
        dark = colour is not None and _is_dark(colour)
        axes.text(
            left + 4,
            top + 5,
            label,
            fontsize=11,
            fontweight="bold",
            va="top",
            ha="left",
            color="white" if dark else INK,
            bbox=background,
            clip_on=True,
        )


def precision_recall_figure(curves: Mapping[str, np.ndarray], classes: Sequence[str]) -> Figure:
    """Draw precision over recall for each class at IoU 0.5, and mark the area under each in the legend.

    Args:
        curves: for each class name the (R,) precisions at R evenly spaced recalls from 0 to 1, from `coco_scores`.
        classes: names in order, background first. If more than 8 have a curve, only their mean is drawn in colour.
    """
    names = [name for name in classes if name in curves]
    with drawing_style():
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        axes = figure.subplots()
        cycle = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#222222")
        few = len(names) <= len(cycle)
        for index, name in enumerate(names):
            recalls = np.linspace(0, 1, len(curves[name]))
            label = f"{shorten(name)}: AP50 {curves[name].mean():.3f}" if few else None
            colour, line = (cycle[index], 2.2) if few else ("#BBBBBB", 1.0)
            # Steps overlap if classes are found without an error. With broken lines, the curve below stays visible.
            style = ("-", (0, (6, 3)), (0, (2, 2)), "-.")[index % 4] if few else "-"
            axes.plot(recalls, curves[name], color=colour, linewidth=line, linestyle=style, label=label)
        if names and not few:
            mean = np.mean([curves[name] for name in names], axis=0)
            label = f"mean of {len(names)} classes: AP50 {mean.mean():.3f}"
            axes.plot(np.linspace(0, 1, len(mean)), mean, color=BLUE, linewidth=2.5, label=label)
        if names:
            axes.legend(loc="lower left")
        else:
            axes.text(0.5, 0.5, "no box in the test split", ha="center", va="center", color="#777777")
        axes.set_xlim(0, 1.01)
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("recall: share of the boxes that were found")
        axes.set_ylabel("precision: share of the predictions that are right")
        axes.set_title("Precision over recall, IoU 0.5 or more", fontweight="bold", fontsize=13)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        light_frame(axes, "both")
    return figure


def training_figure(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss, AP50, AP and learning rate over the epochs, and mark the best epoch, with the highest `val_ap50`.

    Args:
        history: one mapping for each epoch, in order, with `epoch`, `loss`, `val_loss`, `val_ap50`, `val_ap` and
            `learning_rate`; at least one epoch.
    """
    return training_curves(history, _PANELS, best=int(np.argmax([row["val_ap50"] for row in history])))
