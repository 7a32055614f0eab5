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
        ((300, 400), (150, 202), True),  # both at 0.503, rounded by less than a pixel: 150.9 and 201.2
        ((300, 400), (150, 203), False),  # 203 is at least 202 / 400 = 0.505, and 150 at most 151 / 300 = 0.503
        ((100, 100), (50, 52), False),  # 51 and 51 would be a whole pixel away from both
    ],
)
def test_resized(before, now, expected):
    assert resized(before, now) == expected


@pytest.mark.parametrize(("across", "down"), [(-1, 0), (0, -1), (1, 0), (0, 1)])
def test_two_pixels_beyond_the_image_are_let_pass(across, down):
    """A rectangle of 20 x 10 at each border of the image, at its very limits."""
    x = {-1: 0, 0: 50, 1: WIDTH - 20}[across]
    y = {-1: 0, 0: 50, 1: HEIGHT - 10}[down]

    def moved(by):
        geometry = {"x": x + across * by, "y": y + down * by, "width": 20, "height": 10}
        placed, said = place(Region(0, "rect", geometry))
        assert placed in (None, Placed("rect", geometry))
        return said

    deep = 20 if across else 10
    assert moved(2) == []
    assert moved(2.5) == [("warning", "partly-outside")]
    assert moved(deep - 0.5) == [("warning", "partly-outside")]
    assert moved(deep) == [("refused", "outside-image")]


def advice(**geometry):
    _, (finding,) = place_region(Region(0, "rect", geometry), HEIGHT, WIDTH)
    return finding.advice


def test_advice_on_what_is_outside():
    """The image of 200 x 150 turned is 150 x 200."""
    turned = "it would fit the image turned by 90 degrees: undo a rotation made after annotating"
    border = "none if the object reaches the border; else check that the image was not resized since"
    assert advice(x=10, y=160, width=20, height=42) == turned  # down to 202: 2 pixels beyond the turned one
    assert advice(x=-2, y=140, width=154, height=20) == turned  # from -2 to 152
    assert advice(x=10, y=140, width=20, height=63) == border  # down to 203
    assert advice(x=-3, y=140, width=20, height=20) == border
    assert advice(x=140, y=140, width=13, height=20) == border  # to 153
    assert advice(x=10, y=160, width=20, height=43).startswith("use the image that was annotated")


@pytest.mark.parametrize(
    ("region", "code"),
    [
        (Region(0, "rect", {"x": 0, "y": 0, "width": 1e6, "height": 1e6}), "partly-outside"),
        (Region(0, "rect", {"x": 0, "y": 0, "width": 1e6 + 1, "height": 1e6}), "bad-coordinates"),
        (Region(0, "polygon", {"all_points_x": (0, 1e6, 0), "all_points_y": (0, 0, 1e6)}), "partly-outside"),
        (Region(0, "polygon", {"all_points_x": (0, 1e6 + 1, 0), "all_points_y": (0, 0, 9)}), "bad-coordinates"),
        (Region(0, "polygon", {"all_points_x": (0, 9, 0), "all_points_y": (0, 0, -1e6 - 1)}), "bad-coordinates"),
    ],
)
def test_a_million_pixels_are_the_limit(region, code):
    assert [found for _, found in place(region)[1]] == [code]


@pytest.mark.parametrize(
    ("shape", "geometry"),
    [
        ("polygon", {"all_points_x": (1, 9, 5), "all_points_y": (1, 1, 8)}),
        ("rect", {"x": 1, "y": 2, "width": 3, "height": 4}),
        ("circle", {"cx": 9, "cy": 9, "r": 3}),
        ("ellipse", {"cx": 9, "cy": 9, "rx": 3, "ry": 2, "theta": 0.5}),
    ],
)
def test_a_shape_without_a_name_is_known_by_its_numbers(shape, geometry):
    assert place(Region(0, "", geometry)) == (Placed(shape, geometry), [("warning", "unnamed-shape")])


@pytest.mark.parametrize(
    ("shape", "geometry"),
    [
        ("circle", {"cx": 9, "cy": 9, "r": 0.25}),
        ("ellipse", {"cx": 9, "cy": 9, "rx": 0.25, "ry": 0.5, "theta": 0.0}),
        ("rect", {"x": 9, "y": 9, "width": 0.25, "height": 0.5}),
    ],
)
def test_less_than_a_pixel_is_a_size(shape, geometry):
    assert place(Region(0, shape, geometry)) == (Placed(shape, geometry), [])


def test_only_one_side_is_negative():
    for size, expected in (((-4, 5), (6, 12, 4, 5)), ((4, -5), (10, 7, 4, 5))):
        placed, said = place(
            Region(0, "rect", dict(zip(("x", "y", "width", "height"), (10, 12, *size), strict=True)))
        )
        assert placed == Placed("rect", dict(zip(("x", "y", "width", "height"), expected, strict=True)))
        assert said == [("warning", "negative-size")]


def test_a_radius_is_scaled_by_the_mean_of_both_sides():
    # The geometric mean of 2 and 8 is 4, so that the area grows as the image's does.
    circle = Placed("circle", {"cx": 1, "cy": 2, "r": 3})
    assert scaled(circle, 2, 8).geometry == {"cx": 8, "cy": 4, "r": 12}


@pytest.mark.parametrize(
    ("shape", "geometry", "message"),
    [
        ("polygon", {"all_points_x": (1, 2)}, "the polygon has no list all_points_y"),
        ("polygon", {"all_points_y": (1, 2)}, "the polygon has no list all_points_x"),
        ("polygon", {"all_points_x": (1, 2, 3), "all_points_y": (1, 2)}, "the polygon has 3 x but 2 y coordinates"),
        ("rect", {"x": 1, "width": 3}, "the rect lacks y, height"),
        ("rect", {"x": 1, "y": 2, "width": 0, "height": 4}, "the rectangle is 0 x 4 pixels"),
        ("rect", {"x": 1, "y": 2, "width": 3, "height": 0}, "the rectangle is 3 x 0 pixels"),
        ("circle", {"cx": 1, "cy": 2, "r": 0}, "the circle has no size (radius 0)"),
        ("ellipse", {"cx": 1, "cy": 2, "rx": 0, "ry": 4}, "the ellipse has no size (radius 0 x 4)"),
        ("ellipse", {"cx": 1, "cy": 2, "rx": 4, "ry": -1}, "the ellipse has no size (radius 4 x -1)"),
        ("cuboid", {}, "the shape 'cuboid' encloses no known area"),
    ],
)
def test_what_is_said_of_numbers_that_do_not_fit(shape, geometry, message):
    placed, (finding,) = place_region(Region(0, shape, geometry), HEIGHT, WIDTH)
    assert (placed, finding.severity, finding.message) == (None, "refused", message)
