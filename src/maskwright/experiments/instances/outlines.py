"""From masks of objects to one VIA polygon for each, which cover the same pixels again when they are painted.

Each object's outline is simplified by itself (see `via.polygonise`), its holes are cut open, and its parts are joined
by lines that are walked there and back and enclose nothing.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

from maskwright.photos.objects import resize_objects
from maskwright.via.model import LabelledRegion, Region
from maskwright.via.polygonise import mask_to_regions
from maskwright.via.rasterise import all_spans, painted

DRAWN_PIXELS = 1_000_000
"""Outlines in larger masks are first drawn at this size: nobody wants to correct finer polygons."""

LEAST_IOU = 0.95
"""How well each object's pixels must agree with those of its polygon, once all polygons are painted."""

_TOLERANCES = (2.0, 0.5, 0.0)
_SCORE = "score"


def object_regions(
    numbers: np.ndarray, classes: Sequence[int], scores: Sequence[float], names: Sequence[str], *, attribute: str
) -> list[Region]:
    """Return a polygon for each object, with its class, and its score as the text of the attribute `score`.

    Painted one after another, the polygons cover each object's pixels again with an IoU of at least 0.95. If that
    fails where they are simplified and drawn small, they are drawn again, finer and at last exactly.

    Args:
        numbers: (H, W) object numbers from 1 to K, 0 for none.
        classes: K indices into `names`.
        scores: K numbers.
        names: the classes' names, background first.
        attribute: the region attribute that names the class.
    """
    height, width = numbers.shape
    scale = min(1.0, math.sqrt(DRAWN_PIXELS / (height * width)))
    sizes = [(max(1, round(height * scale)), max(1, round(width * scale)))] if scale < 1 else []
    regions: list[LabelledRegion] = []
    for size in [*sizes, (height, width)]:
        small = resize_objects(numbers.astype(np.uint16), size)
        for tolerance in _TOLERANCES:
            regions = [_scaled(region, size, (height, width)) for region in _polygons(small, tolerance)]
            if _least_iou(regions, numbers) >= LEAST_IOU:
                break
        else:
            continue
        break
    return [
        Region(
            place,
            "polygon",
            region.geometry,
            {attribute: names[classes[region.number - 1]], _SCORE: f"{scores[region.number - 1]:.2f}"},
        )
        for place, region in enumerate(regions)
    ]


def _polygons(numbers: np.ndarray, tolerance: float) -> list[LabelledRegion]:
    """Return the polygon of each object that has a pixel; `number` is the object's."""
    found = []
    for number, box in enumerate(ndimage.find_objects(numbers.astype(np.int32)), start=1):
        if box is None:
            continue
        part = (numbers[box] == number).astype(np.uint8)
        # With a margin of background, so that holes and outlines alike are lines against it.
        regions = mask_to_regions(np.pad(part, 1), ["", "object"], tolerance=tolerance, min_area=1)
        rings = [_ring(region) for region in regions]
        joined = _joined(rings) + np.array([box[1].start - 1, box[0].start - 1])
        xs, ys = (tuple(int(v) if v == int(v) else v for v in values) for values in joined.T.tolist())
        found.append(LabelledRegion(number, 1, "polygon", {"all_points_x": xs, "all_points_y": ys}))
    return found


def _ring(region: Region) -> np.ndarray:
    xs, ys = region.geometry["all_points_x"], region.geometry["all_points_y"]
    return np.stack([np.array(xs, float), np.array(ys, float)], axis=1)


def _joined(rings: list[np.ndarray]) -> np.ndarray:
    """Join closed outlines to one, the (n, 2) of x and y, by lines there and back between their nearest corners."""
    whole = rings[0]
    for ring in rings[1:]:
        start, end = np.unravel_index(np.argmin(cdist(whole, ring)), (len(whole), len(ring)))
        around = np.concatenate([ring[end:], ring[: end + 1]])
        whole = np.concatenate([whole[: start + 1], around, whole[start:]])
    return whole


def _scaled(region: LabelledRegion, size: tuple[int, int], full: tuple[int, int]) -> LabelledRegion:
    if size == full:
        return region
    factors = {"all_points_x": full[1] / size[1], "all_points_y": full[0] / size[0]}
    geometry = {
        key: tuple(float(v) for v in np.rint(np.array(region.geometry[key]) * factor * 2) / 2)
        for key, factor in factors.items()
    }
    return LabelledRegion(region.number, region.class_index, region.shape, geometry)


def _least_iou(regions: Sequence[LabelledRegion], numbers: np.ndarray) -> float:
    """Return the lowest IoU of an object with the pixels that its polygon covers in the end; 1 without objects."""
    of_regions = np.array([region.number for region in regions], np.uint16)
    again = painted(all_spans(regions, *numbers.shape), of_regions, *numbers.shape)
    count = int(numbers.max(initial=0)) + 1
    shared = np.bincount(numbers[numbers == again].reshape(-1), minlength=count)
    areas = [np.bincount(each.reshape(-1), minlength=count) for each in (numbers, again)]
    union = areas[0] + areas[1] - shared
    there = areas[0] > 0
    there[0] = False
    return float((shared[there] / union[there]).min(initial=1.0))
