"""Shapes that are worked out before use: VIA 3's extreme ones, run lengths, and those of a resized image."""

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from maskwright.via.model import Region
from maskwright.via.shapes import Placed, place_region, resized, scaled

HEIGHT, WIDTH = 150, 200


def extreme(shape, *points):
    xs, ys = zip(*points, strict=True) if points else ((), ())
    return Region(0, f"extreme {shape}", {"all_points_x": xs, "all_points_y": ys})


def run_lengths(shape="rle", *, rows=3, columns=4, **more):
    return Region(0, shape, {"rows": rows, "columns": columns, **more})


def place(region, height=HEIGHT, width=WIDTH):
    placed, findings = place_region(region, height, width)
    return placed, [(finding.severity, finding.code) for finding in findings]


def test_extreme_rectangle_is_the_points_box():
    placed, said = place(extreme("rectangle", (190, 80), (120, 20), (100, 60), (130, 140)))
    assert placed == Placed("rect", {"x": 100, "y": 20, "width": 90, "height": 120})
    assert said == []


def test_extreme_circle_goes_through_its_points():
    # (20, 100), (60, 100) and (40, 120) are 20 away from (40, 100).
    placed, said = place(extreme("circle", (20, 100), (60, 100), (40, 120)))
    assert placed == Placed("circle", {"cx": 40, "cy": 100, "r": 20})
    assert said == []


circle_points = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), min_size=3, max_size=3)


@settings(deadline=None, max_examples=100)
@given(circle_points)
def test_every_extreme_circle_goes_through_its_points(points):
    placed, said = place(extreme("circle", *points), 10**5, 10**5)
    assume(placed is not None)
    geometry = placed.geometry
    for x, y in points:
        away = math.hypot(x - geometry["cx"], y - geometry["cy"])
        assert away == pytest.approx(geometry["r"], rel=1e-6)
    assert said in ([], [("warning", "partly-outside")])


@pytest.mark.parametrize(
    ("region", "code"),
    [
        (extreme("circle", (1, 1), (5, 5), (9, 9)), "no-area"),
        (extreme("circle", (1, 1), (1, 1), (9, 3)), "no-area"),
        (extreme("circle", (1, 1), (5, 5)), "bad-coordinates"),
        (extreme("circle", (1, 1), (5, math.nan), (9, 3)), "bad-coordinates"),
        (extreme("circle", (0, 0), (1e6, 1), (-1e6, 1)), "bad-coordinates"),  # a radius of 5e11
        (extreme("rectangle", (1, 1), (5, 5), (9, 9)), "bad-coordinates"),
        (extreme("rectangle", (1, 1), (1, 5), (1, 9), (1, 2)), "zero-size"),
        (extreme("rectangle"), "bad-coordinates"),
        (Region(0, "extreme rectangle", {}), "bad-coordinates"),
    ],
)
def test_extreme_shapes_that_are_none(region, code):
    placed, said = place(region)
    assert (placed, said) == (None, [("refused", code)])


def test_segment_is_not_used_and_lost_coordinates_are_refused():
    assert place(Region(0, "segment", {})) == (None, [("warning", "segment")])
    placed, findings = place_region(Region(0, "not exported", {}), HEIGHT, WIDTH)
    assert placed is None
    assert [(f.severity, f.advice) for f in findings] == [("refused", "export the annotations from VIA as JSON")]


def test_run_lengths_become_the_outline_of_their_pixels():
    # 3 rows, 4 columns, column by column: 4 out, 2 in, 1 out, 2 in, 3 out: the rows 1 and 2 of the columns 1 and 2.
    placed, said = place(run_lengths(counts=(4, 2, 1, 2, 3)), 3, 4)
    assert placed == Placed("polygon", {"all_points_x": (1, 3, 3, 1), "all_points_y": (1, 1, 3, 3)})
    assert said == []
    assert place(run_lengths("crowd", counts=(4, 2, 1, 2, 3)), 3, 4) == (placed, [("warning", "crowd")])


def test_run_lengths_that_cannot_be_used_leave_their_box():
    box = {"x": 1, "y": 1, "width": 2, "height": 2}
    for height, width, counts in ((3, 4, (4, 2)), (4, 3, (4, 2, 1, 2, 3))):
        placed, said = place(run_lengths(counts=counts, **box), height, width)
        assert placed == Placed("rect", box)
        assert said == [("refused", "rle")]
    assert place(run_lengths(counts=(4, 2)), 3, 4) == (None, [("refused", "rle")])
    assert place(run_lengths(counts=(12,)), 3, 4) == (None, [("refused", "zero-size")])


def test_scaled_to_another_size():
    polygon = Placed("polygon", {"all_points_x": (0, 10), "all_points_y": (4, 8)})
    assert scaled(polygon, 0.5, 2).geometry == {"all_points_x": (0, 20), "all_points_y": (2, 4)}
    rect = Placed("rect", {"x": 1, "y": 2, "width": 3, "height": 4})
    assert scaled(rect, 0.5, 2).geometry == {"x": 2, "y": 1, "width": 6, "height": 2}
    ellipse = Placed("ellipse", {"cx": 1, "cy": 2, "rx": 3, "ry": 4, "theta": 0.5})
    assert scaled(ellipse, 2, 2).geometry == {"cx": 2, "cy": 4, "rx": 6, "ry": 8, "theta": 0.5}


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ((300, 400), (150, 200), True),
        ((300, 400), (768, 1024), True),
        ((1080, 1921), (100, 178), True),  # 177.87 is rounded
        ((300, 400), (400, 300), False),
        ((300, 400), (300, 300), False),
        ((300, 400), (150, 210), False),
    ],
)
def test_resized(before, now, expected):
    assert resized(before, now) == expected
