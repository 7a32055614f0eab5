import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.draw import disk

from maskwright.drinks.outlines import MOST_CORNERS, outlines
from maskwright.via.model import LabelledRegion
from maskwright.via.rasterise import rasterise


def _painted(polygons: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    regions = [
        LabelledRegion(
            i, 1, "polygon", {"all_points_x": tuple(p[:, 0].tolist()), "all_points_y": tuple(p[:, 1].tolist())}
        )
        for i, p in enumerate(polygons)
    ]
    return rasterise(regions, *shape) == 1


def _iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


def test_a_rectangle_spans_its_pixels_from_edge_to_edge():
    mask = np.zeros((20, 30), bool)
    mask[4:12, 5:25] = True  # pixel column 5 begins at x = 5, column 24 ends at x = 25
    (polygon,) = outlines(mask)
    assert polygon.min(axis=0).tolist() == [5, 4]
    assert polygon.max(axis=0).tolist() == [25, 12]
    assert shapely.Polygon(polygon).area == pytest.approx(8 * 20, abs=4)


def test_a_mask_that_fills_the_image_stays_inside_it():
    (polygon,) = outlines(np.ones((20, 30), bool))
    assert polygon.min() == 0
    assert polygon.max(axis=0).tolist() == [30, 20]


def test_an_empty_mask_has_no_outline():
    assert outlines(np.zeros((5, 5), bool)) == []


def test_two_parts_give_two_outlines_the_larger_first():
    mask = np.zeros((40, 40), bool)
    mask[5:15, 5:15] = True
    mask[20:38, 20:38] = True
    first, second = outlines(mask)
    assert shapely.Polygon(first).area > shapely.Polygon(second).area
    assert _iou(_painted([first, second], mask.shape), mask) > 0.95


def test_a_speck_beside_a_large_part_is_left_out():
    mask = np.zeros((100, 100), bool)
    mask[10:60, 10:60] = True
    mask[80, 80] = True
    assert len(outlines(mask)) == 1


def test_a_hole_cuts_its_part_in_two():
    mask = np.zeros((60, 60), bool)
    mask[disk((30, 30), 25)] = True
    mask[disk((30, 30), 12)] = False
    polygons = outlines(mask)
    assert len(polygons) == 2
    painted = _painted(polygons, mask.shape)
    assert not painted[30, 30]
    assert _iou(painted, mask) > 0.9


def test_an_outline_is_as_short_as_a_person_draws_it():
    mask = np.zeros((300, 300), bool)
    mask[disk((150, 150), 120)] = True
    (polygon,) = outlines(mask)
    assert 10 <= len(polygon) <= MOST_CORNERS
    assert polygon.dtype.kind == "i"
    assert _iou(_painted([polygon], mask.shape), mask) > 0.98


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 24), st.integers(1, 24), st.floats(0.02, 1))
def test_any_mask_gives_valid_polygons_inside_the_image(seed: int, height: int, width: int, share: float):
    mask = np.random.default_rng(seed).uniform(size=(height, width)) < share
    polygons = outlines(mask)
    assert bool(polygons) == bool(mask.any())
    for polygon in polygons:
        assert polygon.min() >= 0
        assert (polygon.max(axis=0) <= (width, height)).all()
        assert shapely.Polygon(polygon).is_valid
        assert shapely.Polygon(polygon).area > 0
