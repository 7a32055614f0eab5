"""From index masks to simplified regions that VIA can open and that reproduce the mask when painted.

The mask consists of *patches*: 4-connected pixels of one class (or background). The outlines of all patches are
simplified together, so that neighbours keep sharing their common line.

VIA's polygons have no holes. A hole that contains only other classes is simply painted over by the regions in it,
which come later. A hole with background in it is cut open: a line there and back joins it to the outline (in VIA it
can be edited like any other part of the polygon).
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import shapely
from scipy.spatial.distance import cdist
from skimage.measure import label

from maskwright.photos.images import IGNORE
from maskwright.via.model import LabelledRegion, Region
from maskwright.via.rasterise import common_pixels, rasterise, region_spans

MIN_PATCH_IOU = 0.96
"""How well a simplified patch must agree with the original; patches that are too thin for that keep more corners."""

MIN_CLASS_IOU = 0.95
"""How well each class (and the background) of the mask painted from all regions must agree with the given mask."""


def mask_to_regions(
    mask: np.ndarray, classes: Sequence[str], *, tolerance: float = 2.0, min_area: int = 16, attribute: str = "class"
) -> list[Region]:
    """Turn an index mask into polygons whose coordinates are multiples of 0.5.

    Rasterised in order, later over earlier, the polygons reproduce `drop_specks(mask, min_area)`: exactly with
    `tolerance` 0, and otherwise with an IoU of at least 0.95 for each class and the background.

    Args:
        mask: (H, W) uint8 of indices into `classes`; pixels of unknown class (255) count as background.
        classes: the classes' names, the background first.
        tolerance: in pixels; corners that cut off less than about its square are removed (Visvalingam and Whyatt,
            1993). Where that would change too much, as on thin shapes, half of it, a quarter of it, or 0 is used.
        min_area: in pixels; see `drop_specks`.
        attribute: the region attribute that names the class.

    Raises:
        ValueError: the mask holds an index that has no class.
    """
    mask = drop_specks(np.where(mask == IGNORE, 0, mask).astype(np.uint8), min_area)
    if mask.size and mask.max() >= len(classes):
        raise ValueError(f"the mask holds index {mask.max()}, but there are {len(classes)} classes")
    if not mask.any():
        return []
    outlines = _outlines(mask, tolerance)
    for coarsest in range(len(outlines)):
        polygons = _polygons(mask, outlines[coarsest:])
        painted = rasterise(polygons, *mask.shape)
        if coarsest == len(outlines) - 1 or _lowest_iou(painted, mask) >= MIN_CLASS_IOU:
            break
    return [Region(p.number, p.shape, p.geometry, {attribute: classes[p.class_index]}) for p in polygons]


def drop_specks(mask: np.ndarray, min_area: int) -> np.ndarray:
    """Give patches of fewer than `min_area` pixels to their surroundings.

    A patch is a set of 4-connected pixels of one class, or of background. A small patch takes the class of the large
    patch with which it shares most of its outline (the first in reading order, if there are several). Patches that
    had only small neighbours follow, and so on. If there is no large patch, everything becomes background, except
    that a patch that fills the whole image stays.
    """
    min_area = min(min_area, mask.size)
    while True:
        patches = _patches(mask)
        small = np.bincount(patches.ravel()) < min_area
        small[0] = False
        if not small.any():
            return mask
        if small[1:].all():
            return np.zeros_like(mask)
        sides = np.concatenate([_pairs(patches[:, :-1], patches[:, 1:]), _pairs(patches[:-1], patches[1:])])
        sides = np.concatenate([sides, sides[:, ::-1]])
        sides = sides[small[sides[:, 0]] & ~small[sides[:, 1]]]  # (n, 2): a small patch, a large neighbour
        pairs, lengths = np.unique(sides, axis=0, return_counts=True)
        pairs = pairs[np.lexsort((pairs[:, 1], -lengths, pairs[:, 0]))]
        specks, first = np.unique(pairs[:, 0], return_index=True)
        values = np.zeros(len(small), mask.dtype)
        values[patches] = mask
        values[specks] = values[pairs[first, 1]]
        mask = values[patches]


def _patches(mask: np.ndarray) -> np.ndarray:
    """Number the patches from 1: (H, W) int."""
    return np.asarray(label(mask, background=-1, connectivity=1))


def _pairs(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    differs = left != right
    return np.stack([left[differs], right[differs]], axis=1)


def _outlines(mask: np.ndarray, tolerance: float) -> list[list[shapely.Polygon]]:
    """Return the polygons of all patches several times, most simplified first, always in the same order.

    The last ones are not simplified: they cover the same pixels as the patches.
    """
    lines = shapely.linestrings(_sides(mask))
    faces = shapely.get_parts(shapely.polygonize(np.asarray(lines)))
    if tolerance == 0:
        return [faces.tolist()]
    simplified = [np.asarray(shapely.coverage_simplify(faces, tolerance / divisor)) for divisor in (1, 2, 4)]
    return [level.tolist() for level in (*simplified, faces)]


def _sides(mask: np.ndarray) -> np.ndarray:
    """Return the lines between patches and around the image as segments: (n, 2, 2), two ends of x and y.

    They run from the middle of one pixel side to the middle of the next, so that a slope is not a staircase. They
    pass through corners where three or four patches meet, and through corners between two straight sides, so that a
    rectangle stays a rectangle.
    """
    height, width = mask.shape
    framed = np.full((height + 2, width + 2), -1, np.int16)
    framed[1:-1, 1:-1] = mask
    # For each corner of a pixel, (H + 1, W + 1): does the class change across the side that leaves it to the ...?
    right = framed[:-1, 1:] != framed[1:, 1:]
    left = framed[:-1, :-1] != framed[1:, :-1]
    down = framed[1:, :-1] != framed[1:, 1:]
    up = framed[:-1, :-1] != framed[:-1, 1:]
    degree = right.astype(np.int8) + left + down + up
    bend = (degree == 2) & (right != left)
    near = np.zeros_like(bend)
    near[:, :-1] |= right[:, :-1] & bend[:, 1:]
    near[:, 1:] |= left[:, 1:] & bend[:, :-1]
    near[:-1] |= down[:-1] & bend[1:]
    near[1:] |= up[1:] & bend[:-1]
    kept = (degree > 2) | (bend & ~near)
    ways = [(right, (0.5, 0.0)), (down, (0.0, 0.5)), (left, (-0.5, 0.0)), (up, (0.0, -0.5))]
    segments = [_segments(kept & there, (0.0, 0.0), offset) for there, offset in ways]
    for (first, start), (second, end) in combinations(ways, 2):
        segments.append(_segments(~kept & first & second, start, end))
    return np.concatenate(segments)


def _segments(corners: np.ndarray, start: tuple[float, float], end: tuple[float, float]) -> np.ndarray:
    y, x = np.nonzero(corners)
    at = np.stack([x, y], axis=1)[:, None]  # (n, 1, 2)
    return at + np.array([start, end])


def _polygons(mask: np.ndarray, outlines: list[list[shapely.Polygon]]) -> list[LabelledRegion]:
    """Choose for each patch the most simplified outline that is close enough; put containers before contents."""
    height, width = mask.shape
    background_before = np.concatenate([[0], np.cumsum(mask.reshape(-1) == 0)])
    exact = outlines[-1]
    # A patch's polygon is the one that contains the centre of the patch's first pixel.
    _, first = np.unique(_patches(mask), return_index=True)
    y, x = np.divmod(first[mask.reshape(-1)[first] > 0], width)
    pixels, patches = shapely.STRtree(exact).query(shapely.points(x + 0.5, y + 0.5), predicate="within")
    indices = mask[y, x][pixels]
    chosen: list[tuple[float, np.ndarray, int]] = []
    for patch, class_index in zip(patches.tolist(), indices.tolist(), strict=True):
        holes = [_region(np.asarray(ring.coords)[:-1]) for ring in exact[patch].interiors]
        cut = [
            number
            for number, hole in enumerate(holes)
            if np.diff(background_before[region_spans(hole, height, width)], axis=1).sum() > 0
        ]
        target = region_spans(_region(_ring(exact[patch], cut)), height, width)
        for polygons in outlines:
            if len(polygons[patch].interiors) != len(holes):
                continue
            ring = _ring(polygons[patch], cut)
            spans = region_spans(_region(ring), height, width)
            if polygons is exact or _iou(spans, target) >= MIN_PATCH_IOU:
                chosen.append((shapely.area(shapely.Polygon(polygons[patch].exterior)), ring, class_index))
                break
    # A patch in another patch's hole is smaller than that other patch with its holes filled.
    chosen.sort(key=lambda item: -item[0])
    return [_region(ring, class_index, number) for number, (_, ring, class_index) in enumerate(chosen)]


def _region(ring: np.ndarray, class_index: int = 1, number: int = 0) -> LabelledRegion:
    xs, ys = (tuple(int(v) if v == int(v) else v for v in values) for values in ring.T.tolist())
    return LabelledRegion(number, class_index, "polygon", {"all_points_x": xs, "all_points_y": ys})


def _ring(polygon: shapely.Polygon, cut: list[int]) -> np.ndarray:
    """Return a polygon's outline, with the holes numbered in `cut` joined to it, as (n, 2) of x and y, not closed."""
    ring = _corners(np.asarray(polygon.exterior.coords), clockwise=True)
    for number in cut:
        hole = _corners(np.asarray(polygon.interiors[number].coords), clockwise=False)
        start, end = np.unravel_index(np.argmin(cdist(ring, hole)), (len(ring), len(hole)))
        around = np.concatenate([hole[end:], hole[: end + 1]])
        ring = np.concatenate([ring[: start + 1], around, ring[start:]])
    return ring


def _corners(closed: np.ndarray, *, clockwise: bool) -> np.ndarray:
    """Return a closed ring's points in the given direction, without those on a straight line, and not closed."""
    ring = closed[:-1]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    ring = ring[before[:, 0] * after[:, 1] != before[:, 1] * after[:, 0]]
    x, y = ring.T
    area = np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))  # positive: clockwise on screen
    return ring if (area > 0) == clockwise else ring[::-1]


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    common = common_pixels(first, second)
    return common / max(1, int(np.diff(first).sum()) + int(np.diff(second).sum()) - common)


def _lowest_iou(painted: np.ndarray, mask: np.ndarray) -> float:
    """Return the lowest IoU over the indices in either mask."""
    hits = np.bincount(mask[painted == mask], minlength=256)
    either = np.bincount(mask.ravel(), minlength=256) + np.bincount(painted.ravel(), minlength=256) - hits
    return float((hits[either > 0] / either[either > 0]).min())
