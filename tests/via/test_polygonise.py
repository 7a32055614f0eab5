import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom
from skimage.draw import disk

from maskwright.photos.images import IGNORE
from maskwright.via.model import LabelledRegion
from maskwright.via.polygonise import drop_specks, mask_to_regions
from maskwright.via.rasterise import rasterise
from maskwright.via.shapes import place_region

CLASSES = ["background", "cat", "dog", "cow"]


def painted(regions, shape):
    """What `maskwright masks` would make of the regions."""
    labelled = [LabelledRegion(r.number, CLASSES.index(r.attributes["class"]), r.shape, r.geometry) for r in regions]
    return rasterise(labelled, *shape)


def lowest_iou(mask, other):
    ious = []
    for index in np.union1d(mask, other):
        ours, theirs = mask == index, other == index
        ious.append((ours & theirs).sum() / (ours | theirs).sum())
    return min(ious)


def picture(*rows):
    return np.array([[int(c) for c in row] for row in rows], np.uint8)


def points(region):
    return set(zip(region.geometry["all_points_x"], region.geometry["all_points_y"], strict=True))


@st.composite
def noisy_masks(draw):
    """Pixels of up to four classes at random, each enlarged to a block: thin, touching, nested, at the borders."""
    rows, columns = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    cells = draw(st.lists(st.integers(0, 3), min_size=rows * columns, max_size=rows * columns))
    return np.kron(
        np.array(cells, np.uint8).reshape(rows, columns), np.ones((draw(st.integers(1, 4)),) * 2, np.uint8)
    )


@st.composite
def blobs(draw):
    """Smooth patches, as a network predicts them."""
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(20, 70)), draw(st.integers(20, 70))
    noise = generator.normal(size=(4, *shape))
    smooth = np.stack([gaussian_filter(layer, draw(st.sampled_from([1.5, 3, 6]))) for layer in noise])
    return smooth.argmax(axis=0).astype(np.uint8)


def test_rectangle_has_four_corners():
    mask = np.zeros((8, 10), np.uint8)
    mask[2:7, 3:9] = 2
    (region,) = mask_to_regions(mask, CLASSES)
    assert region.number == 0
    assert region.shape == "polygon"
    assert region.attributes == {"class": "dog"}
    assert points(region) == {(3, 2), (9, 2), (9, 7), (3, 7)}
    assert all(isinstance(x, int) for x in region.geometry["all_points_x"])


def test_slope_is_not_a_staircase():
    mask = np.tril(np.ones((40, 40), np.uint8))
    (region,) = mask_to_regions(mask, CLASSES, tolerance=0)
    assert len(region.geometry["all_points_x"]) <= 8
    assert np.array_equal(painted([region], mask.shape), mask)


def test_disk_needs_few_points():
    mask = np.zeros((100, 100), np.uint8)
    mask[disk((50, 50), 40)] = 1
    (region,) = mask_to_regions(mask, CLASSES)
    assert 8 <= len(region.geometry["all_points_x"]) <= 40
    assert lowest_iou(painted([region], mask.shape), mask) >= 0.97


@pytest.mark.parametrize("index", [0, 1, 3])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (6, 1), (5, 9)])
def test_image_of_one_class(shape, index):
    mask = np.full(shape, index, np.uint8)
    regions = mask_to_regions(mask, CLASSES)
    assert len(regions) == (index > 0)
    assert np.array_equal(painted(regions, shape), mask)


def test_hole_is_cut_open():
    mask = np.zeros((30, 30), np.uint8)
    mask[3:27, 3:27] = 1
    mask[10:20, 12:18] = 0
    (region,) = mask_to_regions(mask, CLASSES)
    assert np.array_equal(painted([region], mask.shape), mask)
    # 4 + 4 corners, and the two ends of the cut a second time.
    assert len(region.geometry["all_points_x"]) == 10
    # The checker takes it as it is: walking the cut there and back is no crossing.
    placed, findings = place_region(region, 30, 30)
    assert placed is not None
    assert findings == []


def test_hole_full_of_another_class_is_painted_over():
    mask = np.zeros((30, 30), np.uint8)
    mask[3:27, 3:27] = 1
    mask[10:20, 12:18] = 3
    regions = mask_to_regions(mask, CLASSES)
    assert [r.attributes["class"] for r in regions] == ["cat", "cow"]
    assert [len(r.geometry["all_points_x"]) for r in regions] == [4, 4]
    assert np.array_equal(painted(regions, mask.shape), mask)


def test_nested_patches_of_all_kinds():
    mask = np.zeros((60, 60), np.uint8)
    for inset, index in ((2, 1), (8, 2), (14, 0), (20, 1), (26, 3)):
        mask[inset : 60 - inset, inset : 60 - inset] = index
    regions = mask_to_regions(mask, CLASSES)
    assert np.array_equal(painted(regions, mask.shape), mask)


def test_neighbours_share_their_border():
    mask = np.ones((60, 60), np.uint8)
    rows = np.arange(60)
    for row in rows:
        mask[row, int(30 + 12 * math.sin(row / 7)) :] = 2
    regions = mask_to_regions(mask, CLASSES)
    assert (painted(regions, mask.shape) > 0).all()  # no gap between them
    assert len(points(regions[0]) & points(regions[1])) >= 4


def test_unknown_pixels_are_background():
    mask = np.full((10, 10), IGNORE, np.uint8)
    mask[2:8, 2:8] = 1
    assert np.array_equal(painted(mask_to_regions(mask, CLASSES), mask.shape), np.where(mask == 1, 1, 0))


def test_index_without_a_class_is_refused():
    with pytest.raises(ValueError, match="index 4, but there are 4 classes"):
        mask_to_regions(np.full((9, 9), 4, np.uint8), CLASSES)


def test_attribute_can_be_named():
    (region,) = mask_to_regions(np.ones((9, 9), np.uint8), CLASSES, attribute="kind")
    assert region.attributes == {"kind": "cat"}


@given(st.one_of(noisy_masks(), blobs()))
@settings(max_examples=60, deadline=None)
def test_without_tolerance_the_mask_comes_back(mask):
    regions = mask_to_regions(mask, CLASSES, tolerance=0, min_area=1)
    assert np.array_equal(painted(regions, mask.shape), mask)
    assert [region.number for region in regions] == list(range(len(regions)))


@given(st.one_of(noisy_masks(), blobs()), st.sampled_from([0.5, 1, 2, 4]), st.sampled_from([1, 4, 16, 40]))
@settings(max_examples=60, deadline=None)
def test_each_class_comes_back(mask, tolerance, min_area):
    regions = mask_to_regions(mask, CLASSES, tolerance=tolerance, min_area=min_area)
    assert lowest_iou(painted(regions, mask.shape), drop_specks(mask, min_area)) >= 0.95


@given(blobs())
@settings(max_examples=8, deadline=None)
def test_each_class_comes_back_when_enlarged(mask):
    mask = zoom(mask, 3, order=0)
    regions = mask_to_regions(mask, CLASSES)
    assert lowest_iou(painted(regions, mask.shape), drop_specks(mask, 16)) >= 0.95


@pytest.mark.parametrize("width", [1, 2, 3])
def test_thin_shapes_come_back(width):
    mask = np.zeros((80, 80), np.uint8)
    for step in range(70):
        mask[5 + step, 3 + step // 2 : 3 + step // 2 + width] = 1
        mask[int(60 + 12 * math.sin(step / 5)) :, 5 + step][:width] = 2
    regions = mask_to_regions(mask, CLASSES)
    assert lowest_iou(painted(regions, mask.shape), drop_specks(mask, 16)) >= 0.95


@given(st.one_of(noisy_masks(), blobs()))
@settings(max_examples=15, deadline=None)
def test_outlines_can_be_used_as_they_are(mask):
    for region in mask_to_regions(mask, CLASSES, min_area=4):
        placed, findings = place_region(region, *mask.shape)
        assert placed is not None
        assert not [finding for finding in findings if finding.code != "self-crossing"]
        assert min(min(region.geometry["all_points_x"]), min(region.geometry["all_points_y"])) >= 0
        assert max(region.geometry["all_points_x"]) <= mask.shape[1]
        assert max(region.geometry["all_points_y"]) <= mask.shape[0]


def test_specks_by_hand():
    mask = picture("00000000", "01100220", "01100000", "00000000", "33330001")
    # Of fewer than 4 pixels: 22 lies in background; the 1 at the corner touches nothing else.
    expected = picture("00000000", "01100000", "01100000", "00000000", "33330000")
    assert np.array_equal(drop_specks(mask, 4), expected)
    assert drop_specks(mask, 1) is mask


def test_speck_takes_the_class_that_surrounds_most_of_it():
    # The 0 touches 1 with three sides, and 2 with one.
    assert np.array_equal(drop_specks(picture("1112", "1012", "1112"), 2), picture("1112", "1112", "1112"))
    # Two specks side by side: the 3 touches only the 2s and the other speck, which touches 1s and 2s.
    assert drop_specks(picture("111111", "111111", "222222", "222222", "222223"), 3)[4, 5] == 2


def test_nothing_but_specks():
    mask = picture("0101", "1010", "0101")
    assert not drop_specks(mask, 4).any()
    assert drop_specks(picture("1"), 4).tolist() == [[1]]


@given(noisy_masks(), st.integers(1, 30))
@settings(deadline=None)
def test_no_specks_are_left(mask, min_area):
    once = drop_specks(mask, min_area)
    assert np.array_equal(drop_specks(once, min_area), once)
    assert set(np.unique(once)) <= set(np.unique(mask)) | {0}
