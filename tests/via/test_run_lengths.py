"""Run lengths: what pycocotools packed, as a mask and as an outline that covers the same pixels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pycocotools import mask as coco_mask

from maskwright.via.model import LabelledRegion
from maskwright.via.rasterise import rasterise
from maskwright.via.run_lengths import outline, unpack


def text(characters, height, width):
    return {"rows": height, "columns": width, "characters": tuple(characters)}


def counts(numbers, height, width):
    return {"rows": height, "columns": width, "counts": tuple(numbers)}


masks = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9))


def test_columns_come_first():
    # 2 rows, 3 columns: one pixel out, two in, three out.
    expected = [[False, True, False], [True, False, False]]
    assert unpack(counts([1, 2, 3], 2, 3)).tolist() == expected
    assert unpack(text(b"123", 2, 3)).tolist() == expected


@settings(deadline=None, max_examples=150)
@given(masks)
def test_unpacks_what_pycocotools_packs_and_outlines_the_same_pixels(mask):
    packed = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    assert np.array_equal(unpack(text(packed["counts"], *mask.shape)), mask)
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flat]))).tolist()
    assert np.array_equal(unpack(counts(np.diff([0, *edges, flat.size]).tolist(), *mask.shape)), mask)
    if mask.any():
        xs, ys = outline(mask)
        region = LabelledRegion(0, 1, "polygon", {"all_points_x": xs, "all_points_y": ys})
        assert np.array_equal(rasterise([region], *mask.shape) > 0, mask)
        # Holes run the other way, so that the signed area is the number of pixels.
        x, y = np.array(xs), np.array(ys)
        assert np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)) == 2 * mask.sum()


def test_outline_of_a_rectangle_is_its_corners():
    mask = np.zeros((5, 7), bool)
    mask[1:3, 2:6] = True
    assert outline(mask) == ((2, 6, 6, 2), (1, 1, 3, 3))


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (counts([1, 2, 2], 2, 3), "do not add up to 3 x 2"),
        (counts([1, 2, 4], 2, 3), "do not add up to 3 x 2"),
        (counts([1, -2, 7], 2, 3), "do not add up to 3 x 2"),
        (counts([1.5, 4.5], 2, 3), "do not add up to 3 x 2"),
        (counts([float("nan"), float("inf")], 2, 3), "do not add up to 3 x 2"),
        (counts([], 2, 3), "do not add up to 3 x 2"),
        ({"rows": 2, "columns": 3}, "do not add up to 3 x 2"),
        (text(b"12", 2, 3), "do not add up to 3 x 2"),
        (text(b"124", 2, 3), "do not add up to 3 x 2"),
        (text(b"12~", 2, 3), "damaged"),
        (text(b"12P", 2, 3), "damaged"),  # ends within a number
        (text(b"12" + b"o" * 40 + b"0", 2, 3), "damaged"),
        (text(b"1\x00", 2, 3), "damaged"),
        (counts([6], 0, 6), "have no size"),
        (counts([6], -2, -3), "have no size"),
        (counts([6], (1,), 6), "have no size"),
        (counts([10**10], 10**5, 10**5), "more than 100,000,000"),
    ],
)
def test_damaged_run_lengths_say_so(stored, message):
    with pytest.raises(ValueError, match=message):
        unpack(stored)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=12) | st.text("0123456789PQRo", max_size=12).map(str.encode), st.integers(1, 4))
def test_arbitrary_text_is_a_whole_mask_or_refused(characters, side):
    try:
        mask = unpack(text(characters, side, side))
    except ValueError as error:
        assert "run lengths" in str(error)  # noqa: PT017
    else:
        assert mask.shape == (side, side)
        again = coco_mask.encode(np.asfortranarray(mask, np.uint8))
        assert coco_mask.area(again) == mask.sum()
