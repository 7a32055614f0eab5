"""How a report writes numbers and names."""

import math
import re
from typing import Any

from markupsafe import Markup, escape

_CAPITALS = {
    **dict.fromkeys(("ap", "ar", "f1", "kl", "bce", "mse", "nmi", "ari", "pca", "ssim", "nms", "xor", "mine")),
    **{"iou": "IoU", "miou": "mIoU", "ap50": "AP50", "ap75": "AP75"},
}
"""How words are written that are not words; None for all in capitals."""


def label(name: str) -> str:
    """Write the name of a measure or a picture as people do: `val_miou` is "val mIoU"."""
    words = name.replace("_", " ").split()
    return " ".join((_CAPITALS[word] or word.upper()) if word in _CAPITALS else word for word in words)


def heading(name: str) -> str:
    """Write a name as a heading: `masked_digits` is "Masked digits"."""
    text = label(name)
    return text[:1].upper() + text[1:]


def breakable(name: str) -> Markup:
    """Write the name of a setting so that a line may end behind its dots and underscores."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[._])(?=[^._])", name))


def number(value: Any) -> str:
    """Write a number with three decimals, more where it is small, and none where it counts something."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    if value and abs(value) < 0.01:
        return f"{value:.2g}" if abs(value) < 1e-4 else f"{value:.5f}".rstrip("0")
    return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.1f}"
