"""Where an outline crosses itself: by hand, against every pair of edges, and in bounded time."""

import math
import time
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.via.crossings import first_crossing

SQUARE = [(0, 0), (8, 0), (8, 8), (0, 8)]


def side(a, b, p):
    value = (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
    return (value > 0) - (value < 0)


def crosses(points):
    """Whether any two edges cross in their interiors, by the definition."""
    edges = list(zip(points, points[1:] + points[:1], strict=True))
    return any(
        side(a, b, c) * side(a, b, d) < 0 and side(c, d, a) * side(c, d, b) < 0
        for (a, b), (c, d) in combinations(edges, 2)
    )


@pytest.mark.parametrize(
    "points",
    [
        SQUARE,
        [*SQUARE, SQUARE[0]],
        [(0, 0), (0, 0), (8, 0), (8, 8)],
        # A bridge to a hole and back; an outline that touches itself in a point; one that runs back on itself.
        [*SQUARE, (0, 0), (2, 2), (2, 4), (4, 4), (4, 2), (2, 2)],
        [(2, 2), (10, 2), (6, 6), (10, 10), (2, 10), (6, 6)],
        [(0, 0), (8, 0), (8, 8), (8, 3), (8, 8), (0, 8)],
    ],
)
def test_touching_is_not_crossing(points):
    assert first_crossing(points) is None


def test_the_first_edge_that_is_crossed_counts():
    # The diagonals of the square from 2 to 10 meet in its middle.
    assert first_crossing([(2, 2), (10, 10), (10, 2), (2, 10)]) == (6, 6)
    # The first edge, at y = 0, is crossed by the third (x = 6) and by the fifth (x = 3).
    assert first_crossing([(0, 0), (9, 0), (6, 4), (6, -4), (3, -4), (3, 4)]) == (6, 0)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12))
def test_agrees_with_the_definition(points):
    assert (first_crossing(points) is not None) == crosses(points)


def test_twenty_thousand_points_with_a_bridge():
    angles = [2 * math.pi * i / 10_000 for i in range(10_000)]
    outer = [(500 + 400 * math.cos(a), 500 + 400 * math.sin(a)) for a in angles]
    inner = [(500 + 200 * math.cos(a), 500 - 200 * math.sin(a)) for a in angles]
    start = time.process_time()
    assert first_crossing([*outer, outer[0], *inner, inner[0]]) is None
    assert time.process_time() - start < 2  # 0.04 s; each edge against every other takes 10 s and more
