"""From regions to index masks, by the centre of each pixel.

The image spans [0, width] x [0, height] in VIA's coordinates, x to the right and y down. The pixel in column c and
row r belongs to a shape when its centre (c + 0.5, r + 0.5) lies inside. A centre exactly on an outline belongs to the
shape on its right, or, on a horizontal outline, to the one below: shapes are half-open, so two shapes that share an
edge neither overlap nor leave a gap. Polygons that cross themselves are filled by the even-odd rule. This is
unbiased: on average, a randomly placed shape has as many pixels as its area. (Pillow's and OpenCV's polygon fills
also paint every pixel that the outline touches, which makes shapes half a pixel larger all round.)

Every shape is first turned into *spans*: runs of covered pixels, as positions in the flattened image. They need no
memory beyond the rows that the shape covers within the image, however far outside its coordinates lie.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely

from maskwright.photos.images import IGNORE
from maskwright.via.model import LabelledRegion, Number


@dataclass(frozen=True, slots=True)
class Overlap:
    """Two regions of different classes, by number, that share `pixels` pixels; `later` is the one painted on top."""

    earlier: int
    later: int
    pixels: int


_POLYGONS = ("polygon", "polyline")
_EMPTY = np.zeros((0, 2), np.int64)
_CROSSINGS_AT_ONCE = 2_000_000  # of edges and rows of pixels: 100 MB


def rasterise(regions: Iterable[LabelledRegion], height: int, width: int) -> np.ndarray:
    """Paint regions in their order, later ones over earlier ones.

    Returns:
        (height, width) uint8: the class index of each pixel, 0 where no region lies.
    """
    regions = list(regions)
    classes = np.array([region.class_index for region in regions], np.uint8)
    return painted(all_spans(regions, height, width), classes, height, width)


def painted(spans: Sequence[np.ndarray], values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Paint the `all_spans` of n regions in their order, later ones over earlier ones.

    Args:
        spans: n of them.
        values: (n,) unsigned integers, what each region is painted with.
        height: the image's height in pixels.
        width: the image's width in pixels.

    Returns:
        (height, width) of the type of `values`, 0 where no region lies.
    """
    runs = np.concatenate([_EMPTY, *spans])
    indices = np.repeat(values, [len(s) for s in spans])
    order = np.argsort(runs[:, 0], kind="stable")
    runs, indices = runs[order], indices[order]
    if (runs[1:, 0] >= runs[:-1, 1]).all():
        # No two regions overlap: the mask is these runs and the gaps between them, laid end to end.
        bounds = np.concatenate([[0], runs.reshape(-1), [height * width]])
        laid = np.zeros(len(bounds) - 1, values.dtype)
        laid[1::2] = indices
        return np.repeat(laid, np.diff(bounds)).reshape(height, width)
    mask = np.zeros((height, width), values.dtype)
    for value, of_region in zip(values.tolist(), spans, strict=True):
        _paint(mask, of_region, value)
    return mask


def region_spans(region: LabelledRegion, height: int, width: int) -> np.ndarray:
    """Return the pixels of a region within a `height` x `width` image.

    Returns:
        (n, 2) int64: start and end (exclusive) of runs of pixels in the flattened image, sorted and disjoint. No run
        crosses from one row into the next.

    Raises:
        ValueError: the region has a shape without an area.
    """
    return all_spans([region], height, width)[0]


def all_spans(regions: Sequence[LabelledRegion], height: int, width: int) -> list[np.ndarray]:
    """Return `region_spans` of each region, computed together where they are polygons, which saves time."""
    polygons = [i for i, region in enumerate(regions) if region.shape in _POLYGONS]
    spans = [_EMPTY if region.shape in _POLYGONS else _figure_spans(region, height, width) for region in regions]
    outlines = [polygon_points(regions[i]) for i in polygons]
    for i, of_polygon in zip(polygons, _polygon_spans(outlines, height, width), strict=True):
        spans[i] = of_polygon
    return spans


def overlaps(
    regions: Sequence[LabelledRegion], height: int, width: int, *, spans: Sequence[np.ndarray] | None = None
) -> list[Overlap]:
    """Find the pairs of regions of different classes that share pixels, in the order of their numbers.

    Regions whose class is unknown are left out: whatever they cover is unknown anyway.

    Args:
        regions: the regions of one image.
        height: the image's height in pixels.
        width: the image's width in pixels.
        spans: `all_spans` of the regions; found here if None.
    """
    spans = all_spans(regions, height, width) if spans is None else spans
    known = [index for index, region in enumerate(regions) if region.class_index != IGNORE]
    of_class = np.array([regions[index].class_index for index in known], np.int64)
    if len(np.unique(of_class)) < 2:
        return []
    x, y, w, h = bounding_boxes([regions[index] for index in known], height, width).T
    boxes = np.asarray(shapely.box(x, y, x + w, y + h))
    i, j = shapely.STRtree(boxes.tolist()).query(boxes)
    near = (i < j) & (of_class[i] != of_class[j])
    i, j = i[near], j[near]
    near = (x[i] < x[j] + w[j]) & (x[j] < x[i] + w[i]) & (y[i] < y[j] + h[j]) & (y[j] < y[i] + h[i])
    i, j = i[near], j[near]
    found = []
    for pair in np.lexsort((j, i)).tolist():
        first, second = known[i[pair]], known[j[pair]]
        pixels = common_pixels(spans[first], spans[second])
        if pixels:
            found.append(Overlap(regions[first].number, regions[second].number, pixels))
    return found


def bounding_boxes(regions: Sequence[LabelledRegion], height: int, width: int) -> np.ndarray:
    """Return the exact box around the part of each region that lies within the image.

    Returns:
        (n, 4) float64: x, y, width, height in pixels; zeros for a region entirely outside. The box is that of the
        outline, not of the covered pixels, so its numbers need not be whole.
    """
    boxes = np.zeros((len(regions), 4))
    for index, region in enumerate(regions):
        geometry = region.geometry
        if region.shape == "rect":
            left, top = _number(geometry["x"]), _number(geometry["y"])
            right, bottom = left + _number(geometry["width"]), top + _number(geometry["height"])
        elif region.shape in ("circle", "ellipse"):
            left, top, right, bottom = _ellipse_box(*ellipse_numbers(region), height, width)
        else:
            xs, ys = _numbers(geometry["all_points_x"]), _numbers(geometry["all_points_y"])
            left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
            if left < 0 or top < 0 or right > width or bottom > height:
                left, top, right, bottom = _cut_polygon_box(*polygon_points(region), height, width)
        left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
        if left <= right and top <= bottom:
            boxes[index] = left, top, right - left, bottom - top
    return boxes


def polygon_points(region: LabelledRegion) -> tuple[np.ndarray, np.ndarray]:
    """Return a polygon's x and y, each (n,) float64."""
    return np.array(region.geometry["all_points_x"], float), np.array(region.geometry["all_points_y"], float)


def ellipse_numbers(region: LabelledRegion) -> tuple[float, float, float, float, float]:
    """Return a circle's or ellipse's cx, cy, rx, ry and theta (radians, clockwise on screen)."""
    geometry = region.geometry
    rx = _number(geometry["r" if region.shape == "circle" else "rx"])
    ry = rx if region.shape == "circle" else _number(geometry["ry"])
    return _number(geometry["cx"]), _number(geometry["cy"]), rx, ry, _number(geometry.get("theta", 0.0))


def _paint(mask: np.ndarray, spans: np.ndarray, value: int) -> None:
    bounds = spans.reshape(-1)
    if len(bounds):
        inside = np.zeros(len(bounds) - 1, bool)
        inside[::2] = True
        part = mask.reshape(-1)[bounds[0] : bounds[-1]]
        np.copyto(part, value, where=np.repeat(inside, np.diff(bounds)))


def _number(value: "Number | tuple[Number, ...]") -> float:
    assert not isinstance(value, tuple)
    return float(value)


def _numbers(values: "Number | tuple[Number, ...]") -> "tuple[Number, ...]":
    assert isinstance(values, tuple)
    return values


def _first_centre(coordinate: float, limit: int) -> int:
    """Return the first pixel, from 0 to `limit`, whose centre is at `coordinate` or beyond."""
    return math.ceil(min(max(coordinate - 0.5, 0.0), limit))


def _first_centres(coordinates: np.ndarray, limit: int) -> np.ndarray:
    # Clipped before the conversion, since 1e300 does not fit an int64.
    return np.ceil((coordinates - 0.5).clip(0, limit)).astype(np.int64)


def _row_spans(rows: np.ndarray, left: np.ndarray, right: np.ndarray, width: int) -> np.ndarray:
    spans = np.stack([_first_centres(left, width), _first_centres(right, width)], axis=1) + rows[:, None] * width
    return spans[spans[:, 0] < spans[:, 1]]


def _next(values: np.ndarray) -> np.ndarray:
    return np.concatenate([values[1:], values[:1]])  # ten times as fast as np.roll


def _figure_spans(region: LabelledRegion, height: int, width: int) -> np.ndarray:
    geometry = region.geometry
    if region.shape == "rect":
        x, y = _number(geometry["x"]), _number(geometry["y"])
        right, bottom = x + _number(geometry["width"]), y + _number(geometry["height"])
        rows = np.arange(_first_centre(y, height), _first_centre(bottom, height))
        return _row_spans(rows, np.full(len(rows), x), np.full(len(rows), right), width)
    if region.shape in ("circle", "ellipse"):
        cx, cy, rx, ry, theta = ellipse_numbers(region)
        reach = _reach(ry, rx, theta)
        rows = np.arange(_first_centre(cy - reach, height), _first_centre(cy + reach, height))
        middle, half = _chord(rows + 0.5 - cy, rx, ry, theta)
        return _row_spans(rows, cx + middle - half, cx + middle + half, width)
    raise ValueError(f"region {region.number}: a {region.shape} has no area")


def _polygon_spans(outlines: list[tuple[np.ndarray, np.ndarray]], height: int, width: int) -> list[np.ndarray]:
    """Return the spans of each polygon, given as x and y: all edges of all polygons are cut at once."""
    if not outlines:
        return []
    x, y = (np.concatenate([outline[axis] for outline in outlines]) for axis in (0, 1))
    sizes = np.array([len(outline[0]) for outline in outlines])
    last = np.cumsum(sizes) - 1
    following = np.arange(1, len(x) + 1)
    following[last] = last - sizes + 1
    next_x, next_y = x[following], y[following]
    # Each edge is followed downwards, so that two polygons that share it compute the very same crossings.
    down = y <= next_y
    top_x, top_y = np.where(down, x, next_x), np.where(down, y, next_y)
    run, fall = np.where(down, next_x - x, x - next_x), np.abs(next_y - y)
    # Between these rows are those whose centre line each edge crosses.
    first, after = _first_centres(top_y, height), _first_centres(np.maximum(y, next_y), height)
    pixels = height * width
    image = np.repeat(np.arange(len(outlines)) * pixels, sizes)
    bands = 1 + int((after - first).sum()) // _CROSSINGS_AT_ONCE
    found = []
    for top, bottom in pairwise(np.linspace(0, height, bands + 1).astype(np.int64)):
        start = first.clip(top, bottom)
        counts = after.clip(top, bottom) - start
        edges = np.repeat(np.arange(len(x)), counts)
        rows = np.arange(len(edges)) + (start - np.cumsum(counts) + counts)[edges]
        # Multiply before dividing: with integer vertices, a crossing at a pixel's centre is then exact.
        crossings = top_x[edges] + (rows + 0.5 - top_y[edges]) * run[edges] / fall[edges]
        # The polygons' images are laid end to end, like the rows in them. A row's positions end where the next row's
        # begin, and each row of each polygon has an even number of crossings, so one sort pairs them all.
        spans = np.sort(image[edges] + rows * width + _first_centres(crossings, width)).reshape(-1, 2)
        found.append(spans[spans[:, 0] < spans[:, 1]])
    spans = np.concatenate(found)
    if bands > 1:
        spans = spans[np.argsort(spans[:, 0])]
    bounds = np.searchsorted(spans[:, 0], np.arange(len(outlines) + 1) * pixels)
    return [spans[bounds[i] : bounds[i + 1]] - i * pixels for i in range(len(outlines))]


def _reach(rx: float, ry: float, theta: float) -> float:
    """Return how far an ellipse extends from its centre in x (in y, with `rx` and `ry` swapped)."""
    return math.hypot(rx * math.cos(theta), ry * math.sin(theta))


def _chord(v: np.ndarray, rx: float, ry: float, theta: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle and half the length of an ellipse's horizontal chords at `v` below its centre.

    From (u cos + v sin)^2 / rx^2 + (v cos - u sin)^2 / ry^2 = 1, solved for u.
    """
    cos, sin = math.cos(theta), math.sin(theta)
    reach2 = (ry * cos) ** 2 + (rx * sin) ** 2
    if reach2 == 0:
        return np.zeros_like(v), np.zeros_like(v)
    middle = v * (cos * sin * (rx**2 - ry**2) / reach2)
    return middle, np.sqrt(np.maximum(reach2 - v**2, 0)) * (rx * ry / reach2)


def _ellipse_box(
    cx: float, cy: float, rx: float, ry: float, theta: float, height: int, width: int
) -> tuple[float, float, float, float]:
    left, right = _ellipse_range(cx, cy, rx, ry, theta, height)
    # Seen with x and y exchanged, the ellipse has its radii exchanged and turns the other way.
    top, bottom = _ellipse_range(cy, cx, ry, rx, -theta, width)
    return left, top, right, bottom


def _ellipse_range(cx: float, cy: float, rx: float, ry: float, theta: float, height: int) -> tuple[float, float]:
    """Return the least and greatest x of an ellipse where 0 <= y <= height; (inf, -inf) if it is not there."""
    reach_y = _reach(ry, rx, theta)
    low, high = max(-reach_y, -cy), min(reach_y, height - cy)
    if low > high:
        return math.inf, -math.inf
    reach_x = _reach(rx, ry, theta)
    # The chords' ends are convex functions of v, so the extreme is at its own v or at the nearest one in range.
    tip = math.cos(theta) * math.sin(theta) * (rx**2 - ry**2) / reach_x if reach_x else 0.0
    (left, right), half = _chord(np.clip([-tip, tip], low, high), rx, ry, theta)
    return cx + float(left - half[0]), cx + float(right + half[1])


def _cut_polygon_box(x: np.ndarray, y: np.ndarray, height: int, width: int) -> tuple[float, float, float, float]:
    # The extremes of the part within the image are at vertices, where edges cross the border, or at its corners.
    inside = (x >= 0) & (x <= width) & (y >= 0) & (y <= height)
    points = [np.stack([x[inside], y[inside]], axis=1)]
    for border in (0.0, float(width)):
        crossed = _crossings(x, y, border)
        crossed = crossed[(crossed >= 0) & (crossed <= height)]
        points.append(np.stack([np.full_like(crossed, border), crossed], axis=1))
    for border in (0.0, float(height)):
        crossed = _crossings(y, x, border)
        # A corner is inside if the outline passes its line an odd number of times before it.
        corners = [c for c in (0.0, float(width)) if np.count_nonzero(crossed <= c) % 2]
        crossed = np.append(crossed[(crossed >= 0) & (crossed <= width)], corners)
        points.append(np.stack([crossed, np.full_like(crossed, border)], axis=1))
    together = np.concatenate(points)
    if not len(together):
        return math.inf, math.inf, -math.inf, -math.inf
    (left, top), (right, bottom) = together.min(axis=0).tolist(), together.max(axis=0).tolist()
    return left, top, right, bottom


def _crossings(along: np.ndarray, across: np.ndarray, at: float) -> np.ndarray:
    """Return the `across` coordinates at which a closed outline passes the line `along` = `at`."""
    next_along, next_across = _next(along), _next(across)
    passes = (along <= at) != (next_along <= at)
    share = (at - along[passes]) / (next_along - along)[passes]
    return across[passes] + share * (next_across - across)[passes]


def common_pixels(first: np.ndarray, second: np.ndarray) -> int:
    """Count the pixels that two lists of spans share."""
    if not len(first):
        return 0
    lengths = first[:, 1] - first[:, 0]
    before = np.cumsum(lengths) - lengths
    # How many pixels of `first` lie before each bound of `second`.
    index = np.searchsorted(first[:, 0], second, side="right") - 1
    covered = np.where(index >= 0, before[index] + np.minimum(second - first[index, 0], lengths[index]), 0)
    return int((covered[:, 1] - covered[:, 0]).sum())
