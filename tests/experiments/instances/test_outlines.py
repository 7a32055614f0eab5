import numpy as np

from maskwright.experiments.instances import outlines
from maskwright.experiments.instances.outlines import object_regions
from maskwright.via.model import LabelledRegion
from maskwright.via.rasterise import all_spans, painted

NAMES = ["background", "cat", "dog"]


def again(regions, shape):
    """Paint the polygons, in order, with the numbers that their scores stand for."""
    numbers = np.array([round(100 * float(region.attributes["score"])) for region in regions], np.uint16)
    labelled = [LabelledRegion(region.number, 1, "polygon", region.geometry) for region in regions]
    return painted(all_spans(labelled, *shape), numbers, *shape)


def regions_of(numbers):
    count = int(numbers.max())
    return object_regions(numbers, [1] * count, [n / 100 for n in range(1, count + 1)], NAMES, attribute="kind")


def ious(numbers):
    regions = regions_of(numbers)
    drawn = again(regions, numbers.shape)
    there = [n for n in range(1, int(numbers.max()) + 1) if (numbers == n).any()]
    assert len(regions) == len(there)  # one polygon an object
    return [((numbers == n) & (drawn == n)).sum() / ((numbers == n) | (drawn == n)).sum() for n in there]


def discs(centres, radii, shape=(120, 160)):
    rows, columns = np.indices(shape)
    numbers = np.zeros(shape, np.uint16)
    for number, ((down, across), radius) in enumerate(zip(centres, radii, strict=True), start=1):
        numbers[np.hypot(rows - down, columns - across) < radius] = number
    return numbers


def test_discs_that_overlap_come_back_each_by_itself():
    numbers = discs([(40, 40), (50, 70), (60, 50), (100, 140)], [25, 25, 12, 3])
    assert min(ious(numbers)) >= 0.95


def test_holes_and_parts_are_in_one_polygon():
    numbers = discs([(60, 60), (60, 60), (20, 140), (90, 140)], [50, 25, 12, 12])
    numbers[numbers == 4] = 3  # an object in two parts
    numbers[55:65, 55:65] = 0  # a hole in the second, which is in a hole of the first
    assert min(ious(numbers)) >= 0.95


def test_an_object_cut_in_two_by_one_that_is_in_front():
    numbers = np.zeros((40, 60), np.uint16)
    numbers[15:25, 5:55] = 1
    numbers[5:35, 25:35] = 2
    assert min(ious(numbers)) >= 0.95


def test_thin_and_tiny_objects_keep_their_pixels():
    numbers = np.zeros((40, 60), np.uint16)
    numbers[5, 5:50] = 1
    numbers[10:30, 10] = 2
    numbers[30, 30] = 3
    numbers[20:22, 40:42] = 4
    assert min(ious(numbers)) >= 0.95


def test_large_masks_are_drawn_small_where_that_is_fine_enough(monkeypatch):
    monkeypatch.setattr(outlines, "DRAWN_PIXELS", 120 * 160 // 4)
    numbers = discs([(40, 40), (80, 110)], [30, 30])
    assert min(ious(numbers)) >= 0.95
    (first, _) = regions_of(numbers)
    assert len(first.geometry["all_points_x"]) < 40
    numbers[100, 10:60] = 3  # too thin for half the size
    assert min(ious(numbers)) >= 0.95


def test_class_and_score_are_attributes():
    numbers = np.zeros((10, 10), np.uint16)
    numbers[2:6, 2:6] = 1
    (region,) = object_regions(numbers, [2], [0.876], NAMES, attribute="kind")
    assert region.attributes == {"kind": "dog", "score": "0.88"}
    # The four sides of the square of 4 pixels.
    assert (min(region.geometry["all_points_x"]), max(region.geometry["all_points_y"])) == (2, 6)
    assert object_regions(np.zeros((4, 4), np.uint16), [], [], NAMES, attribute="kind") == []
