"""From a mask to polygons like those a person draws: few corners, whole pixels, no holes.

Coordinates are image pixels as in VIA: x to the right, y down, and pixel (row, column) is the square from
(column, row) to (column + 1, row + 1), so that its centre lies at (column + 0.5, row + 0.5).
"""

import numpy as np
import shapely
from scipy import ndimage
from shapely.geometry import Polygon
from skimage.measure import find_contours

MOST_CORNERS = 60
FEWEST_CORNERS = 10
SMALLEST_PART = 0.0003
"""Parts of a region below this share of the image, and below 1/20 of the region, are not worth a polygon."""

# Pixels by which an outline may be off, in the order in which the values are tried.
_TOLERANCES = (1.2, 0.8, 0.5, 1.6, 2.2, 3.0, 5.0)


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Return polygons that together cover an (H, W) bool mask, each (N, 2) int of (x, y), largest first.

    Every connected part gets one polygon, except specks; a part with a large enough hole is cut in two through the
    hole, since a VIA polygon has no holes. Polygons have 10 to 60 corners where the shape allows, do not cross
    themselves, and stay within 0 <= x <= W and 0 <= y <= H. An empty mask has no polygons.
    """
    parts, count = _connected(mask)
    if not count:
        return []
    areas = np.bincount(parts.ravel())[1:]
    smallest = min(max(SMALLEST_PART * mask.size, 4.0), areas.sum() / 20)
    boxes = ndimage.find_objects(parts)
    polygons = []
    for number in np.argsort(-areas, kind="stable"):
        if areas[number] < smallest and polygons:
            break
        rows, columns = boxes[number]
        part = parts[rows, columns] == number + 1
        offset = np.array([columns.start, rows.start])
        polygons += [outline + offset for outline in _cut_at_holes(part, smallest)]
    return polygons


def _cut_at_holes(part: np.ndarray, smallest: float) -> list[np.ndarray]:
    filled = np.asarray(ndimage.binary_fill_holes(part))
    holes, count = _connected(filled & ~part)
    if count:
        areas = np.bincount(holes.ravel())[1:]
        if areas.max() >= smallest:
            hole = np.argwhere(holes == np.argmax(areas) + 1)
            across = part.shape[0] >= part.shape[1]
            cut = int(hole[:, 0 if across else 1].mean()) + 1
            halves = (part[:cut], part[cut:]) if across else (part[:, :cut], part[:, cut:])
            shift = np.array([0, cut] if across else [cut, 0])
            first, second = outlines(halves[0]), outlines(halves[1])
            return first + [outline + shift for outline in second]
    return [_outline(filled)]


def _connected(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the 4-connected parts of an (H, W) bool mask from 1, and count them."""
    parts = np.zeros(mask.shape, np.int32)
    return parts, int(ndimage.label(mask, output=parts))  # pyright: ignore[reportArgumentType]


def _outline(part: np.ndarray) -> np.ndarray:
    """Trace one connected (H, W) bool part without holes; (N, 2) int."""
    contour = max(find_contours(np.pad(part, 1).astype(np.float32), 0.5), key=len)
    # (x, y); the centre of the padding pixel (0, 0) is at (-0.5, -0.5).
    contour = Polygon(contour[:, ::-1] - 0.5)
    limits = (part.shape[1], part.shape[0])
    best = None
    for tolerance in _TOLERANCES:
        corners = _rounded(shapely.get_coordinates(contour.simplify(tolerance))[:-1], limits)
        if len(corners) < 3 or not Polygon(corners).is_valid:
            continue
        if _excess(corners) == 0:
            return corners
        if best is None or _excess(corners) < _excess(best):
            best = corners
    if best is None:  # thinner than a pixel or two: its box
        best = np.array([(0, 0), (limits[0], 0), limits, (0, limits[1])])
    return best


def _excess(corners: np.ndarray) -> int:
    return max(FEWEST_CORNERS - len(corners), len(corners) - MOST_CORNERS, 0)


def _rounded(corners: np.ndarray, limits: tuple[int, int]) -> np.ndarray:
    """Round corners to whole pixels, and drop those that then repeat the previous one."""
    whole = np.clip(np.rint(corners), 0, limits).astype(int)
    return whole[np.any(whole != np.roll(whole, 1, axis=0), axis=1)]
