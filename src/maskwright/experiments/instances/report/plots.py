"""Figures of instances, from arrays and names. Imports no TensorFlow."""

import colorsys
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from maskwright.photos.images import resize_image
from maskwright.photos.objects import UNKNOWN_OBJECT, resize_objects
from maskwright.reporting.curves import LEARNING_RATE, Panel, from_zero, training_curves, zero_to_one
from maskwright.reporting.figure import DPI, drawing_style, shorten

_PANEL_PIXELS = 480  # the longer side of each picture
_THINNEST_PIXELS = 24
_PANELS = (
    Panel("loss", "Loss", from_zero),
    Panel("pq", "Panoptic quality", zero_to_one),
    Panel("rq", "Recognition quality", zero_to_one),
    LEARNING_RATE,
)


def object_colours(count: int) -> np.ndarray:
    """Return (count + 1, 3) uint8 colours of object numbers: 0 is black, and neighbours differ much."""
    colours = np.zeros((count + 1, 3), np.uint8)
    for number in range(1, count + 1):
        # The golden ratio keeps hues of neighbouring numbers apart; lightness tells apart those of nearly equal hue.
        hue, value = (0.58 + 0.618034 * (number - 1)) % 1.0, (0.95, 0.7)[number // 8 % 2]
        colours[number] = [round(255 * part) for part in colorsys.hsv_to_rgb(hue, 0.85, value)]
    return colours


def blend_objects(image: np.ndarray, numbers: np.ndarray, alpha: float = 0.5) -> np.ndarray:
    """Lay each object in a colour of its own over a photograph, with its outer pixels in full colour.

    Args:
        image: (H, W, 3) uint8, RGB.
        numbers: (H, W) object numbers, 0 for none; what is unknown is grey.
        alpha: opacity, from 0 to 1.

    Returns:
        (H, W, 3) uint8.
    """
    unknown = numbers == UNKNOWN_OBJECT
    known = np.where(unknown, 0, numbers).astype(np.int64)
    colours = object_colours(int(known.max(initial=0)))[known]
    colours[unknown] = 160
    inside = (known > 0) | unknown
    mixed = np.rint((1 - alpha) * image + alpha * colours.astype(np.float32)).astype(np.uint8)
    mixed = np.where(inside[..., None], mixed, image)
    edge = np.zeros(numbers.shape, bool)
    for one, other in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])):
        differ = numbers[one] != numbers[other]
        edge[one] |= differ
        edge[other] |= differ
    edge &= inside
    mixed[edge] = colours[edge]
    return mixed


def write_labels(image: np.ndarray, places: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Write a label at each place of a copy of a photograph; of labels that meet, the first is on top.

    Args:
        image: (H, W, 3) uint8, RGB.
        places: (K, 2) down and across, in its pixels.
        labels: K texts.

    Returns:
        (H, W, 3) uint8.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    font = ImageFont.load_default(max(10, round(max(image.shape[:2]) / 60)))
    for (down, across), text in list(zip(places.tolist(), labels, strict=True))[::-1]:
        left, top, right, bottom = pen.textbbox((across, down), text, font=font, anchor="mm")
        pen.rectangle((left - 2, top - 1, right + 2, bottom + 1), fill="black")
        pen.text((across, down), text, font=font, fill="white", anchor="mm")
    return np.asarray(picture)


def draw_offsets(offsets: np.ndarray, on_object: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Draw where pixels point, and how hot they are, as a picture.

    The hue is the direction of an object's pixels to their centre, the more saturated the farther it is; what is no
    object is grey, brighter with the heat of a centre.

    Args:
        offsets: (h, w, 2) down and across, in pixels.
        on_object: (h, w) bool.
        heat: (h, w), from 0 to 1.

    Returns:
        (h, w, 3) uint8.
    """
    down, across = offsets[..., 0], offsets[..., 1]
    far = np.hypot(down, across)
    farthest = max(1.0, float(np.percentile(far[on_object], 95))) if on_object.any() else 1.0
    hue = (np.arctan2(down, across) / (2 * np.pi)) % 1.0
    colours = hsv_to_rgb(np.stack([hue, np.clip(far / farthest, 0, 1), np.full(hue.shape, 0.9)], axis=-1))
    hot = np.clip(heat, 0, 1)[..., None]
    picture = np.where(on_object[..., None], colours * (1 - 0.6 * hot) + 0.6 * hot, 0.15 + 0.6 * hot)
    return np.rint(255 * np.clip(picture, 0, 1)).astype(np.uint8)


def objects_panel(
    image: np.ndarray, truth: np.ndarray, found: np.ndarray, offsets: np.ndarray, centres: np.ndarray, title: str
) -> Figure:
    """Draw input | annotated objects | predicted objects | their centres and offsets.

    Args:
        image: (H, W, 3) uint8, of any size.
        truth, found: (H, W) object numbers.
        offsets: (h, w, 3) uint8, from `draw_offsets`.
        centres: (K, 2) of the predicted objects, down and across in pixels of `image`.
        title: one line above.
    """
    scale = _PANEL_PIXELS / max(image.shape[:2])
    height, width = (max(_THINNEST_PIXELS, round(side * scale)) for side in image.shape[:2])
    marks = centres * [height / image.shape[0], width / image.shape[1]]
    image = resize_image(image, (height, width))
    truth, found = (resize_objects(numbers.astype(np.uint16), (height, width)) for numbers in (truth, found))
    pointed = np.asarray(Image.fromarray(offsets).resize((width, height), Image.Resampling.NEAREST))
    panels = (
        ("input", image),
        ("annotated", blend_objects(image, truth)),
        ("predicted", blend_objects(image, found)),
        ("direction to the centre, and centres", pointed),
    )
    pad, above, below = 16, 84, 16
    step = max(width, 320) + pad
    total_width, total_height = 4 * step + pad, above + height + below
    with drawing_style():
        figure = Figure(figsize=(total_width / DPI, total_height / DPI), dpi=DPI)
        figure.text(
            pad / total_width, 1 - 24 / total_height, title, fontsize=15, fontweight="bold", va="center", ha="left"
        )
        for column, (name, picture) in enumerate(panels):
            left = (pad + column * step) / total_width
            axes = figure.add_axes((left, below / total_height, width / total_width, height / total_height))
            axes.imshow(picture, interpolation="nearest", aspect="auto", extent=(0, width, height, 0))
            if column == 3:
                axes.plot(marks[:, 1], marks[:, 0], "+", color="white", markersize=9, markeredgewidth=2)
                axes.set_xlim(0, width)
                axes.set_ylim(height, 0)
            axes.set_title(name, loc="left", fontsize=13)
            axes.set_axis_off()
    return figure


def labels_of(classes: Sequence[str], of_objects: np.ndarray) -> list[str]:
    """Return the number and class name of each object, as they stand in overlays: `3 cat`."""
    return [f"{number} {shorten(classes[label])}" for number, label in enumerate(map(int, of_objects), start=1)]


def training_figure(history: Sequence[Mapping[str, float]]) -> Figure:
    """Draw loss, PQ, RQ and learning rate over the epochs, and mark the best epoch, with the highest `val_pq`.

    Args:
        history: one mapping for each epoch, in order, with `epoch`, `loss`, `val_loss`, `val_pq`, `val_rq` and
            `learning_rate`; at least one epoch.
    """
    return training_curves(history, _PANELS, best=int(np.argmax([row["val_pq"] for row in history])))
