"""Drawing drinks and distractors: shaded, printed and partly transparent bodies of revolution, and boxes.

Lengths are in units of the body's height; y points up and is 0 at the foot, x points right, z to the viewer. The
camera looks down by `elevation` e (radians), under parallel projection: (x, y, z) is seen at (x, y cos e - z sin e).
"""

import math
from dataclasses import dataclass

import numpy as np

from maskwright.drinks.difficulty import Difficulty
from maskwright.drinks.objects import SAMPLES, STEEL, Body
from maskwright.drinks.textures import LABEL_SHAPE, label

SUPERSAMPLING = 1.5
"""Pixels of a sprite per image pixel, along each axis; fewer where it would have more rows than `MOST_ROWS`."""

MOST_ROWS = 2 * SAMPLES


@dataclass(frozen=True)
class Light:
    """Where light comes from (a unit vector in scene coordinates), and how bright it and the shade are."""

    direction: np.ndarray
    strength: float
    ambient: float

    def turned(self, angle: float) -> "Light":
        """Return this light as seen by a body that is rotated by `angle`, clockwise on screen."""
        x, y, z = self.direction
        c, s = np.cos(angle), np.sin(angle)
        return Light(np.array([c * x - s * y, s * x + c * y, z], np.float32), self.strength, self.ambient)


@dataclass(frozen=True)
class Sprite:
    """A drawn object.

    Attributes:
        scale: pixels per image pixel, along each axis.
        paint: (h, w, 3) uint8; RGB, multiplied by opacity.
        layers: (h, w, 3) uint8; what kind of pixel it is:
            cover, 255 within the silhouette; clear, how much of the background shows through; and bend, how far that
            background is shifted sideways: (bend - 128) / 64 half widths.
        foot: (x, y) of the middle of the foot.
    """

    scale: float
    paint: np.ndarray
    layers: np.ndarray
    foot: tuple[float, float]


@dataclass(frozen=True)
class _Seen:
    """What each pixel of a sprite sees of a body; the sprite has R rows, counted from the bottom, and C columns."""

    cover: np.ndarray  # (R, C) bool: any part of the body
    sample: np.ndarray  # (R, C) index of the height seen; 0 where nothing is
    on_top: np.ndarray  # (R, C) bool: the top disc
    x: np.ndarray  # (C,)
    screen_y: np.ndarray  # (R,)
    foot_row: float  # from the top


def draw_body(rng: np.random.Generator, body: Body, height: float, elevation: float, light: Light) -> Sprite:
    """Draw a body so that its picture is `height` image pixels high."""
    scale = _scale(height)
    seen = _project(body, height * scale, elevation)
    k, side = seen.sample, seen.cover & ~seen.on_top
    sine = np.clip(seen.x / body.radius.take(k), -1, 1)  # of the angle around the axis; 0 faces the viewer
    cosine = np.sqrt(1 - sine * sine)

    # The normal is (sine, -slope, cosine) / sqrt(1 + slope^2).
    slope = np.clip(np.gradient(body.radius) * (SAMPLES - 1), -4, 4).astype(np.float32)
    level = 1 / np.sqrt(1 + slope * slope)
    halfway = light.direction + np.array([0, math.sin(elevation), math.cos(elevation)], np.float32)
    halfway /= np.linalg.norm(halfway)

    def facing(direction: np.ndarray) -> np.ndarray:
        rise = level.take(k) * (sine * direction[0] + cosine * direction[2]) - (level * slope).take(k) * direction[1]
        return np.maximum(np.where(seen.on_top, direction[1], rise), 0)

    diffuse = light.ambient + light.strength * facing(light.direction)
    specular = body.gloss * np.exp(40 * (facing(halfway) - 1))

    around = ((0.5 + np.arcsin(sine) / np.pi) * (LABEL_SHAPE[1] - 1)).astype(np.intp)
    albedo = _wrapped(body).take(k * LABEL_SHAPE[1] + around, axis=1)  # (3, R, C): planes are faster to shade

    # Polished metal shows its surroundings as upright streaks: a bright window and a dim one.
    streak = rng.uniform(-0.6, 0.6)
    shade = diffuse
    if body.metal.any():
        mirrored = 0.35 + 0.8 * _bump(sine, streak, 0.2) + 0.4 * _bump(sine, -0.7 * streak, 0.1)
        shade = diffuse + body.metal.take(k) * 0.5 * (mirrored - diffuse)
    # A standing body is darker near its foot, where less light arrives.
    near_foot = 1 - 0.35 * np.exp(-np.linspace(0, 1, SAMPLES, dtype=np.float32) / 0.06)
    rgb = albedo * (shade * near_foot.take(k)) + specular

    opacity = body.opacity.take(k)
    bend = np.zeros_like(sine)
    if body.opacity.min() < 1:
        opacity, bend = _draw_clear(body, seen, side & (opacity < 1), sine, streak, elevation, rgb, opacity)
    if seen.on_top.any():
        _draw_top(rng, body, seen, elevation, diffuse, rgb)
        opacity = np.where(seen.on_top, np.float32(1), opacity)
    opacity = opacity * seen.cover
    paint = np.empty((*seen.cover.shape, 3), np.uint8)
    opacity = 255 * opacity
    for channel, plane in enumerate(rgb):
        paint[..., channel] = np.minimum(plane * opacity, 255)
    layers = np.empty_like(paint)
    layers[..., 0] = cover = 255 * seen.cover.astype(np.uint8)
    layers[..., 1] = cover - opacity
    layers[..., 2] = 128 + 64 * bend
    return _padded(scale, paint[::-1], layers[::-1], (len(seen.x) / 2, seen.foot_row))


def _scale(height: float) -> float:
    return min(SUPERSAMPLING, MOST_ROWS / height)


def _wrapped(body: Body) -> np.ndarray:
    """Return the colours of the half that faces the viewer, (3, `SAMPLES` * columns of a label)."""
    printed = body.printed >= 0
    colours = np.repeat(body.colour[:, None], LABEL_SHAPE[1], axis=1)
    colours[printed] = body.label[(body.printed[printed] * (LABEL_SHAPE[0] - 1)).astype(np.intp)]
    return np.ascontiguousarray(colours.reshape(-1, 3).T)


def _bump(values: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Return exp(-((values - centre) / width)^2)."""
    scaled = (values - centre) * (1 / width)
    return np.exp(-scaled * scaled)


def _draw_clear(
    body: Body,
    seen: _Seen,
    clear: np.ndarray,
    sine: np.ndarray,
    streak: float,
    elevation: float,
    rgb: np.ndarray,
    opacity: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Paint the transparent pixels in `rgb` (3, R, C): dim edges, a window's reflection, and a liquid's surface.

    Returns:
        (R, C) opacity, and bend, in half widths.
    """
    edge = sine**4
    wet = seen.sample < body.filled * SAMPLES
    depth = (seen.screen_y - body.filled * math.cos(elevation)) / max(math.sin(elevation), 0.03)
    surface = seen.x**2 + depth[:, None] ** 2 < (0.97 * body.radius.take(seen.sample)) ** 2
    window = 0.55 * body.gloss * _bump(sine, 0.75 * streak + 0.1, 0.06)
    rgb += np.where(clear, 0.25 * surface + window, 0)
    thicker = np.minimum(opacity + 0.5 * edge + 0.12 * wet + 0.25 * surface + window, 1)
    # A full bottle is a strong lens that flips what is behind it; an empty one bends light only at its edge.
    bend = np.where(clear, np.where(wet, -1.7, -0.4 * edge) * sine, 0)
    return np.where(clear, thicker, opacity), bend


def _project(body: Body, height: float, elevation: float) -> _Seen:
    """Find what each sprite pixel sees.

    A body is a stack of discs. Seen from above a disc hides those below it, so a pixel shows the highest disc
    that covers it; its column's discs begin at y cos e - sin e sqrt(r^2 - x^2), and a running maximum over the
    rows finds the last one that has begun.
    """
    sine, cosine = math.sin(elevation), math.cos(elevation)
    first, last, widest = float(body.radius[0]), float(body.radius[-1]), float(body.radius.max())
    extent = cosine + sine * (first + last)
    scale = max(height, 4.0) / extent  # sprite pixels per unit
    bottom = -sine * first - 1.5 / scale
    rows = math.ceil(scale * extent) + 4
    columns = math.ceil(2 * scale * widest) + 4
    x = ((np.arange(columns, dtype=np.float32) + 0.5 - columns / 2) / scale).astype(np.float32)
    screen_y = ((np.arange(rows, dtype=np.float32) + 0.5) / scale + bottom).astype(np.float32)

    sample = np.linspace(0, SAMPLES - 1, min(SAMPLES, int(scale) + 8)).astype(np.int16)
    y = (sample / (SAMPLES - 1)).astype(np.float32)[:, None]
    inside = body.radius[sample, None] ** 2 - x * x  # (discs, columns)
    half = sine * np.sqrt(np.maximum(inside, 0))
    start = np.clip(np.ceil((y * cosine - half - bottom) * scale - 0.5), 0, rows - 1).astype(np.intp)
    disc, column = np.nonzero(inside > 0)
    highest = np.full((rows, columns), -1, np.int16)
    highest[start[disc, column], column] = sample[disc]  # discs ascend, so the highest is written last
    np.maximum.accumulate(highest, axis=0, out=highest)
    end = np.where(inside > 0, y * cosine + half, -np.inf).max(axis=0)
    cover = (highest >= 0) & (screen_y[:, None] <= end)
    found = np.where(cover, highest, 0).astype(np.intp)
    return _Seen(cover, found, cover & (found == SAMPLES - 1), x, screen_y, rows + bottom * scale)


def _draw_top(
    rng: np.random.Generator, body: Body, seen: _Seen, elevation: float, diffuse: np.ndarray, rgb: np.ndarray
) -> None:
    """Paint the top disc in `rgb` (3, R, C): a lid with a tab, one with rings, an opening, or plain."""
    if body.top == "flat":
        return
    row, column = np.nonzero(seen.on_top)
    sine, cosine = max(math.sin(elevation), 0.02), math.cos(elevation)
    radius = float(body.radius[-1])
    # On the disc: a to the right, b away from the viewer, both in radii.
    a = seen.x[column] / radius
    b = (seen.screen_y[row] - cosine) / (sine * radius)
    # The floor lies lower than the rim, so what is seen of it is shifted away from the viewer.
    sunk = {"tab": 0.03, "rings": 0.02, "open": 0.8}[body.top]
    inner = 0.9 if body.top != "open" else 0.93
    floor_b = b + sunk * cosine / (sine * radius)
    distance = np.hypot(a, floor_b)
    rim = np.hypot(a, b) > inner
    wall = ~rim & (distance > inner)
    if body.top == "open":
        base = body.colour[-1]
        shade = np.where(wall, 0.55 + 0.25 * a, 0.35)
    else:
        base = STEEL
        # Brushed metal reflects in a bow tie that turns with the light.
        shade = 0.76 + 0.24 * np.cos(2 * (np.arctan2(floor_b, a) - rng.uniform(0, np.pi)))
        if body.top == "rings":
            for ring in (0.42, 0.62, 0.8):
                shade += 0.3 * _bump(distance, ring, 0.04) - 0.4 * _bump(distance, ring - 0.07, 0.04)
        else:
            turn = rng.uniform(0, 2 * np.pi)
            c, s = math.cos(turn), math.sin(turn)
            p, q = a * c + floor_b * s, floor_b * c - a * s
            opening = ((p - 0.48) / 0.3) ** 2 + (q / 0.34) ** 2
            shade = np.where(np.abs(opening - 1) < 0.25, 0.5, shade)
            tab = ((p + 0.12) / 0.45) ** 2 + (q / 0.2) ** 2
            shade = np.where(tab < 1, 1.15, np.where(tab < 1.5, 0.35, shade))
            shade = np.where(((p + 0.35) / 0.13) ** 2 + (q / 0.1) ** 2 < 1, 0.4, shade)
        shade = np.where(wall, 0.55 + 0.2 * a, shade)
    shade = np.where(rim, 1.1, shade) * (0.4 + 0.6 * diffuse[row, column])
    rgb[:, row, column] = base[:, None] * shade


def draw_box(rng: np.random.Generator, height: float, light: Light, difficulty: Difficulty) -> Sprite:
    """Draw a carton with a printed front, a side and a top, `height` image pixels high."""
    scale = _scale(height)
    rows = max(8, round(height * scale))
    width = int(rows * rng.uniform(0.35, 0.9))
    across, up = int(rows * rng.uniform(0.08, 0.3)), int(rows * rng.uniform(0.04, 0.16))
    front_rows = rows - up
    y, x = np.mgrid[0:rows, 0 : width + across]  # y down
    back = (x - width) / max(across, 1)  # 0 to 1 along the side, from front to back
    on_side = (x >= width) & (y >= up * (1 - back)) & (y < rows - up * back)
    lift = (up - y) / max(up, 1)  # 0 to 1 along the top, from front to back
    on_roof = (y < up) & (x >= across * lift) & (x < width + across * lift) & ~on_side
    on_front = (x < width) & (y >= up)
    art = label(rng, difficulty)
    v = np.clip((y - up) * LABEL_SHAPE[0] // front_rows, 0, LABEL_SHAPE[0] - 1)
    u = np.clip(x * LABEL_SHAPE[1] // width, 0, LABEL_SHAPE[1] - 1)
    rgb = art[v, u] * (light.ambient + 0.75 * light.strength)
    lit = light.ambient + light.strength * max(float(light.direction[0]), 0.1)
    rgb = np.where(on_side[..., None], art[0, 0] * lit, rgb)
    rgb = np.where(on_roof[..., None], art[0, 0] * (light.ambient + light.strength), rgb)
    cover = on_side | on_roof | on_front
    paint = (np.clip(rgb, 0, 1) * 255 * cover[..., None]).astype(np.uint8)
    layers = np.zeros_like(paint)
    layers[..., 0], layers[..., 2] = 255 * cover, 128
    return _padded(scale, paint, layers, ((width + across) / 2, rows - up / 2))


def _padded(scale: float, paint: np.ndarray, layers: np.ndarray, foot: tuple[float, float]) -> Sprite:
    """Surround a sprite by 2 empty pixels, so that interpolation fades its edge to nothing."""
    around = ((2, 2), (2, 2), (0, 0))
    return Sprite(scale, np.pad(paint, around), np.pad(layers, around), (foot[0] + 2, foot[1] + 2))
