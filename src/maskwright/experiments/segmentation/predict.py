"""Masks of new photographs, predicted by a trained model.

    maskwright predict segmentation photos --via photos/predicted.json

    out/index.csv            image (as given), mask and overlay (in out), height, width
    out/<name>.png           (H, W) uint8 index mask with a palette, in the photograph's own resolution, as shown
    out/<name>_overlay.jpg   the mask laid over the photograph, 2,048 pixels at most, and below it a legend

Only one photograph at a time is held at full resolution, along with a batch of scaled-down ones, so memory does not
grow with their number. TensorFlow is imported only when `predict` needs it: mistakes in the arguments are reported at
once, and the processes that draw polygons do not load it.
"""

import csv
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.photos.images import class_palette, read_mask, resize_mask, write_mask
from maskwright.predictions.legend import with_legend
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
"""Patches with fewer pixels are specks. In a mask of more than DRAWN_PIXELS, the limit grows in proportion."""

DRAWN_PIXELS = 1_000_000
"""Larger masks are scaled down to this size before polygons are drawn: nobody wants to correct finer polygons."""

# Finding specks and drawing polygons takes 20 to 44 bytes per pixel. Up to this size, it is done at full resolution.
_WHOLE_PIXELS = 50_000_000
# The greatest number of probabilities of a photograph that is predicted in tiles. Each takes three times 4 bytes.
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
    """Write the masks and overlays of photographs, and the VIA project. Either all files are written, or none.

    Specks are removed from the masks; see `without_specks`.

    Args:
        photographs: the result of `predictions.photographs.find_photographs` with the same `out` and `via`.
        model: the folder of the trained model.
        out: the output folder, which is replaced.
        via: a new file; see `polygons`.
        masks: the folder that `maskwright masks` wrote for the training. Regions in `via` then have their class in
            the attribute that was used there, so that they can be added to the training file. Without `masks` the
            attribute is `class`.
        tile: predict each photograph in tiles of this width, in its pixels, instead of as a whole.
        flip: average each prediction with the prediction for the mirror image.

    Raises:
        MaskwrightError: the model is missing or incomplete, a photograph can no longer be read, or `tile` is too
            small for one.
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
                found = [(classes[index], palette[index].tolist()) for index in np.unique(mask) if index > 0]
                Image.fromarray(with_legend(overlay, found)).save(folder / names[1], quality=90)
                index.writerow([photograph.path, *names, *mask.shape])
        if via is not None:
            attribute = label_attribute(masks)
            entry = partial(_entry, folder=folder, classes=classes, attribute=attribute)
            entries = tracked(parallel_map(entry, photographs, chunk=4), len(photographs), "polygons")
            name = f"predictions of {network.name}"
            write_via_project(via, entries, classes=classes[1:], attribute=attribute, name=name)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """Merge patches of fewer than 16 pixels (above a megapixel: 1/62,500 of the mask) into their surroundings.

    See `via.polygonise.drop_specks`. Otherwise they would have to be deleted by hand. A mask of more than 50
    megapixels is returned unchanged.
    """
    if mask.size > _WHOLE_PIXELS:
        return mask
    return drop_specks(mask, math.ceil(MIN_PATCH * max(1.0, mask.size / DRAWN_PIXELS)))


def polygons(mask: np.ndarray, classes: Sequence[str], *, attribute: str = "class") -> list[Region]:
    """Turn a mask without specks into simplified polygons to correct by hand.

    When they are rasterised again, every class and the background have an IoU of at least 0.95 with the mask. A mask
    of more than a million pixels is first scaled down to a million. If that is too rough, for example for thin
    objects, polygons are drawn at full resolution. (A mask of more than 50 megapixels is scaled down to 50, which may
    still be too rough.)

    Args:
        mask: (H, W) uint8 of indices into `classes`, from `without_specks`.
        classes: class names, background first.
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
    """Make a VIA entry from a mask that has been written. This runs in a worker process."""
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
