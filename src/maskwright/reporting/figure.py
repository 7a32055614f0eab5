"""What every picture shares: colours, lettering, and a PNG of the same bytes for the same figure.

Figures are made with matplotlib's objects, never with pyplot, so nothing here depends on a display or on what was
drawn before. Colours are those of Okabe and Ito, which people with colour blindness tell apart.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE, ORANGE, VERMILION, SKY, YELLOW = "#0072B2", "#E69F00", "#D55E00", "#56B4E9", "#F0E442"
GREEN, PURPLE = "#009E73", "#CC79A7"
INK, FAINT = "#222222", "#D9D9D9"
DPI = 100

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": False,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "savefig.bbox": None,
    "text.parse_math": False,  # a $ in a file's name is a $
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.12,
}


@contextmanager
def drawing_style() -> Iterator[None]:
    """Draw in the project's style; matplotlib's own settings are as before afterwards."""
    with matplotlib.rc_context(_STYLE):
        yield


def save_figure(figure: Figure, path: Path) -> None:
    """Write `figure` as a PNG without date or version, making the folder where needed."""
    buffer, layout = io.BytesIO(), figure.get_layout_engine()
    with drawing_style():
        if layout is not None:
            # Laid out first, and drawn then: matplotlib would draw everything once more to lay it out.
            figure.set_dpi(DPI)
            layout.execute(figure)
            figure.set_layout_engine("none")
        figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 3})
        figure.set_layout_engine(layout)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())


def light_frame(axes: Axes, grid: Any) -> None:
    """Leave of the frame two sides, and draw faint lines along `grid`: "x", "y" or "both"."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def shorten(name: str, limit: int = 24) -> str:
    """Return the name with its middle left out where it is longer than `limit` characters."""
    # Long names often share their beginning, so the middle goes.
    return name if len(name) <= limit else f"{name[: limit // 2]}…{name[-(limit // 2 - 1) :]}"
