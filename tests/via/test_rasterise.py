import math
import tracemalloc

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from matplotlib.path import Path as Outline
from skimage.draw import polygon as skimage_polygon

from maskwright.photos.images import IGNORE
from maskwright.via import rasterise as rasterise_module
from maskwright.via.model import LabelledRegion
from maskwright.via.rasterise import Overlap, all_spans, bounding_boxes, overlaps, rasterise, region_spans

H, W = 24, 32


def polygon(points, class_index=1, number=0, shape="polygon"):
    xs, ys = zip(*points, strict=True)
    return LabelledRegion(number, class_index, shape, {"all_points_x": xs, "all_points_y": ys})


def rect(x, y, width, height, class_index=1, number=0):
    return LabelledRegion(number, class_index, "rect", {"x": x, "y": y, "width": width, "height": height})


def ellipse(cx, cy, rx, ry, theta=0.0, class_index=1):
    geometry = {"cx": cx, "cy": cy, "rx": rx, "ry": ry, "theta": theta}
    return LabelledRegion(0, class_index, "ellipse", geometry)


def circle(cx, cy, r, class_index=1):
    return LabelledRegion(0, class_index, "circle", {"cx": cx, "cy": cy, "r": r})


def inside(region, height=H, width=W):
    return rasterise([region], height, width) > 0


def even_odd(points, x, y):
    """One point in a polygon, by the definition: an odd number of edges pass at its left, or through it."""
    count = 0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if y0 > y1:
            x0, y0, x1, y1 = x1, y1, x0, y0
        if y0 <= y < y1 and x0 + (y - y0) * (x1 - x0) / (y1 - y0) <= x:
            count += 1
    return count % 2 == 1


steady = settings(deadline=None, max_examples=60)
whole = st.integers(-8, 40)
fractional = st.floats(-8, 40, allow_nan=False).map(lambda v: round(v, 3))
whole_points = st.lists(st.tuples(whole, whole), min_size=3, max_size=9)
any_points = st.lists(st.tuples(fractional, fractional), min_size=3, max_size=9)


def around_their_middle(points):
    """Return points in the order of their angle, so that the outline hardly ever crosses itself."""
    x, y = np.mean(points, axis=0)
    return sorted(points, key=lambda point: math.atan2(point[1] - y, point[0] - x))


# Points in any order cross more often than not, so hypothesis would throw most of them away.
mostly_simple = st.one_of(any_points, any_points.map(around_their_middle))


def test_square_from_corner_to_corner():
    # x from 1 to 3 and y from 1 to 2 holds the centres 1.5, 2.5 and 1.5.
    mask = rasterise([polygon([(1, 1), (3, 1), (3, 2), (1, 2)], class_index=7)], 3, 4)
    assert mask.dtype == np.uint8
    assert mask.tolist() == [[0, 0, 0, 0], [0, 7, 7, 0], [0, 0, 0, 0]]


def test_centre_on_an_edge_belongs_to_the_right_and_below():
    # From 0.5 to 2.5: the centres 0.5 and 1.5 are inside, 2.5 is not.
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    assert rasterise([polygon([(0.5, 0.5), (2.5, 0.5), (2.5, 2.5), (0.5, 2.5)])], 3, 4).tolist() == expected
    assert rasterise([rect(0.5, 0.5, 2, 2)], 3, 4).tolist() == expected


def test_whole_image_and_one_pixel():
    assert inside(polygon([(0, 0), (W, 0), (W, H), (0, H)])).all()
    assert rasterise([rect(0, 0, 1, 1)], 1, 1).tolist() == [[1]]
    assert rasterise([], 1, 1).tolist() == [[0]]


def test_later_over_earlier():
    mask = rasterise([rect(0, 0, 2, 1), rect(1, 0, 2, 1, class_index=2), rect(2, 0, 1, 1, IGNORE)], 1, 4)
    assert mask.tolist() == [[1, 2, 255, 0]]


def test_crossing_outline_is_filled_even_odd():
    # A square walked round twice is empty; a bow tie has both halves (2 x 4 each at a height of 4: area 4 + 4).
    twice = [(2, 2), (6, 2), (6, 6), (2, 6)] * 2
    assert not inside(polygon(twice)).any()
    bow = inside(polygon([(4, 4), (12, 12), (12, 4), (4, 12)]))
    assert bow[8, 5]
    assert bow[8, 10]
    assert not bow[5, 8]
    assert not bow[11, 8]


def test_repeated_vertices_and_no_area():
    square = [(1, 1), (5, 1), (5, 4), (1, 4)]
    doubled = [p for p in square for _ in range(3)]
    assert np.array_equal(inside(polygon(doubled)), inside(polygon(square)))
    assert np.array_equal(inside(polygon([*square, square[0]])), inside(polygon(square)))
    assert not inside(polygon([(3, 3), (9, 9), (3, 3)])).any()
    assert not inside(rect(3, 3, 0, 5)).any()
    assert not inside(circle(5, 5, 0)).any()
    assert not inside(ellipse(5, 5, 4, 0, 0.3)).any()


def test_polyline_is_closed():
    points = [(2, 2), (9, 3), (5, 11)]
    assert np.array_equal(inside(polygon(points, shape="polyline")), inside(polygon(points)))


def test_point_is_refused():
    with pytest.raises(ValueError, match="region 4: a point has no area"):
        rasterise([LabelledRegion(4, 1, "point", {"cx": 1, "cy": 1})], 3, 3)


def test_hugely_out_of_bounds():
    far = 1_000_000
    assert inside(polygon([(-far, -far), (far, -far), (far, far), (-far, far)])).all()
    assert inside(circle(0, 0, far)).all()
    # Below the diagonal, whose centres belong to the shape on their right: above, or below, exclusive of one side.
    half = inside(polygon([(-far, -far), (far, far), (-far, far)]), 8, 8)
    assert np.array_equal(half, np.tril(np.ones((8, 8), bool), -1))
    assert not inside(polygon([(far, far), (2 * far, far), (far, 2 * far)])).any()
    assert not inside(rect(-1e300, -1e300, 1, 1)).any()
    assert inside(rect(-1e300, -1e300, 2e300, 2e300)).all()


def test_small_circle_by_hand():
    # r = 2.5 round the centre of pixel (2, 2). Offsets (dx, dy): the row dy = 0 reaches 2.5, so dx = -2..2;
    # dy = 1: sqrt(6.25 - 1) = 2.29, -2..2; dy = 2: sqrt(6.25 - 4) = 1.5, -1..1.
    expected = ["01110", "11111", "11111", "11111", "01110"]
    mask = rasterise([circle(2.5, 2.5, 2.5)], 5, 5)
    assert ["".join(map(str, row)) for row in mask.tolist()] == expected


def test_ellipse_turns_clockwise_on_screen():
    # Long axis along (cos t, sin t) with y down: at t = 45 degrees it points to the lower right.
    mask = inside(ellipse(12, 12, 10, 2, math.pi / 4), 24, 24)
    assert mask[17, 17]
    assert mask[6, 6]
    assert not mask[6, 17]
    assert not mask[17, 6]


@steady
@given(whole_points)
def test_agrees_with_the_definition(points):
    expected = [[even_odd(points, c + 0.5, r + 0.5) for c in range(W)] for r in range(H)]
    assert inside(polygon(points)).tolist() == expected


@steady
@given(mostly_simple)
def test_agrees_with_shapely_on_simple_polygons(points):
    outline = shapely.Polygon(points)
    assume(outline.is_valid)
    x, y = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    centres = shapely.points(x, y)
    decided = shapely.distance(outline.exterior, centres) > 1e-6
    assert np.array_equal(inside(polygon(points))[decided], shapely.contains_xy(outline, x, y)[decided])


@steady
@given(any_points)
def test_agrees_with_matplotlib_and_scikit_image(points):
    outline = shapely.Polygon(points)
    assume(outline.is_valid)
    x, y = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    decided = shapely.distance(outline.exterior, shapely.points(x, y)) > 1e-6
    ours = inside(polygon(points))
    centres = np.stack([x.ravel(), y.ravel()], axis=1)
    theirs = Outline([*points, points[0]], closed=True).contains_points(centres).reshape(H, W)
    assert np.array_equal(ours[decided], theirs[decided])
    # scikit-image has its vertices at pixel centres, so half a pixel away from VIA's.
    xs, ys = np.array(points).T
    theirs = np.zeros((H, W), bool)
    theirs[skimage_polygon(ys - 0.5, xs - 0.5, (H, W))] = True
    assert np.array_equal(ours[decided], theirs[decided])


@steady
@given(whole_points, st.integers(-6, 6), st.integers(-6, 6))
def test_moves_with_its_vertices(points, dx, dy):
    pad = 60
    here = rasterise([polygon([(x + pad, y + pad) for x, y in points])], 160, 160)
    there = rasterise([polygon([(x + pad + dx, y + pad + dy) for x, y in points])], 160, 160)
    assert np.array_equal(np.roll(here, (dy, dx), axis=(0, 1)), there)


@steady
@given(any_points, st.integers(0, 8), st.booleans())
def test_start_and_direction_do_not_matter(points, start, reverse):
    start %= len(points)
    other = points[start:] + points[:start]
    assert np.array_equal(inside(polygon(points)), inside(polygon(other[::-1] if reverse else other)))


@steady
@given(st.lists(st.tuples(fractional, fractional), max_size=7))
def test_two_sides_of_a_cut_fill_the_image_once(cut):
    # A path from the left border's corner to the right border's corner cuts the image in two; each pixel must be on
    # exactly one side, however the path winds (where it crosses itself, too: even-odd is additive).
    path = [(0, 0), *cut, (W, H)]
    above = inside(polygon([*path, (W, 0)]))
    below = inside(polygon([*path, (0, H)]))
    assert np.array_equal(above ^ below, np.ones((H, W), bool))


@steady
@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 12),
    st.floats(20, 60),
)
def test_area_is_unbiased(seed, count, radius):
    """The mean count of pixels over random shifts is the area: the standard error says how near."""
    generator = np.random.default_rng(seed)
    angles = np.sort(generator.uniform(0, 2 * math.pi, count))
    radii = radius * generator.uniform(0.4, 1, count)
    points = np.stack([80 + radii * np.cos(angles), 80 + radii * np.sin(angles)], axis=1)
    outline = shapely.Polygon(points)
    assume(outline.is_valid)
    area = outline.area
    counts = [
        np.diff(region_spans(polygon((points + generator.uniform(0, 1, 2)).tolist()), 160, 160)).sum()
        for _ in range(100)
    ]
    # A sliver rarely holds a centre, so that 100 counts may show no spread; theirs is then about Poisson's.
    assert abs(np.mean(counts) - area) <= 6 * max(np.std(counts), math.sqrt(area), 0.5) / 10


@steady
@given(fractional, fractional, st.floats(0.1, 30), st.floats(0.1, 30), st.floats(-4, 4))
def test_ellipse_agrees_with_its_equation(cx, cy, rx, ry, theta):
    x, y = np.meshgrid(np.arange(W) + 0.5 - cx, np.arange(H) + 0.5 - cy)
    along, across = x * math.cos(theta) + y * math.sin(theta), y * math.cos(theta) - x * math.sin(theta)
    level = (along / rx) ** 2 + (across / ry) ** 2
    decided = abs(level - 1) > 1e-9
    assert np.array_equal(inside(ellipse(cx, cy, rx, ry, theta))[decided], (level < 1)[decided])


@steady
@given(fractional, fractional, st.floats(0, 40), st.floats(0, 40))
def test_rect_is_its_polygon(x, y, width, height):
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
    assert np.array_equal(inside(rect(x, y, width, height)), inside(polygon(corners)))


@steady
@given(any_points)
def test_spans_are_sorted_disjoint_and_within_a_row(points):
    spans = region_spans(polygon(points), H, W)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans[1:, 0] >= spans[:-1, 1]).all()
    assert (spans[:, 0] // W == (spans[:, 1] - 1) // W).all()


@steady
@given(st.lists(any_points, min_size=1, max_size=4), st.integers(1, 60))
def test_bands_of_rows_give_the_same_spans(outlines, at_once):
    regions = [polygon(points) for points in outlines]
    whole = all_spans(regions, H, W)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rasterise_module, "_CROSSINGS_AT_ONCE", at_once)
        banded = all_spans(regions, H, W)
    assert all(np.array_equal(one, other) for one, other in zip(whole, banded, strict=True))


def test_a_hatching_is_cut_in_bands_that_need_little_memory(monkeypatch):
    # Each of 2,000 edges crosses 1,000 rows. The spans are narrower than a pixel, and most hold no centre.
    teeth = polygon([(10 + k / 500, 1000 * (k % 2)) for k in range(2000)])
    tracemalloc.start()
    peaks = []
    for at_once in (10_000_000, 100_000):
        monkeypatch.setattr(rasterise_module, "_CROSSINGS_AT_ONCE", at_once)
        tracemalloc.reset_peak()
        region_spans(teeth, 1000, 100)
        peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert peaks[1] < peaks[0] / 5


def test_overlaps_by_hand():
    regions = [rect(0, 0, 4, 4, 1, 0), rect(3, 2, 4, 4, 2, 1), rect(0, 0, 9, 9, 1, 2), rect(20, 20, 2, 2, 2, 3)]
    # 0 and 1 share x 3..4 and y 2..4: 2 pixels; 1 lies within 2: 16 pixels; 0 and 2 are of one class; 3 is alone.
    assert overlaps(regions, H, W) == [Overlap(0, 1, 2), Overlap(1, 2, 16)]


def test_overlaps_leave_out_unknown_classes_and_shared_edges():
    assert overlaps([rect(0, 0, 4, 4, 1, 0), rect(0, 0, 4, 4, IGNORE, 1)], H, W) == []
    assert overlaps([rect(0, 0, 4, 4, 1, 0), rect(4, 0, 4, 4, 2, 1)], H, W) == []


@steady
@given(st.lists(st.tuples(any_points, st.integers(1, 3)), max_size=5))
def test_overlaps_agree_with_masks(drawn):
    regions = [polygon(points, index, number) for number, (points, index) in enumerate(drawn)]
    masks = [inside(region) for region in regions]
    expected = [
        Overlap(i, j, int((masks[i] & masks[j]).sum()))
        for i in range(len(regions))
        for j in range(i + 1, len(regions))
        if regions[i].class_index != regions[j].class_index and (masks[i] & masks[j]).any()
    ]
    assert overlaps(regions, H, W) == expected


def test_boxes_by_hand():
    regions = [
        rect(-3, 2, 10, 4),  # clipped at the left
        polygon([(30, 10), (40, 15), (30, 20)]),  # cut at x = 32, where y is 11 and 19
        circle(16, 12, 5),
        circle(-3, 12, 5),  # crosses x = 0 at y = 12 -+ 4, reaches x = 2
        rect(100, 100, 5, 5),
        polygon([(-10, 5), (5, -10), (5, -20), (-20, 5)]),  # goes round the corner without touching the image
    ]
    expected = [[0, 2, 7, 4], [30, 10, 2, 10], [11, 7, 10, 10], [0, 8, 2, 8], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert bounding_boxes(regions, H, W) == pytest.approx(np.array(expected))


def test_box_does_not_reach_where_only_the_outside_does():
    # Its tip at (-10, 0) is outside; at x = 0 the edges from there to (10, -+8) are at y = 12 -+ 4.
    box = bounding_boxes([polygon([(-10, 12), (10, 4), (10, 20)])], H, W)[0]
    assert box == pytest.approx([0, 4, 10, 16])
    far = bounding_boxes([polygon([(-10, -10), (1000, -10), (-10, 1000)])], H, W)[0]
    assert far == pytest.approx([0, 0, W, H])


def test_a_tip_on_the_images_edge_counts():
    # From x = -10 to a tip at x = 32, it is at x = 0 after 10/42 of its way, at y = 5 + 50/42 and 15 - 50/42.
    # From y = -10 to a tip at y = 24, it is at y = 0 after 10/34, at x = 5 + 50/34 and 15 - 50/34.
    across, down = 50 / (W + 10), 50 / (H + 10)
    for points, expected in (
        ([(-10, 5), (W, 10), (-10, 15)], [0, 5 + across, W, 10 - 2 * across]),
        ([(W + 10, 5), (0, 10), (W + 10, 15)], [0, 5 + across, W, 10 - 2 * across]),
        ([(5, -10), (10, H), (15, -10)], [5 + down, 0, 10 - 2 * down, H]),
        ([(5, H + 10), (10, 0), (15, H + 10)], [5 + down, 0, 10 - 2 * down, H]),
    ):
        assert bounding_boxes([polygon(points)], H, W)[0] == pytest.approx(expected)


def test_an_edge_along_the_images_edge_counts_where_its_ends_are_outside():
    # At x = 0, the sides are at y = 24 - 14 * 10/26, but the lower edge is at y = 24, the image's height.
    for points, expected in (
        ([(-10, H), (W + 10, H), (16, 10)], [0, 10, W, 14]),
        ([(-10, 0), (W + 10, 0), (16, 10)], [0, 0, W, 10]),
        ([(W, -10), (W, H + 10), (10, 12)], [10, 0, 22, H]),
        ([(0, -10), (0, H + 10), (10, 12)], [0, 0, 10, H]),
    ):
        assert bounding_boxes([polygon(points)], H, W)[0] == pytest.approx(expected)


def test_the_box_of_what_only_touches_the_image_is_a_line_there():
    regions = [rect(-3, 2, 3, 4), rect(W, 2, 3, 4), rect(5, -3, 6, 3), rect(5, H, 6, 3)]
    expected = [[0, 2, 0, 4], [W, 2, 0, 4], [5, 0, 6, 0], [5, H, 6, 0]]
    assert np.array_equal(bounding_boxes(regions, H, W), expected)


@steady
@given(mostly_simple)
def test_boxes_agree_with_shapely(points):
    outline = shapely.Polygon(points)
    assume(outline.is_valid)
    part = shapely.intersection(outline, shapely.box(0, 0, W, H))
    assume(part.area > 1e-3)
    left, top, right, bottom = part.bounds
    box = bounding_boxes([polygon(points)], H, W)[0]
    assert box == pytest.approx([left, top, right - left, bottom - top], abs=1e-6)


@steady
@given(fractional, fractional, st.floats(0.1, 30), st.floats(0.1, 30), st.floats(-4, 4))
def test_ellipse_boxes_agree_with_a_fine_polygon(cx, cy, rx, ry, theta):
    t = np.linspace(0, 2 * math.pi, 2000)
    u, v = rx * np.cos(t), ry * np.sin(t)
    points = np.stack(
        [cx + u * math.cos(theta) - v * math.sin(theta), cy + u * math.sin(theta) + v * math.cos(theta)]
    )
    part = shapely.intersection(shapely.Polygon(points.T), shapely.box(0, 0, W, H))
    assume(part.area > 0.5)
    left, top, right, bottom = part.bounds
    box = bounding_boxes([ellipse(cx, cy, rx, ry, theta)], H, W)[0]
    assert box == pytest.approx([left, top, right - left, bottom - top], abs=0.05)
