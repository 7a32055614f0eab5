"""One drinks scene: where things stand or lie, what hides what, light, shadows, and the camera's faults."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageFilter

from maskwright.drinks.difficulty import Difficulty
from maskwright.drinks.objects import CLASSES, make_distractor, make_drink
from maskwright.drinks.outlines import outlines
from maskwright.drinks.render import Light, Sprite, draw_body, draw_box
from maskwright.drinks.textures import PHOTOGRAPHS, backdrop, plain, receding

_ATTEMPTS = 5
"""Arrangements tried until all drinks of a scene find a place."""


@dataclass(frozen=True)
class Scene:
    """A picture and what is in it.

    Attributes:
        image: (H, W, 3) uint8, RGB.
        objects: class name and visible outline, (N, 2) int of (x, y), from back to front. A thing that another
            cuts in two has two outlines.
        numbers: the number of the thing that each outline belongs to, from 1.
        mask: (H, W) uint8, the ground truth of each pixel: 0, or 1 + the index in `CLASSES`.
        quality: of the JPEG file.
    """

    image: np.ndarray
    objects: list[tuple[str, np.ndarray]]
    numbers: list[int]
    mask: np.ndarray
    quality: int


@dataclass(frozen=True)
class _Item:
    """A sprite, warped to the image's scale, and its place.

    Attributes:
        name: the class; None for a distractor.
        paint, layers: as in `Sprite`, anti-aliased.
        solid: (h, w) bool, the silhouette.
        top, left: image row and column of the patch's corner; may lie outside.
        sprite: the sprite before warping, for the shadow.
        matrix: (3, 3) from sprite to patch pixels.
        foot: (x, y) of the foot in the patch.
        side: (dx, dy) in image pixels, from the axis to the right edge.
        depth: things with a greater depth stand in front.
    """

    name: str | None
    paint: np.ndarray
    layers: np.ndarray
    solid: np.ndarray
    top: int
    left: int
    sprite: Sprite
    matrix: np.ndarray
    foot: tuple[float, float]
    side: tuple[float, float]
    depth: float

    def window(self, size: tuple[int, int]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
        """Return where the patch meets an image of this (H, W), in the image and in the patch."""
        (height, width), (h, w) = size, self.solid.shape
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = max(min(self.top + h, height), top), max(min(self.left + w, width), left)
        there = (slice(top, bottom), slice(left, right))
        return there, (slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left))


@dataclass(frozen=True)
class _Stage:
    """What all things in a scene share.

    Attributes:
        size: (H, W) of the image.
        lying: whether the scene is seen from above, so that things lie at any angle; else they stand on a table.
        horizon: row of the table's far edge; 0 if lying.
        elevation: the angle by which the camera looks down on a thing's side, in radians.
    """

    size: tuple[int, int]
    difficulty: Difficulty
    lying: bool
    horizon: int
    elevation: float
    light: Light


def draw_scene(
    seed: int | Sequence[int],
    size: tuple[int, int],
    *,
    photographs: tuple[str, ...] = PHOTOGRAPHS["train"],
    difficulty: Difficulty | None = None,
) -> Scene:
    """Draw the scene for a seed: the same arguments give the same scene.

    Args:
        seed: one or more integers, as for `numpy.random.SeedSequence`.
        size: height and width in pixels.
        photographs: names of backgrounds, see `textures.PHOTOGRAPHS`.
        difficulty: the default one if None.

    Returns:
        A scene with at least one bottle or can.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    difficulty = difficulty or Difficulty()
    stage = _stage(rng, size, difficulty)
    items: list[_Item] = []
    while not any(item.name for item in items):
        items = _drop_hidden(_arrange(rng, stage), stage)
    canvas = _background(rng, stage, photographs)
    shadow = rng.uniform(0.25, 0.6)
    for item in items:
        _cast_shadow(canvas, item, stage, shadow)
        _paint(canvas, item)
    owner = _owners(items, size)
    mask = np.zeros(size, np.uint8)
    objects: list[tuple[str, np.ndarray]] = []
    numbers: list[int] = []
    for i, item in enumerate(items):
        if item.name:
            visible = owner == i
            mask[visible] = 1 + CLASSES.index(item.name)
            found = outlines(visible)
            objects += [(item.name, outline) for outline in found]
            numbers += [1 + max(numbers, default=0)] * len(found)
    image = _photograph(rng, canvas, difficulty)
    return Scene(image, objects, numbers, mask, int(rng.integers(*difficulty.quality, endpoint=True)))


def _stage(rng: np.random.Generator, size: tuple[int, int], difficulty: Difficulty) -> _Stage:
    lying = bool(rng.uniform() < difficulty.lying)
    horizon = 0 if lying else int(rng.uniform(0.15, 0.6) * size[0])
    elevation = math.radians(rng.uniform(0, 8) if lying else rng.uniform(*difficulty.elevation))
    towards = np.array([rng.uniform(-0.8, 0.8), rng.uniform(0.2, 0.7), 0.7], np.float32)
    light = Light(towards / np.linalg.norm(towards), strength=rng.uniform(0.45, 0.8), ambient=rng.uniform(0.3, 0.55))
    return _Stage(size, difficulty, lying, horizon, elevation, light)


def _background(rng: np.random.Generator, stage: _Stage, photographs: tuple[str, ...]) -> np.ndarray:
    """Draw a wall and a table, or what things lie on; (H, W, 3) from 0 to 1."""
    size, difficulty = stage.size, stage.difficulty
    # It is out of focus, so half the resolution loses nothing and takes a quarter of the time.
    height, width = max(size[0] // 2, 1), max(size[1] // 2, 1)
    edge = round(stage.horizon * height / size[0])

    def surface() -> np.ndarray:
        if rng.uniform() < difficulty.plain:
            return plain(rng, (height, width), difficulty)
        return backdrop(rng, photographs, (height, width), difficulty)

    canvas = surface()
    if not stage.lying:
        canvas[edge:] = receding(rng, surface(), height - edge)
    image = Image.fromarray((canvas * 255).astype(np.uint8))
    # A table is nearer to the camera's focus than a wall.
    table_blur, wall_blur = sorted(rng.uniform(*difficulty.depth_blur) * height / 240 for _ in range(2))
    blurred = image.filter(ImageFilter.GaussianBlur(table_blur))
    if edge:
        wall = image.crop((0, 0, width, edge)).filter(ImageFilter.GaussianBlur(wall_blur))
        blurred.paste(wall, (0, 0))
    return np.asarray(blurred.resize((size[1], size[0]), Image.Resampling.BILINEAR), np.float32) / 255


def _arrange(rng: np.random.Generator, stage: _Stage) -> list[_Item]:
    """Place drinks and distractors, from back to front."""
    chances = stage.difficulty.drinks
    count = 1 + int(rng.choice(len(chances), p=chances))
    wanted: list[str | None] = [CLASSES[i] for i in rng.integers(len(CLASSES), size=count)]
    if stage.difficulty.alike_neighbours:
        repeated = rng.uniform(size=count) < stage.difficulty.alike_neighbours
        for place in np.flatnonzero(repeated[1:]) + 1:
            wanted[place] = wanted[place - 1]
    wanted += [None] * int(rng.integers(stage.difficulty.distractors, endpoint=True))
    items: list[_Item] = []
    # Wide cans fail to fit more often than slim bottles. Leaving them out would make them rare, so everything is
    # drawn again, at other sizes and places, until every drink fits.
    for _ in range(_ATTEMPTS):
        taken = np.zeros(stage.size, bool)
        items = []
        for name in wanted:
            item = _find_place(rng, _make_item(rng, name, stage), taken, stage)
            if item is not None:
                there, here = item.window(stage.size)
                taken[there] |= item.solid[here]
                items.append(item)
            elif name and stage.difficulty.all_fit:
                break
        else:
            break
    return sorted(items, key=lambda item: item.depth)


def _make_item(rng: np.random.Generator, name: str | None, stage: _Stage) -> _Item:
    """Draw a drink of the class, or a distractor, at the image's scale, without a final place."""
    difficulty = stage.difficulty
    # Heights are shares of the image's height, or in a narrow image, of the height it would have at 4:3.
    full = min(stage.size[0], 0.75 * stage.size[1])
    height = full * rng.uniform(*(difficulty.height if name else difficulty.distractor_height))
    most = difficulty.turn if stage.lying else difficulty.tilt
    angle = math.radians(rng.uniform(-most, most))
    light = stage.light.turned(angle)
    body = make_drink(rng, name, difficulty) if name else make_distractor(rng, difficulty)
    if body is None:
        sprite = draw_box(rng, height, light, difficulty)
    else:
        sprite = draw_body(rng, body, height, stage.elevation, light)
    return _warp(name, sprite, angle, rng.uniform(-difficulty.keystone, difficulty.keystone))


def _warp(name: str | None, sprite: Sprite, angle: float, keystone: float) -> _Item:
    """Bring a sprite to the image's scale: perspective, then rotation about its foot."""
    h, w = sprite.paint.shape[:2]
    c, s = math.cos(angle) / sprite.scale, math.sin(angle) / sprite.scale
    to_foot = np.array([[1, 0, -sprite.foot[0]], [0, 1, -sprite.foot[1]], [0, 0, 1.0]])
    perspective = np.array([[1, 0, 0], [0, 1, 0], [0, keystone / h, 1.0]])
    matrix = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]) @ perspective @ to_foot
    corners = matrix @ np.array([[0, w, w, 0], [0, 0, h, h], [1, 1, 1, 1.0]])
    corners = corners[:2] / corners[2]
    low, high = np.floor(corners.min(axis=1)), np.ceil(corners.max(axis=1))
    matrix = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1.0]]) @ matrix
    extent = (int(high[0] - low[0]), int(high[1] - low[1]))
    layers = _transform(sprite.layers, matrix, extent)
    return _Item(
        name=name,
        paint=_transform(sprite.paint, matrix, extent),
        layers=layers,
        solid=layers[..., 0] >= 128,
        top=0,
        left=0,
        sprite=sprite,
        matrix=matrix,
        foot=(-low[0], -low[1]),
        side=(c * w / 2, s * w / 2),
        depth=0.0,
    )


def _transform(pixels: np.ndarray, matrix: np.ndarray, extent: tuple[int, int]) -> np.ndarray:
    """Warp by a (3, 3) matrix from source to target pixels, to `extent` (width, height)."""
    inverse = np.linalg.inv(matrix)
    coefficients = (inverse / inverse[2, 2]).ravel()[:8].tolist()
    warped = Image.fromarray(pixels).transform(
        extent, Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR
    )
    return np.asarray(warped)


def _find_place(rng: np.random.Generator, item: _Item, taken: np.ndarray, stage: _Stage) -> _Item | None:
    """Return the item at a random place where it hides and is hidden no more than allowed; None if not found."""
    (height, width), difficulty, solid = stage.size, stage.difficulty, item.solid
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return None
    area = solid.sum()
    allowed = rng.uniform(0, difficulty.overlap) * area
    for _ in range(8):
        beyond = 0.45 if rng.uniform() < difficulty.cut else 0.0  # share that may lie outside, on each side
        spare_y, spare_x = beyond * len(rows), beyond * len(columns)
        highest, leftmost = -rows[0] - spare_y, -columns[0] - spare_x
        if not stage.lying:  # feet stand on the table
            highest = max(-rows[0], stage.horizon + 0.04 * height - item.foot[1])
        top = rng.uniform(highest, max(height - rows[-1] - 1 + spare_y, highest + 1))
        left = rng.uniform(leftmost, max(width - columns[-1] - 1 + spare_x, leftmost + 1))
        depth = rng.uniform() if stage.lying else top + item.foot[1]
        placed = replace(item, top=math.floor(top), left=math.floor(left), depth=depth)
        there, here = placed.window(stage.size)
        if (taken[there] & solid[here]).sum() <= allowed and solid[here].sum() > 0.5 * area:
            return placed
    return None


def _owners(items: list[_Item], size: tuple[int, int]) -> np.ndarray:
    """Return for each pixel which item is seen there, -1 for none; (H, W) int."""
    owner = np.full(size, -1, np.int16)
    for i, item in enumerate(items):
        there, here = item.window(size)
        owner[there][item.solid[here]] = i
    return owner


def _drop_hidden(items: list[_Item], stage: _Stage) -> list[_Item]:
    """Leave out drinks that are hidden too much, the least visible first, as it may hide others."""
    while True:
        seen = np.bincount(_owners(items, stage.size).ravel() + 1, minlength=len(items) + 1)[1:]
        shares = [seen[i] / item.solid.sum() if item.name else 1.0 for i, item in enumerate(items)]
        if not items or min(shares) >= stage.difficulty.visible:
            return items
        worst = int(np.argmin(shares))
        items = items[:worst] + items[worst + 1 :]


def _cast_shadow(canvas: np.ndarray, item: _Item, stage: _Stage, strength: float) -> None:
    """Darken what is below an item, away from the light: a soft shadow, and a dark line where the two touch."""
    height, width = canvas.shape[:2]
    coarse = max(1, round(min(height, width) / 60))  # soft shadows need no detail
    extent = (-(-width // coarse), -(-height // coarse))
    scale = np.diag([1 / coarse, 1 / coarse, 1.0])
    place = np.array([[1, 0, item.left], [0, 1, item.top], [0, 0, 1.0]]) @ item.matrix
    x, y, _ = stage.light.direction
    if stage.lying:
        reach = 0.05 * height
        casts = [(np.array([[1, 0, -x * reach], [0, 1, y * reach], [0, 0, 1.0]]), 0.012)]
    else:
        foot = item.top + item.foot[1]
        casts = []
        for length, soft in ((0.35, 0.025), (0.06, 0.01)):
            lean, flat = x * length, 0.6 * length
            flatten = np.array([[1, lean, -lean * foot], [0, flat, (1 - flat) * foot], [0, 0, 1.0]])
            casts.append((flatten, soft))
    clear = np.ones(extent[::-1], np.float32)
    for cast, soft in casts:
        shade = Image.fromarray(_transform(item.sprite.layers[..., 0], scale @ cast @ place, extent))
        clear *= 1 - strength / 255 * np.asarray(shade.filter(ImageFilter.GaussianBlur(soft * height / coarse)))
    canvas *= np.asarray(Image.fromarray(clear).resize((width, height), Image.Resampling.BILINEAR))[..., None]


def _paint(canvas: np.ndarray, item: _Item) -> None:
    """Lay an item over the canvas; through its transparent parts the background is seen, bent sideways."""
    size = canvas.shape[:2]
    there, here = item.window(size)
    layers = item.layers[here].astype(np.float32)
    cover, clear = layers[..., :1] / 255, layers[..., 1:2] / 255
    behind = canvas[there]
    if clear.any():
        bend = (layers[..., 2] - 128) / 64
        y, x = np.mgrid[there]
        y = np.clip(np.rint(y + bend * item.side[1]), 0, size[0] - 1).astype(np.intp)
        x = np.clip(np.rint(x + bend * item.side[0]), 0, size[1] - 1).astype(np.intp)
        behind = canvas[y, x]
    canvas[there] = canvas[there] * (1 - cover) + behind * clear + item.paint[here].astype(np.float32) / 255


def _photograph(rng: np.random.Generator, canvas: np.ndarray, difficulty: Difficulty) -> np.ndarray:
    """Take the picture: exposure, white balance, blur and noise; (H, W, 3) uint8."""
    gains = rng.uniform(*difficulty.exposure) * rng.uniform(0.92, 1.08, 3)
    pixels = np.clip(canvas * (255 * gains).astype(np.float32), 0, 255).astype(np.uint8)
    sigma = rng.uniform(*difficulty.blur) * canvas.shape[0] / 240
    blurred = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))
    # Noise in brightness only, as a camera's own processing removes most of the noise in colour.
    noise = rng.standard_normal(canvas.shape[:2], np.float32) * np.float32(255 * rng.uniform(*difficulty.noise))
    return np.clip(blurred + noise[..., None], 0, 255).astype(np.uint8)
