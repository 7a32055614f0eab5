"""Segmentation's fourth door: masks of new photographs, from a trained model.

    maskwright predict segmentation photos --via photos/predicted.json

    out/index.csv            image (as given), mask and overlay (in out), height, width
    out/<name>.png           (H, W) uint8 index mask with a palette, in the photograph's own resolution, as shown
    out/<name>_overlay.jpg   the mask laid over the photograph, to look at: 2,048 pixels at most

Photographs are held one at a time (a batch of them scaled down), so memory does not grow with their number.
TensorFlow is not imported before `predict` needs it: a mistake in the arguments is told at once, and the processes
that draw polygons do without.
"""

import csv
import math
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from maskwright.errors import MaskwrightError
from maskwright.images import class_palette, read_image, read_mask, resize_image, resize_mask, write_mask
from maskwright.outputs import replaced_folder
from maskwright.parallel import parallel_map
from maskwright.photographs import INDEX, Photograph, label_attribute, overlay_size, tracked
from maskwright.via.model import ImageEntry, LabelledRegion, Region
from maskwright.via.polygonise import MIN_CLASS_IOU, drop_specks, mask_to_regions
from maskwright.via.rasterise import rasterise
from maskwright.via.write import write_via_project

MIN_PATCH = 16
"""Patches of a mask of fewer pixels than this are specks; in one of more than DRAWN_PIXELS, of as large a share."""

DRAWN_PIXELS = 1_000_000
"""Polygons of a larger mask are drawn on one scaled to about so many pixels: nobody wants to correct finer ones."""

_WHOLE_PIXELS = 50_000_000  # what needs 20 to 44 bytes a pixel is done in full resolution only up to here
_TILED_VALUES = 250_000_000  # probabilities of a tiled photograph: three times 4 bytes each


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
    """Write the masks and overlays of photographs, and the VIA project; all of it appears at the end, or none.

    Masks are `without_specks`.

    Args:
        photographs: as from `photographs.find_photographs`, with the same `out` and `via`.
        model: the folder of the trained model.
        out: replaced.
        via: a new file; see `polygons`.
        masks: the folder that `maskwright masks` wrote for the training: regions in `via` have their class in
            the same attribute as there, so that they can be added to the training file. Without it, in `class`.
        tile: look through windows so many pixels of the photograph wide, instead of at the whole at once.
        flip: average with the mirror image's prediction.

    Raises:
        MaskwrightError: there is no whole model; a photograph cannot be read any more; `tile` is too small for one.
    """
    # The layers that a stored architecture may name.
    import maskwright.nn.attention
    import maskwright.nn.layers  # noqa: F401
    from maskwright.nn.inference import compiled, segment, segment_tiled
    from maskwright.nn.saved import load_model
    from maskwright.plots.segmentation import blend

    network, about = load_model(model)
    classes, size = about["classes"], (about["size"][0], about["size"][1])
    if tile is not None:
        _refuse_small_tiles(photographs, size, tile, len(classes))
    forward = compiled(network, flip=flip)
    palette = class_palette(len(classes))

    def segmented() -> Iterator[tuple[Photograph, np.ndarray, np.ndarray]]:
        seen: deque[np.ndarray] = deque()  # what `segment` has read ahead, scaled down

        def images() -> Iterator[np.ndarray]:
            for photograph in photographs:
                image = read_image(photograph.path)
                seen.append(resize_image(image, overlay_size(image)))
                yield image

        if tile is None:
            predicted = segment(forward, images(), size)
        else:
            predicted = (segment_tiled(forward, image, size, tile) for image in images())
        for photograph, mask in zip(photographs, predicted, strict=True):
            yield photograph, seen.popleft(), without_specks(mask)

    with replaced_folder(out) as folder:
        with (folder / INDEX).open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            index = csv.writer(file, lineterminator="\n")
            index.writerow(["image", "mask", "overlay", "height", "width"])
            for photograph, image, mask in tracked(segmented(), len(photographs), "masks"):
                names = _mask_name(photograph), _overlay_name(photograph)
                write_mask(folder / names[0], mask, palette)
                overlay = blend(image, resize_mask(mask, overlay_size(mask)), palette)
                Image.fromarray(overlay).save(folder / names[1], quality=90)
                index.writerow([photograph.path, *names, *mask.shape])
        if via is not None:
            attribute = label_attribute(masks)
            entry = partial(_entry, folder=folder, classes=classes, attribute=attribute)
            entries = tracked(parallel_map(entry, photographs, chunk=4), len(photographs), "polygons")
            name = f"predictions of {about['network']}"
            write_via_project(via, entries, classes=classes[1:], attribute=attribute, name=name)


def without_specks(mask: np.ndarray) -> np.ndarray:
    """Give patches of fewer than 16 pixels (in a mask of over a megapixel: 1/62,500 of it) to their surroundings.

    See `via.polygonise.drop_specks`. Nobody wants to delete these by hand. A mask of more than 50 megapixels is
    returned as it is.
    """
    if mask.size > _WHOLE_PIXELS:
        return mask
    return drop_specks(mask, math.ceil(MIN_PATCH * max(1.0, mask.size / DRAWN_PIXELS)))


def polygons(mask: np.ndarray, classes: Sequence[str], *, attribute: str = "class") -> list[Region]:
    """Turn a mask without specks into simplified polygons to correct by hand.

    Rasterised again, they give every class and the background with an IoU of at least 0.95. A mask of more than a
    million pixels is scaled down to that for it; only where that is too rough, as for thin things, polygons are drawn
    in full resolution. (Above 50 megapixels: on the mask scaled to that, which may still be too rough.)

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
    size = photograph.path.stat().st_size
    return ImageEntry(f"{photograph.listed}{size}", photograph.listed, size, tuple(regions))


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
