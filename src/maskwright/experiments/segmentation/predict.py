"""Masks of new photographs, from a trained model.

    maskwright predict segmentation photos --via photos/predicted.json

    out/index.csv            image (as given), mask and overlay (in out), height, width
    out/<name>.png           (H, W) uint8 index mask with a palette, in the photograph's own resolution, as shown
    out/<name>_overlay.jpg   the mask laid over the photograph, to look at: 2,048 pixels at most

One photograph at a time is held at its own resolution, and a batch of them scaled down, so memory does not grow with
their number. TensorFlow is imported only when `predict` needs it: mistakes in the arguments are reported at once, and
the processes that draw polygons do not load it.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.photos.images import class_palette, read_mask, resize_mask, write_mask
from maskwright.predictions.photographs import (
    INDEX,
    Photograph,
    label_attribute,
    overlay_size,
    predicted_with_images,
    tracked,
    via_entry,
)
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder
from maskwright.shared.parallel import parallel_map
from maskwright.via.model import ImageEntry, LabelledRegion, Region
from maskwright.via.polygonise import MIN_CLASS_IOU, drop_specks, mask_to_regions
from maskwright.via.rasterise import rasterise
from maskwright.via.write import write_via_project

MIN_PATCH = 16
"""A patch with fewer pixels is a speck. In a mask of more than DRAWN_PIXELS the limit grows in proportion."""

DRAWN_PIXELS = 1_000_000
"""Polygons of a mask with more pixels are drawn on one scaled down to this: nobody wants to correct finer ones."""

# Finding specks and drawing polygons takes 20 to 44 bytes for each pixel. Up to here it is done in full resolution.
_WHOLE_PIXELS = 50_000_000
# The greatest number of probabilities of a photograph that is seen in tiles. Each takes three times 4 bytes.
_TILED_VALUES = 250_000_000


def predict(
    photographs: Sequence[Photograph],
    *,
    model: Path,
    out: Path,
    via: Path | None = None,
    masks: Path | None = None,
    tile: int | None = None,
    flip: bool = False,
) -> None:
    """Write the masks and overlays of photographs, and the VIA project. All of it appears at the end, or none of it.

    Specks are removed from the masks, see `without_specks`.

    Args:
        photographs: as from `photographs.find_photographs`, with the same `out` and `via`.
        model: the folder of the trained model.
        out: replaced.
        via: a new file; see `polygons`.
        masks: the folder that `maskwright masks` wrote for the training. Regions in `via` have their class in the
            attribute that was used there, so that they can be added to the training file. Without it the attribute
            is `class`.
        tile: look at each photograph through windows of this width, in its pixels, instead of at the whole at once.
        flip: average the prediction with that of the mirror image.

    Raises:
        MaskwrightError: there is no whole model, a photograph can no longer be read, or `tile` is too small for one.
    """
    from maskwright.experiments.segmentation.report.inference import compiled, load_trained, segment, segment_tiled
    from maskwright.experiments.segmentation.report.plots import blend

    network, classes, size = load_trained(model)
    if tile is not None:
        _refuse_small_tiles(photographs, size, tile, len(classes))
    forward = compiled(network, flip=flip)
    palette = class_palette(len(classes))

    def segmented(images: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        if tile is None:
            masks = segment(forward, images, size)
        else:
            masks = (segment_tiled(forward, image, size, tile) for image in images)
        return map(without_specks, masks)

    with replaced_folder(out) as folder:
        with (folder / INDEX).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            index = csv.writer(file, lineterminator="\n")
            index.writerow(["image", "mask", "overlay", "height", "width"])
            predicted = predicted_with_images(photographs, segmented)
            for photograph, image, mask in tracked(predicted, len(photographs), "masks"):
                names = _mask_name(photograph), _overlay_name(photograph)
                write_mask(folder / names[0], mask, palette)
                overlay = blend(image, resize_mask(mask, overlay_size(mask)), palette)
                Image.fromarray(overlay).save(folder / names[1], quality=90)
                index.writerow([photograph.path, *names, *mask.shape])
        if via is not None:
            attribute = label_attribute(masks)
            entry = partial(_entry, folder=folder, classes=classes, attribute=attribute)
            entries = tracked(parallel_map(entry, photographs, chunk=4), len(photographs), "polygons")
            name = f"predictions of {network.name}"
            write_via_project(via, entries, classes=classes[1:], attribute=attribute, name=name)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """Give patches of fewer than 16 pixels (in a mask of over a megapixel: 1/62,500 of it) to their surroundings.

    See `via.polygonise.drop_specks`. Otherwise they would have to be deleted by hand. A mask of more than 50
    megapixels is returned as it is.
    """
    if mask.size > _WHOLE_PIXELS:
        return mask
    return drop_specks(mask, math.ceil(MIN_PATCH * max(1.0, mask.size / DRAWN_PIXELS)))


def polygons(mask: np.ndarray, classes: Sequence[str], *, attribute: str = "class") -> list[Region]:
    """Turn a mask without specks into simplified polygons to correct by hand.

    Rasterised again, they give every class and the background with an IoU of at least 0.95. A mask of more than a
    million pixels is first scaled down to a million. Where that is too rough, as for thin things, polygons are drawn
    in full resolution. (A mask of more than 50 megapixels is scaled down to 50, which may still be too rough.)

    Args:
        mask: (H, W) uint8 of indices into `classes`, as from `without_specks`.
        classes: the background first.
        attribute: the region attribute that names the class.
    """
    rough = _scaled_polygons(mask, classes, DRAWN_PIXELS, MIN_PATCH // 2, attribute)
    if _lowest_iou(rough, mask, classes, attribute) >= MIN_CLASS_IOU:
        return rough
    return _scaled_polygons(mask, classes, _WHOLE_PIXELS, 1, attribute)


def _scaled_polygons(
    mask: np.ndarray, classes: Sequence[str], most_pixels: int, min_area: int, attribute: str
) -> list[Region]:
    height, width = mask.shape
    scale = min(1.0, math.sqrt(most_pixels / mask.size))
    small = resize_mask(mask, (max(1, round(height * scale)), max(1, round(width * scale))))
    regions = mask_to_regions(small, classes, min_area=min_area, attribute=attribute)
    if small is mask:
        return regions
    factors = {"all_points_x": width / small.shape[1], "all_points_y": height / small.shape[0]}
    return [
        Region(
            region.number,
            region.shape,
            {key: _halves(np.array(region.geometry[key]) * factor) for key, factor in factors.items()},
            region.attributes,
        )
        for region in regions
    ]


def _halves(values: np.ndarray) -> tuple[int | float, ...]:
    rounded = (np.rint(values * 2) / 2).tolist()
    return tuple(int(value) if value == int(value) else value for value in rounded)


def _lowest_iou(regions: Sequence[Region], mask: np.ndarray, classes: Sequence[str], attribute: str) -> float:
    numbers = {name: index for index, name in enumerate(classes)}
    labelled = (
        LabelledRegion(region.number, numbers[str(region.attributes[attribute])], region.shape, region.geometry)
        for region in regions
    )
    painted = rasterise(labelled, *mask.shape)
    lowest = 1.0
    for index in range(len(classes)):
        here, there = painted == index, mask == index
        union = np.count_nonzero(here | there)
        if union:
            lowest = min(lowest, np.count_nonzero(here & there) / union)
    return lowest


def _entry(photograph: Photograph, *, folder: Path, classes: Sequence[str], attribute: str) -> ImageEntry:
    """Make a VIA entry from a mask that has been written; runs in a worker."""
    regions = polygons(read_mask(folder / _mask_name(photograph)), classes, attribute=attribute)
    return via_entry(photograph, regions)


def _refuse_small_tiles(
    photographs: Sequence[Photograph], size: tuple[int, int], tile: int, number_of_classes: int
) -> None:
    for photograph in photographs:
        smallest = size[1] * math.sqrt(photograph.height * photograph.width * number_of_classes / _TILED_VALUES)
        if tile < smallest:
            raise MaskwrightError(
                f"{photograph.path}: {photograph.width} x {photograph.height} pixels in tiles of {tile} would take "
                f"too much memory; use --tile {math.ceil(smallest)} or more"
            )


def _mask_name(photograph: Photograph) -> str:
    return f"{photograph.name}.png"


def _overlay_name(photograph: Photograph) -> str:
    return f"{photograph.name}_overlay.jpg"
