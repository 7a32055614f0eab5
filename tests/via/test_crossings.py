"""Where an outline crosses itself: by hand, against every pair of edges, and with bounded work."""

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.via import crossings
from maskwright.via.crossings import first_crossing

SQUARE = [(0, 0), (8, 0), (8, 8), (0, 8)]
BRIDGED = [*SQUARE, (0, 0), (2, 2), (2, 4), (4, 4), (4, 2), (2, 2)]


def side(a, b, p):
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])


def by_every_pair(points):
    """Return the first crossing by the definition, in exact numbers."""
    points = [(Fraction(x), Fraction(y)) for x, y in points]
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    for (a, b), (c, d) in combinations(edges, 2):
        from_c, from_d = side(a, b, c), side(a, b, d)
        if from_c * from_d < 0 and side(c, d, a) * side(c, d, b) < 0:
            share = from_c / (from_c - from_d)
            return float(c[0] + share * (d[0] - c[0])), float(c[1] + share * (d[1] - c[1]))
    return None


def hatching(teeth):
    """Return long teeth that lie side by side on a bar, and a hole in the bar, which a bridge leads to."""
    tips = [point for k in range(teeth) for point in ((k, 100), (k + 0.5 + 10 * teeth, 900))]
    bar = [(teeth, 100), (teeth, 0), (0, 0)]
    return [*tips, *bar, (20, 20), (20, 60), (60, 60), (60, 20), (20, 20), (0, 0)]


@pytest.mark.parametrize(
    "points",
    [
        SQUARE,
        [*SQUARE, SQUARE[0]],
        [(0, 0), (0, 0), (8, 0), (8, 8)],
        # A bridge to a hole and back; an outline that touches itself in a point; one that runs back on itself.
        BRIDGED,
        [(2, 2), (10, 2), (6, 6), (10, 10), (2, 10), (6, 6)],
        [(0, 0), (8, 0), (8, 8), (8, 3), (8, 8), (0, 8)],
        hatching(200),
    ],
)
def test_touching_is_not_crossing(points):
    assert first_crossing(points) is None


@pytest.mark.parametrize(
    ("points", "place"),
    [
        # The diagonals of the square from 2 to 10 meet in its middle.
        ([(2, 2), (10, 10), (10, 2), (2, 10)], (6, 6)),
        # The first edge, at y = 0, is crossed by the third (x = 6) and by the fifth (x = 3).
        ([(0, 0), (9, 0), (6, 4), (6, -4), (3, -4), (3, 4)], (6, 0)),
        # At a quarter of the later edge, and at a third of the earlier one.
        ([(0, 0), (9, 0), (3, 2), (3, -6)], (3, 0)),
        # The last edge, from the last point to the first, crosses the second.
        ([(0, 0), (2, 4), (10, 0), (8, 4)], (5, 2.5)),
    ],
)
def test_the_place_is_on_the_first_edge_that_is_crossed(points, place):
    assert first_crossing(points) == pytest.approx(place) == by_every_pair(points)


outlines = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=20)


def agrees(points):
    expected = by_every_pair(points)
    return first_crossing(points) == (expected and pytest.approx(expected))


@settings(deadline=None, max_examples=300)
@given(outlines)
def test_agrees_with_the_definition(points):
    assert agrees(points)


@settings(deadline=None, max_examples=300)
@given(outlines)
def test_an_outline_of_many_runs_agrees_with_the_definition(points):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crossings, "_FEW", 0)
        patch.setattr(crossings, "_RUN", 3)
        patch.setattr(crossings, "_RUNS_AT_ONCE", 2)
        assert agrees(points)


def test_an_outline_of_many_points_agrees_with_the_definition():
    turns = [0.5 * turn for turn in range(1500)]
    # The last edge closes the spiral and crosses its windings, first the innermost one.
    assert agrees([(1000 + turn * math.cos(turn), 1000 + turn * math.sin(turn)) for turn in turns])


def test_a_tip_among_the_last_teeth_of_a_hatching_is_found(monkeypatch):
    monkeypatch.setattr(crossings, "_FEW", 0)
    outline = hatching(80)
    outline[155] = (850, 500)  # moved into the teeth before it
    assert first_crossing(outline) is not None
    assert agrees(outline)


def test_rounding_makes_no_crossing():
    # Whether the last edge crosses the second is decided beyond the digits that a product is rounded to.
    touching = [(0.7, 0.8), (0.3, 0.4), (0.5, 0.4), (0.4, 0.2)]
    assert list(crossings._crossing_pairs(np.array(touching)))
    assert agrees(touching)
    assert first_crossing(touching) is None


@pytest.mark.parametrize("count", [5_000, 20_000])
def test_only_runs_whose_boxes_meet_are_compared(monkeypatch, count):
    compared = []
    crossed = crossings._crossed
    monkeypatch.setattr(crossings, "_crossed", lambda run, others: compared.append(others) or crossed(run, others))
    angles = [2 * math.pi * i / (count // 2) for i in range(count // 2)]
    outer = [(500 + 400 * math.cos(a), 500 + 400 * math.sin(a)) for a in angles]
    inner = [(500 + 200 * math.cos(a), 500 - 200 * math.sin(a)) for a in angles]
    assert first_crossing([*outer, outer[0], *inner, inner[0]]) is None
    runs = math.ceil((count + 2) / crossings._RUN)
    # Each run meets itself, the next one, and few others: a number that does not grow with that of the points.
    assert sum(others.shape[1] for others in compared) < 4 * runs
