"""A size for the network's input, from the photographs' proportions and the sizes of what is on them.

Imports no TensorFlow.
"""

import json
import math
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from maskwright.photos.splits import BOXES
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.settings import Auto, PhotographTraining

Settings = TypeVar("Settings", bound=PhotographTraining[Any])

STEP = 32
"""Sides are multiples of it: the stride of a backbone's coarsest map, so that nothing is padded."""

OBJECT = 3.0 * STEP
"""Wanted for nine of ten objects: so many pixels of the network's input each way. Then two whole cells of the
coarsest map, each way, lie within an object's box, wherever it stands."""

FEWEST = 192 * 256
MOST = 288 * 384
"""Numbers of pixels between which a size is chosen; the time of a training grows with them."""


class Chosen(NamedTuple):
    """A size for the network's input.

    Attributes:
        size: height and width in pixels.
        reason: how it was chosen, in one line; empty if it was given.
    """

    size: tuple[int, int]
    reason: str


def with_size(settings: Settings, section: str, folder: Path) -> Settings:
    """Return settings whose size is known; where `network_size` chooses one, a line on standard error says why.

    Args:
        settings: of a training on photographs.
        section: theirs in params.yaml, such as segmentation.
        folder: as for `network_size`.

    Raises:
        MaskwrightError: as `network_size`.
    """
    size, reason = network_size(settings.size, folder)
    if reason:
        terminal.note(f"{section}.size: {reason}")
    return settings.model_copy(update={"size": size})


def network_size(size: tuple[int, int] | Auto, folder: Path) -> Chosen:
    """Return the size that the settings give, or choose one.

    The height is to the width as the photographs' heights are to their widths, in the geometric mean: where half of
    them are upright, a square distorts all equally. It has as many pixels as it takes for nine of ten objects' boxes
    to be at least `OBJECT` pixels wide and high, but no fewer than `FEWEST` and no more than `MOST`; both sides are
    multiples of `STEP`.

    Args:
        size: height and width, or auto.
        folder: the folder of the training split, such as data/masks/train, which `maskwright masks` wrote.

    Raises:
        MaskwrightError: the size is auto, and the split has no file of boxes, or no photograph in it.
    """
    if size != "auto":
        return Chosen(size, "")
    path = folder / BOXES
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright masks` first")
    coco = json.loads(path.read_text(encoding="utf-8"))
    photographs = {image["id"]: (image["height"], image["width"]) for image in coco["images"]}
    if not photographs:
        raise MaskwrightError(f"{path}: lists no image; check annotations.{folder.name} in params.yaml")
    proportion = math.exp(np.mean([math.log(height / width) for height, width in photographs.values()]))
    narrow = math.inf
    if coco["annotations"]:
        narrow = float(np.quantile([_narrow(one, photographs, proportion) for one in coco["annotations"]], 0.1))
    wanted = (OBJECT / narrow) ** 2 if narrow > 0 else math.inf
    picked = _nearest(proportion, float(np.clip(wanted, FEWEST, MOST)))
    limit = f"{MOST:,} pixels are the most" if wanted > MOST else f"{FEWEST:,} pixels are the fewest"
    why = f"{OBJECT:g} are wanted" if FEWEST <= wanted <= MOST else f"{OBJECT:g} are wanted, {limit}"
    objects = f"nine of ten objects are at least {narrow * math.sqrt(math.prod(picked)):.0f} of its pixels each way"
    reason = f"{list(picked)} was chosen: photographs are {proportion:.2f} times as high as wide, and "
    return Chosen(picked, reason + (f"{objects} ({why})" if coco["annotations"] else f"there is no object ({limit})"))


def _narrow(annotation: dict[str, Any], photographs: dict[int, tuple[int, int]], proportion: float) -> float:
    """Return the shorter side of a box where the photograph is scaled to an area of 1 and this proportion."""
    height, width = photographs[annotation["image_id"]]
    *_, across, down = annotation["bbox"]
    return min(down / height * math.sqrt(proportion), across / width / math.sqrt(proportion))


def _nearest(proportion: float, pixels: float) -> tuple[int, int]:
    """Return the size of at most `MOST` pixels that is nearest: a wrong shape is twice as bad as a wrong area."""
    sides = range(STEP, MOST // STEP + 1, STEP)

    def distance(size: tuple[int, int]) -> float:
        height, width = size
        return 2 * abs(math.log(height / width / proportion)) + abs(math.log(height * width / pixels))

    return min((size for size in product(sides, sides) if math.prod(size) <= MOST), key=distance)
