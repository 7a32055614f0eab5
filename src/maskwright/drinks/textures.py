"""The textures of drinks scenes: photographs that scikit-image ships, tabletops, and printed labels.

Colours are float32 RGB from 0 to 1. Nothing here knows the classes: bottles, cans and distractors take their
colours and labels from the same distributions, so neither tells them apart.
"""

import colorsys
import math
from functools import cache

import numpy as np
import skimage.data
from PIL import Image
from skimage.draw import disk, ellipse, polygon

from maskwright.drinks.difficulty import Difficulty

# Photographs are not shared between splits, so a network gains nothing on the test split by memorising backgrounds.
PHOTOGRAPHS: dict[str, tuple[str, ...]] = {
    "train": (
        "astronaut",
        "brick",
        "camera",
        "clock",
        "coffee",
        "gravel",
        "immunohistochemistry",
        "moon",
        "retina",
        "text",
    ),
    "validation": ("cell", "hubble_deep_field", "logo", "page"),
    "test": ("chelsea", "coins", "grass", "rocket", "stereo_motorcycle"),
}
"""Names of functions in `skimage.data` whose files come with the package: none of them needs a download."""

LABEL_SHAPE = (96, 128)
"""Rows and columns of a label, which covers the half of a body that faces the viewer."""

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@cache
def photograph(name: str) -> np.ndarray:
    """Return a photograph of `skimage.data` as (H, W, 3) uint8; kept in memory, as every scene needs some."""
    image = getattr(skimage.data, name)()
    if isinstance(image, tuple):  # a stereo pair and its disparity
        image = image[0]
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    elif image.shape[2] == 4:
        image = np.asarray(Image.fromarray(image).convert("RGB"))
    image.flags.writeable = False
    return image


def colour(
    rng: np.random.Generator, saturation: tuple[float, float], value: tuple[float, float] = (0.25, 1.0)
) -> np.ndarray:
    """Return one random colour, (3,): any hue, saturation and value within their ranges."""
    return np.array(colorsys.hsv_to_rgb(rng.uniform(), rng.uniform(*saturation), rng.uniform(*value)), np.float32)


def backdrop(
    rng: np.random.Generator, names: tuple[str, ...], size: tuple[int, int], difficulty: Difficulty
) -> np.ndarray:
    """Return a random crop of a random photograph, mirrored and re-coloured, as (H, W, 3).

    The crop has the proportions of `size` where the photograph allows, and at least 40 % of its shorter side.
    """
    image = photograph(names[rng.integers(len(names))])
    height, width = size
    zoom = min(image.shape[0] / height, image.shape[1] / width) * rng.uniform(0.4, 1.0)
    crop_height, crop_width = max(1.0, zoom * height), max(1.0, zoom * width)
    top = rng.uniform(0, max(image.shape[0] - crop_height, 0))
    left = rng.uniform(0, max(image.shape[1] - crop_width, 0))
    box = (left, top, min(left + crop_width, image.shape[1]), min(top + crop_height, image.shape[0]))
    crop = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, box=box)
    pixels = np.asarray(crop)
    if rng.uniform() < 0.5:
        pixels = pixels[:, ::-1]
    return _regrade(rng, pixels, difficulty)


def plain(rng: np.random.Generator, size: tuple[int, int], difficulty: Difficulty) -> np.ndarray:
    """Return a smooth surface, (H, W, 3): one colour with a gentle gradient."""
    height, width = size
    first, second = colour(rng, _dull(difficulty)), colour(rng, _dull(difficulty))
    second = 0.75 * first + 0.25 * second
    angle = rng.uniform(0, 2 * np.pi)
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    along = 0.5 + math.cos(angle) * x + math.sin(angle) * y
    return first + np.clip(along, 0, 1)[..., None] * (second - first)


def receding(rng: np.random.Generator, texture: np.ndarray, rows: int) -> np.ndarray:
    """Lay an (h, W, 3) texture flat and look along it: (rows, W, 3), its far edge on top.

    A point at row y shows the plane's distance f / (y + d), with d random: small d is a low camera.
    """
    height, width = texture.shape[:2]
    d = rows * rng.uniform(0.5, 1.6)
    f = height * d * (d + rows) / rows
    shift = -f / (d + rows)  # the near edge is the texture's row 0
    spread = 1.0  # columns: the whole width at the far edge, its middle at the near one
    coefficients = (
        spread,
        width / 2 / d,
        width / 2 - spread * width / 2,
        0.0,
        shift / d,
        f / d + shift,
        0.0,
        1 / d,
    )
    image = Image.fromarray(np.clip(texture * 255, 0, 255).astype(np.uint8))
    flat = image.transform((width, rows), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    return np.asarray(flat, np.float32) / 255


def label(rng: np.random.Generator, difficulty: Difficulty) -> np.ndarray:
    """Return a printed label, `LABEL_SHAPE` + (3,): a ground with stripes, discs and letter-like marks."""
    rows, columns = LABEL_SHAPE
    ground, second, third = (colour(rng, difficulty.saturation, difficulty.value) for _ in range(3))
    contrast = rng.uniform(*difficulty.print_contrast)
    second, third = (ground + contrast * (ink - ground) for ink in (second, third))
    canvas = np.empty((rows, columns, 3), np.float32)
    canvas[:] = ground
    _stripes(rng, canvas, second)
    if rng.uniform() < 0.6:
        _fruit(rng, canvas, third)
    if rng.uniform() < 0.7:
        ink = 1.0 if ground @ _GREY < 0.55 else 0.08
        _letters(rng, canvas, ground + min(1.5 * contrast, 1.0) * (ink - ground))
    return canvas


def _dull(difficulty: Difficulty) -> tuple[float, float]:
    """Return the saturation of backgrounds without colours of their own: 0.6 times that of photographs."""
    low, high = difficulty.background_saturation
    return 0.6 * low, min(0.6 * high, 1.0)


def _regrade(rng: np.random.Generator, pixels: np.ndarray, difficulty: Difficulty) -> np.ndarray:
    """Give (H, W, 3) uint8 pixels other colours, contrast and brightness, as (H, W, 3) from 0 to 1."""
    contrast, level = rng.uniform(*difficulty.background_contrast), rng.uniform(0.35, 0.6)
    if np.array_equal(pixels[..., 0], pixels[..., 1]):
        # A grey photograph gets two tones, or it would always be the same colourless backdrop.
        dull = _dull(difficulty)
        dark, light = 0.4 * colour(rng, dull), 0.6 + 0.4 * colour(rng, dull)
        matrix = np.outer(_GREY, light - dark)
    else:
        saturation = rng.uniform(*difficulty.background_saturation)
        to_grey = np.outer(_GREY, np.ones(3, np.float32))
        vivid = (np.eye(3, dtype=np.float32) - to_grey) @ _hue_rotation(rng.normal(0, 0.5)).T
        matrix = to_grey + saturation * vivid
    mixed = pixels.reshape(-1, 3).astype(np.float32) @ (matrix * np.float32(contrast / 255))
    mixed += np.float32(level) - mixed.mean(axis=0).mean()
    return np.clip(mixed, 0, 1).reshape(pixels.shape)


def _hue_rotation(angle: float) -> np.ndarray:
    """Return the (3, 3) rotation of RGB space about its grey axis."""
    c, s = np.cos(angle), np.sin(angle) / np.sqrt(3)
    t = (1 - c) / 3
    return np.array([[c + t, t - s, t + s], [t + s, c + t, t - s], [t - s, t + s, c + t]], np.float32)


def _stripes(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray) -> None:
    rows, columns = canvas.shape[:2]
    kind = rng.integers(4)
    if kind == 0:  # plain
        return
    y = np.arange(rows, dtype=np.float32)[:, None] / rows
    x = np.arange(columns, dtype=np.float32) / rows
    if kind == 1:  # bands across
        edges = np.sort(rng.uniform(0, 1, 4))
        on = ((y > edges[0]) & (y < edges[1])) | ((y > edges[2]) & (y < edges[3]))
        on = np.broadcast_to(on, (rows, columns))
    elif kind == 2:  # slanting or upright stripes
        slope, pitch = rng.uniform(-2, 2), rng.uniform(0.2, 0.7)
        on = ((x + slope * y) / pitch) % 1 < rng.uniform(0.25, 0.6)
    else:  # one side of a wave
        wave = rng.uniform(0.3, 0.7) + rng.uniform(0.05, 0.25) * np.sin(x * rng.uniform(3, 9) + rng.uniform(0, 6))
        on = y > wave
    canvas[on] = ink


def _fruit(rng: np.random.Generator, canvas: np.ndarray, skin: np.ndarray) -> None:
    rows, columns = canvas.shape[:2]
    for _ in range(rng.integers(1, 5)):
        row, column = rng.uniform(0.2, 0.85) * rows, rng.uniform(0.15, 0.85) * columns
        radius = rng.uniform(0.08, 0.2) * rows
        canvas[disk((row, column), radius, shape=(rows, columns))] = skin
        canvas[disk((row - radius / 3, column - radius / 3), radius / 3, shape=(rows, columns))] = 0.5 + skin / 2
        if rng.uniform() < 0.5:
            leaf = ellipse(row - radius, column + radius / 2, radius / 4, radius / 2, (rows, columns), rotation=0.5)
            canvas[leaf] = 0.6 * np.array([0.4, 0.8, 0.3], np.float32) + 0.2 * skin


def _letters(rng: np.random.Generator, canvas: np.ndarray, ink: np.ndarray) -> None:
    """Draw an unreadable word: each letter has some of seven bars, or a slanting stroke."""
    rows, columns = canvas.shape[:2]
    count = int(rng.integers(3, 7))
    height = rng.uniform(0.14, 0.28) * rows
    width = min(0.62 * height, 0.8 * columns / count)
    thick = max(2.0, 0.2 * height)
    top = rng.uniform(0.08, 0.9) * (rows - height)
    left = (columns - count * width * 1.25) * rng.uniform(0.3, 0.7)
    middle, low, right = (height - thick) / 2, height - thick, width - thick
    bars = [
        (0.0, 0.0, thick, width),
        (middle, 0.0, thick, width),
        (low, 0.0, thick, width),
        (0.0, 0.0, height / 2, thick),
        (0.0, right, height / 2, thick),
        (height / 2, 0.0, height / 2, thick),
        (height / 2, right, height / 2, thick),
    ]
    for i in range(count):
        x0 = left + i * width * 1.25
        chosen = rng.uniform(size=len(bars)) < 0.6
        for use, (y, x, h, w) in zip(chosen, bars, strict=True):
            if use:
                r0, c0 = round(top + y), round(x0 + x)
                canvas[max(r0, 0) : round(r0 + h), max(c0, 0) : round(c0 + w)] = ink
        if rng.uniform() < 0.25:
            slash_rows = np.array([top, top, top + height, top + height])
            slash_columns = np.array([x0, x0 + thick, x0 + width, x0 + width - thick])
            canvas[polygon(slash_rows, slash_columns, (rows, columns))] = ink
