"""The things in drinks scenes: bottles, cans and distractors, described as bodies of revolution.

Lengths are in units of the body's height; y points up and is 0 at the foot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.interpolate import PchipInterpolator

from maskwright.drinks.difficulty import Difficulty
from maskwright.drinks.textures import colour, label

CLASSES = ("water bottle", "soda can", "juice can")

SODA_CAN_RADIUS, WIDE_RADIUS = (0.2, 0.3), (0.28, 0.46)
SAMPLES = 512
STEEL = np.array([0.80, 0.81, 0.83], np.float32)


@dataclass(frozen=True)
class Body:
    """A body of revolution, described at `SAMPLES` evenly spaced heights from foot to top.

    Attributes:
        radius: (n,) in units of the height.
        colour: (n, 3).
        opacity: (n,) 1 for solid walls, less for transparent glass and plastic.
        metal: (n,) 1 where the wall mirrors its surroundings.
        printed: (n,) row of the label from its top (0) to its bottom (1); negative where there is none.
        label: `LABEL_SHAPE` + (3,).
        gloss: strength of highlights.
        top: what is seen from above.
        filled: height of the liquid's surface in a transparent body.
    """

    radius: np.ndarray
    colour: np.ndarray
    opacity: np.ndarray
    metal: np.ndarray
    printed: np.ndarray
    label: np.ndarray
    gloss: float
    top: Literal["flat", "tab", "rings", "open"]
    filled: float = 0.0


def make_drink(rng: np.random.Generator, name: str, difficulty: Difficulty) -> Body:
    """Return a random object of the class."""
    return {"water bottle": _water_bottle, "soda can": _soda_can, "juice can": _juice_can}[name](rng, difficulty)


def make_distractor(rng: np.random.Generator, difficulty: Difficulty) -> Body | None:
    """Return a random thing that is none of the classes; None stands for a box, which is not a body of revolution."""
    makers: list[Callable[[], Body] | None] = [
        lambda: _cup(rng, difficulty),
        lambda: _roll(rng, difficulty),
        lambda: _ball(rng, difficulty),
        lambda: _vase(rng, difficulty),
        None,
        None,
    ]
    make = makers[rng.integers(len(makers))]
    return make() if make else None


def _heights() -> np.ndarray:
    return np.linspace(0, 1, SAMPLES, dtype=np.float32)


def _profile(points: list[tuple[float, float]]) -> np.ndarray:
    """Return the radius at each sample through (y, radius) points, smooth and without overshoot."""
    y, radius = zip(*points, strict=True)
    return np.maximum(PchipInterpolator(y, radius)(_heights()), 1e-3).astype(np.float32)


def _printed(y: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.where((y >= low) & (y <= high), (high - y) / max(high - low, 1e-6), -1.0).astype(np.float32)


def _water_bottle(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    y = _heights()
    r = rng.uniform(0.135, 0.215)
    neck, cap_height, neck_height = r * rng.uniform(0.32, 0.48), rng.uniform(0.06, 0.1), rng.uniform(0.025, 0.06)
    cap = neck * rng.uniform(1.12, 1.3)
    cap_low = 1 - cap_height
    neck_low = cap_low - neck_height
    shoulder = neck_low - rng.uniform(0.1, 0.24)
    bulge = rng.uniform(0.35, 0.75)  # where the shoulder is half way between body and neck
    half = shoulder + bulge * (neck_low - shoulder)
    points = [(0, 0.86 * r), (0.03, r), (shoulder, r), (half, (r + neck) / 2), (neck_low, neck), (cap_low, neck)]
    radius = _profile([*points, (cap_low + 0.006, cap), (0.99, cap), (1, 0.93 * cap)])
    radius = np.where((y > cap_low - 0.012) & (y <= cap_low), 1.25 * neck, radius)  # the ring below the cap

    label_low = rng.uniform(0.06, 0.25)
    label_high = rng.uniform(max(label_low + 0.25, shoulder - 0.2), shoulder - 0.01)
    if rng.uniform() < 0.3:  # a sleeve that covers the shoulder too
        label_low, label_high = rng.uniform(0.02, 0.06), neck_low - rng.uniform(0.0, 0.05)
    printed = _printed(y, label_low, label_high)
    if rng.uniform() < 0.7:
        ribs = (printed < 0) & (y > 0.05) & (y < shoulder)
        radius = radius * np.where(ribs, 1 + 0.035 * np.sin(2 * np.pi * rng.uniform(14, 26) * y), 1)
    if rng.uniform() < 0.35:
        waist = rng.uniform(0.35, 0.55)
        radius = radius * (1 - rng.uniform(0.06, 0.14) * np.exp(-(((y - waist) / 0.09) ** 2)))

    tint, cap_colour = (
        colour(rng, difficulty.saturation, difficulty.value),
        colour(rng, difficulty.saturation, difficulty.value),
    )
    colours = np.where((y > cap_low - 0.012)[:, None], cap_colour, tint)
    opacity = np.where((y > cap_low - 0.012) | (printed >= 0), 1.0, rng.uniform(0.2, 0.65))
    return Body(
        radius=radius.astype(np.float32),
        colour=colours.astype(np.float32),
        opacity=opacity.astype(np.float32),
        metal=np.zeros(SAMPLES, np.float32),
        printed=printed,
        label=label(rng, difficulty),
        gloss=rng.uniform(0.4, 0.9),
        top="flat",
        filled=rng.uniform(0.2, neck_low),
    )


def _soda_can(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    y = _heights()
    r = rng.uniform(*SODA_CAN_RADIUS)
    foot, neck = r * (rng.uniform(*difficulty.taper) - 0.04), r * rng.uniform(*difficulty.taper)
    body_low, body_high = rng.uniform(0.06, 0.1), rng.uniform(0.8, 0.87)
    points = [(0, foot), (0.012, foot * 1.02), (body_low, r), (body_high, r), (0.955, neck), (0.968, neck)]
    radius = _profile([*points, (0.976, neck * 1.05), (1, neck * 1.05)])
    printed = _printed(y, rng.uniform(0.015, 0.045), rng.uniform(0.93, 0.96))
    return _tin(rng, difficulty, radius, printed, gloss=(0.4, 0.9), top="tab")


def _juice_can(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    y = _heights()
    r = rng.uniform(*(SODA_CAN_RADIUS if rng.uniform() < difficulty.alike else WIDE_RADIUS))
    # The rims are as thick on a squat tin as on a tall one, so in units of the height they grow with the radius.
    rim = rng.uniform(0.07, 0.1) * r + 0.008
    flare = rng.uniform(1.03, 1.07)
    points = [(0, r * flare), (rim, r * flare), (rim + 0.008, r * 0.975), (rim + 0.03, r), (0.97 - rim, r)]
    radius = _profile([*points, (0.992 - rim, r * 0.975), (1 - rim, r * flare), (1, r * flare)])
    if rng.uniform() < difficulty.ribbed:  # beads, the ribs pressed into a tin
        middle, half = rng.uniform(0.4, 0.6), rng.uniform(0.2, 0.36)
        pitch = rng.uniform(0.05, 0.09)
        wave = 0.5 + 0.5 * np.cos(2 * np.pi * (y - middle) / pitch)
        radius = radius * np.where(np.abs(y - middle) < half, 1 - rng.uniform(*difficulty.ribs) * wave, 1)
    low, high = rim + 0.012, 0.988 - rim
    if rng.uniform() < 0.3:  # bare metal above and below the paper
        low, high = low + rng.uniform(0.03, 0.15), high - rng.uniform(0.03, 0.15)
    printed = _printed(y, low, high)
    return _tin(rng, difficulty, radius, printed, gloss=(0.2, 0.8), top="rings")


def _tin(
    rng: np.random.Generator,
    difficulty: Difficulty,
    radius: np.ndarray,
    printed: np.ndarray,
    *,
    gloss: tuple[float, float],
    top: Literal["tab", "rings"],
) -> Body:
    """Return a steel can, which is bare metal where nothing is printed on it."""
    return Body(
        radius=radius.astype(np.float32),
        colour=np.broadcast_to(STEEL, (SAMPLES, 3)),
        opacity=np.ones(SAMPLES, np.float32),
        metal=np.where(printed < 0, 1.0, rng.uniform(0.0, 0.35)).astype(np.float32),
        printed=printed,
        label=label(rng, difficulty),
        gloss=rng.uniform(*gloss),
        top=top,
    )


def _distractor(
    rng: np.random.Generator,
    difficulty: Difficulty,
    radius: np.ndarray,
    top: Literal["flat", "open"],
    opacity: float = 1.0,
) -> Body:
    printed = np.full(SAMPLES, -1.0, np.float32)
    if opacity == 1 and rng.uniform() < 0.6:
        printed = _printed(_heights(), rng.uniform(0.0, 0.3), rng.uniform(0.6, 1.0))
    return Body(
        radius=radius,
        colour=np.broadcast_to(colour(rng, difficulty.saturation, difficulty.value), (SAMPLES, 3)),
        opacity=np.where(printed >= 0, 1.0, opacity).astype(np.float32),
        metal=np.full(SAMPLES, rng.choice([0.0, 0.0, 0.6]), np.float32),
        printed=printed,
        label=label(rng, difficulty),
        gloss=rng.uniform(0.0, 0.8),
        top=top,
        filled=rng.uniform(0.1, 0.7),
    )


def _cup(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    r = rng.uniform(0.3, 0.5)
    radius = _profile([(0, r * rng.uniform(0.5, 0.75)), (0.5, r * rng.uniform(0.8, 0.95)), (1, r)])
    return _distractor(rng, difficulty, radius, "open", opacity=rng.choice([1.0, 1.0, 0.3]))


def _roll(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    r = rng.uniform(0.16, 0.4)
    top: Literal["flat", "open"] = "open" if rng.uniform() < 0.5 else "flat"
    edge = rng.uniform(0.02, 0.12)
    return _distractor(rng, difficulty, _profile([(0, r), (1 - edge, r), (1, r * (0.97 - edge))]), top)


def _ball(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    y = _heights()
    radius = np.sqrt(np.maximum(y * (1 - y), 1e-5)).astype(np.float32)
    return _distractor(rng, difficulty, radius, "flat")


def _vase(rng: np.random.Generator, difficulty: Difficulty) -> Body:
    r = rng.uniform(0.2, 0.36)
    belly = rng.uniform(0.25, 0.55)
    points = [
        (0, r * rng.uniform(0.4, 0.7)),
        (belly, r),
        (0.85, r * rng.uniform(0.35, 0.6)),
        (1, r * rng.uniform(0.6, 0.9)),
    ]
    return _distractor(rng, difficulty, _profile(points), "open")
