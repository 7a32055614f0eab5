"""Check whether a region's shape can be placed on its image, and report findings on it."""

import math
from typing import NamedTuple

from maskwright.via.crossings import first_crossing
from maskwright.via.findings import Finding
from maskwright.via.model import Geometry, Number, Region
from maskwright.via.run_lengths import outline, unpack
from maskwright.via.source import printable

Bounds = tuple[float, float, float, float]

OVERSHOOT = 2
"""Pixels by which a shape may reach beyond its image without a warning: drawing to the edge gives -1 or the width."""

_LARGEST = 1e6
_NEEDED: dict[str, tuple[str, ...]] = {
    "rect": ("x", "y", "width", "height"),
    "circle": ("cx", "cy", "r"),
    "ellipse": ("cx", "cy", "rx", "ry"),
}
_DRAW_AGAIN = "delete the region in VIA, or draw it again"
_AREAS = "polygon, polyline, rect, circle and ellipse can be used"


class Placed(NamedTuple):
    """A shape that encloses an area: `polygon`, `rect`, `circle` or `ellipse` (which always has `theta`)."""

    shape: str
    geometry: Geometry


def scaled(placed: Placed, down: float, across: float) -> Placed:
    """Return a shape on an image whose height is `down` times, and whose width `across` times that of the former."""
    evenly = math.sqrt(down * across)
    factors = {
        **dict.fromkeys(("x", "width", "cx", "all_points_x"), across),
        **dict.fromkeys(("y", "height", "cy", "all_points_y"), down),
        **dict.fromkeys(("r", "rx", "ry"), evenly),
        "theta": 1.0,
    }
    geometry: dict[str, Number | tuple[Number, ...]] = {}
    for key, value in placed.geometry.items():
        factor = factors[key]
        geometry[key] = tuple(v * factor for v in value) if isinstance(value, tuple) else value * factor
    return Placed(placed.shape, geometry)


def resized(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """Whether an image of one (height, width) may be the other one, scaled evenly and rounded to whole pixels."""
    lowest = max((side - 1) / old for old, side in zip(before, now, strict=True))
    highest = min((side + 1) / old for old, side in zip(before, now, strict=True))
    return lowest < highest


def place_region(region: Region, height: int, width: int) -> tuple[Placed | None, list[Finding]]:
    """Check a region's geometry against its image.

    A polyline becomes a polygon, a rectangle of negative size is flipped, and a missing shape name is inferred, each
    with a warning. Coordinates outside the image stay as they are: rasterising cuts them off.

    Returns:
        the shape (None if it covers no pixel or cannot be placed) and the findings.
    """
    shape, geometry, findings = region.shape, region.geometry, []
    if not shape:
        shape = _inferred(geometry)
        if not shape:
            message = "null, or not a region that can be read"
            return None, [Finding("refused", "unreadable-region", message, _DRAW_AGAIN)]
        message = f"its shape has no name; taken as a {shape} by its coordinates"
        findings.append(Finding("warning", "unnamed-shape", message, "none needed if that is right"))
    if shape == "point":
        message = "a point has no area and is not used"
        return None, [Finding("warning", "point", message, "draw a polygon if this object's pixels are wanted")]
    if shape == "segment":
        message = "a segment in time, or a part of a video or sound: it has no place in a photograph and is not used"
        return None, [Finding("warning", "segment", message, "none needed; save a video's frames to annotate them")]
    if shape in ("polygon", "polyline"):
        placed, bounds, more = _place_polygon(shape, geometry)
    elif shape in ("extreme rectangle", "extreme circle"):
        placed, bounds, more = _place_extreme(shape, geometry)
    elif shape in _NEEDED:
        placed, bounds, more = _place_figure(shape, geometry)
    elif shape in ("rle", "crowd"):
        placed, bounds, more = _place_run_lengths(shape, geometry, height, width)
    elif shape == "not exported":
        message = "without coordinates: VIA's COCO export leaves out those of a polyline"
        return None, [Finding("refused", "not-exported", message, "export the annotations from VIA as JSON")]
    else:
        message = f"the shape {printable(shape, 40)!r} encloses no known area"
        return None, [Finding("refused", "unknown-shape", message, f"{_AREAS}; draw it as one of these")]
    findings += more
    if placed is None or bounds is None:
        return None, findings
    outside = _outside(bounds, height, width)
    if outside:
        findings.append(outside)
        if outside.severity == "refused":
            return None, findings
    return placed, findings


def _inferred(geometry: Geometry) -> str:
    if {"all_points_x", "all_points_y"} <= geometry.keys():
        return "polygon"
    for shape in ("rect", "ellipse", "circle"):
        if set(_NEEDED[shape]) <= geometry.keys():
            return shape
    return ""


_Result = tuple[Placed | None, Bounds | None, list[Finding]]


def _refused(code: str, message: str, advice: str = _DRAW_AGAIN) -> _Result:
    return None, None, [Finding("refused", code, message, advice)]


def _points_of(shape: str, geometry: Geometry) -> list[tuple[Number, Number]] | str:
    """Return the points of a shape that is given by points, or what is wrong with them."""
    xs, ys = geometry.get("all_points_x"), geometry.get("all_points_y")
    if not isinstance(xs, tuple) or not isinstance(ys, tuple):
        return f"the {shape} has no list {'all_points_y' if isinstance(xs, tuple) else 'all_points_x'}"
    if len(xs) != len(ys):
        return f"the {shape} has {len(xs)} x but {len(ys)} y coordinates"
    if not all(map(math.isfinite, xs)) or not all(map(math.isfinite, ys)):
        return f"a coordinate of the {shape} is not a finite number"
    if xs and max(map(abs, (min(xs), min(ys), max(xs), max(ys)))) > _LARGEST:
        return f"a coordinate of the {shape} is beyond {_LARGEST:,.0f} pixels"
    return list(zip(xs, ys, strict=True))


def _bounds_of(points: list[tuple[Number, Number]]) -> Bounds:
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _place_extreme(shape: str, geometry: Geometry) -> _Result:
    """Place VIA 3's rectangle through four points at its sides, or its circle through three points."""
    points = _points_of(shape, geometry)
    if isinstance(points, str):
        return _refused("bad-coordinates", points)
    needed = 4 if shape == "extreme rectangle" else 3
    if len(points) != needed:
        return _refused("bad-coordinates", f"the {shape} has {len(points)} points and not {needed}")
    if shape == "extreme rectangle":
        left, top, right, bottom = _bounds_of(points)
        return _place_figure("rect", {"x": left, "y": top, "width": right - left, "height": bottom - top})
    (ax, ay), (bx, by), (cx, cy) = points
    # The centre is as far from b and c as from a: two linear equations, here with a at the origin.
    bx, by, cx, cy = bx - ax, by - ay, cx - ax, cy - ay
    twice_area = bx * cy - by * cx
    if twice_area == 0:
        return _refused("no-area", "the extreme circle's three points lie on one line, and no circle has them all")
    b2, c2 = bx * bx + by * by, cx * cx + cy * cy
    x, y = (cy * b2 - by * c2) / (2 * twice_area), (bx * c2 - cx * b2) / (2 * twice_area)
    return _place_figure("circle", {"cx": ax + x, "cy": ay + y, "r": math.hypot(x, y)})


def _place_run_lengths(shape: str, geometry: Geometry, height: int, width: int) -> _Result:
    """Place a mask by the outline of its pixels; one that cannot be read leaves its box, so that it is not lost."""
    try:
        rows, columns = geometry.get("rows"), geometry.get("columns")
        if (rows, columns) != (height, width):
            raise ValueError(
                f"the run lengths (RLE) are for {columns} x {rows} pixels, the image has {width} x {height}"
            )
        mask = unpack(geometry)
    except ValueError as error:
        box = {name: geometry[name] for name in _NEEDED["rect"] if name in geometry}
        placed, bounds, _ = _place_figure("rect", box)
        return placed, bounds, [Finding("refused", "rle", str(error), "write the mask again, or give it as polygons")]
    if not mask.any():
        return _refused("zero-size", "the run lengths (RLE) hold no pixel")
    xs, ys = outline(mask)
    findings = []
    if shape == "crowd":
        message = "a crowd (iscrowd): several objects in one region, which detection takes for one"
        findings.append(Finding("warning", "crowd", message, "none for masks; for boxes, outline each object"))
    bounds = (min(xs), min(ys), max(xs), max(ys))
    return Placed("polygon", {"all_points_x": xs, "all_points_y": ys}), bounds, findings


def _place_polygon(shape: str, geometry: Geometry) -> _Result:
    points = _points_of(shape, geometry)
    if isinstance(points, str):
        return _refused("bad-coordinates", points)
    distinct = len(set(points))
    if distinct < 3:
        return _refused("too-few-points", f"the {shape} has {distinct} different points; an area needs 3")
    bounds = _bounds_of(points)
    if _on_one_line(points):
        return _refused("no-area", f"all points of the {shape} lie on one line, so it has no area")
    findings = []
    if shape == "polyline":
        message = "a polyline; its ends are joined, and it is used as a polygon"
        findings.append(Finding("warning", "polyline", message, "none needed if it was meant as a closed outline"))
    crossing = first_crossing(points)
    if crossing:
        message = f"the outline crosses itself near x {crossing[0]:.0f}, y {crossing[1]:.0f}"
        advice = (
            "none if it is a slip of a few pixels; else redraw it, since what it encloses twice counts as outside"
        )
        findings.append(Finding("warning", "self-crossing", message, advice))
    return Placed("polygon", geometry), bounds, findings


def _place_figure(shape: str, geometry: Geometry) -> _Result:
    names = _NEEDED[shape]
    lacking = [name for name in names if name not in geometry]
    if lacking:
        return _refused("bad-coordinates", f"the {shape} lacks {', '.join(lacking)}")
    if shape == "ellipse":
        geometry = {"theta": 0.0, **geometry}  # VIA before 2.0.8 has no theta
        names = (*names, "theta")
    values: list[float] = []
    for name in names:
        value = geometry[name]
        if isinstance(value, tuple) or not math.isfinite(value):
            return _refused("bad-coordinates", f"{name} of the {shape} is not a finite number")
        if abs(value) > _LARGEST:
            return _refused("bad-coordinates", f"{name} of the {shape} is beyond {_LARGEST:,.0f}")
        values.append(value)
    if shape == "rect":
        return _place_rect(geometry, values)
    radii = values[2:3] if shape == "circle" else values[2:4]
    if min(radii) <= 0:
        sizes = " x ".join(f"{radius:g}" for radius in radii)
        return _refused("zero-size", f"the {shape} has no size (radius {sizes})")
    x, y, rx, ry = values[0], values[1], radii[0], radii[-1]
    theta = values[4] if shape == "ellipse" else 0.0
    reach_x = math.hypot(rx * math.cos(theta), ry * math.sin(theta))
    reach_y = math.hypot(rx * math.sin(theta), ry * math.cos(theta))
    return Placed(shape, geometry), (x - reach_x, y - reach_y, x + reach_x, y + reach_y), []


def _place_rect(geometry: Geometry, values: list[float]) -> _Result:
    x, y, width, height = values
    if width == 0 or height == 0:
        return _refused("zero-size", f"the rectangle is {width:g} x {height:g} pixels")
    findings = []
    if width < 0 or height < 0:
        message = f"the rectangle's size is negative ({width:g} x {height:g}); it is drawn to the other side"
        findings.append(Finding("warning", "negative-size", message, "none needed if that is right"))
        x, y, width, height = min(x, x + width), min(y, y + height), abs(width), abs(height)
        geometry = {"x": x, "y": y, "width": width, "height": height}
    return Placed("rect", geometry), (x, y, x + width, y + height), findings


def _outside(bounds: Bounds, height: int, width: int) -> Finding | None:
    left, top, right, bottom = bounds
    over = max(-left, -top, right - width, bottom - height)
    if right > 0 and bottom > 0 and left < width and top < height:
        if over <= OVERSHOOT:
            return None
        message = f"reaches {over:.0f} pixels beyond the {width} x {height} image, where it is cut off"
        severity, code = "warning", "partly-outside"
    else:
        message = f"lies outside the {width} x {height} image (x {left:g} to {right:g}, y {top:g} to {bottom:g})"
        severity, code = "refused", "outside-image"
    slack = OVERSHOOT
    turned = left >= -slack and top >= -slack and right <= height + slack and bottom <= width + slack
    if turned:
        advice = "it would fit the image turned by 90 degrees: undo a rotation made after annotating"
    elif severity == "refused":
        advice = "use the image that was annotated (was it resized or cropped since?), or delete the region"
    else:
        advice = "none if the object reaches the border; else check that the image was not resized since"
    return Finding(severity, code, message, advice)


def _on_one_line(points: list[tuple[Number, Number]]) -> bool:
    x0, y0 = points[0]
    x1, y1 = next(point for point in points if point != points[0])
    return all((x1 - x0) * (y - y0) == (y1 - y0) * (x - x0) for x, y in points)
