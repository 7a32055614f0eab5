import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.experiments.detection.learn.anchors import (
    Anchors,
    assign_targets,
    decode,
    encode,
    make_anchors,
    match,
)
from maskwright.experiments.detection.learn.boxes import UNKNOWN

MAPS, IMAGE, SIZES = [(4, 6), (2, 3), (1, 2)], (60, 90), (0.2, 0.9)
ANCHORS = make_anchors(MAPS, IMAGE, SIZES)


def targets(boxes, classes, anchors=ANCHORS, threshold=0.6, offsets="raw"):
    """Of one image."""
    boxes, classes = np.reshape(boxes, (1, -1, 4)).astype(np.float32), np.reshape(classes, (1, -1)).astype(np.int32)
    return assign_targets(boxes, classes, anchors, threshold=threshold, offsets=offsets)[0]


def matched(boxes, anchors=ANCHORS, threshold=0.6):
    boxes = np.reshape(boxes, (1, -1, 4)).astype(np.float32)
    return match(boxes, np.ones(boxes.shape[:2], np.int32), anchors, threshold)[0]


def iou(one, other):
    """Of two boxes, in Python's own numbers."""
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    union = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - across * down
    return across * down / union if union else 0.0


def tables(boxes, anchors):
    """Return (M, A) IoU in Python's numbers, and the parts of i / (sum of areas) in float32, since a box inside
    several anchors has the same with each but for rounding."""
    boxes, anchors = np.asarray(boxes, np.float32)[:, None], np.asarray(anchors, np.float32)
    across = np.maximum(np.minimum(boxes[..., 2], anchors[:, 2]) - np.maximum(boxes[..., 0], anchors[:, 0]), 0)
    down = np.maximum(np.minimum(boxes[..., 3], anchors[:, 3]) - np.maximum(boxes[..., 1], anchors[:, 1]), 0)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    table = [[iou(box, anchor) for anchor in anchors.tolist()] for box in boxes[:, 0].tolist()]
    return table, across, down, area


def middles(boxes):
    return (boxes[..., :2] + boxes[..., 2:]) / np.float32(2)


def reference_match(boxes, anchors, threshold):
    """Follow the three steps one box and one anchor at a time."""
    if not len(boxes):
        return [-1] * len(anchors.boxes)
    table, across, down, area = tables(boxes, anchors.boxes)
    levels = np.searchsorted(anchors.first[::4], np.arange(len(anchors.boxes)), side="right") - 1
    shapes = 4 * levels + np.arange(len(anchors.boxes)) % 4
    sizes = np.prod([sides[:, 0, 1] - sides[:, 0, 0] for sides in (anchors.x, anchors.y)], axis=0)
    shares = (across / (area + sizes[shapes]) * down).tolist()
    boxes = np.asarray(boxes, np.float32)
    by_shape = sorted(range(len(levels)), key=lambda a: (shapes[a], a))
    owner = [-1] * len(levels)
    best = [max(by_shape, key=row.__getitem__) for row in shares]
    order = sorted(range(len(boxes)), key=lambda m: (-shares[m][best[m]], m))
    losers = []
    for m in order:
        a = best[m]
        if shares[m][a] > 0 and owner[a] < 0:
            owner[a] = m
        else:
            losers.append(m)
    for m in losers:
        away = np.abs(middles(anchors.boxes) - middles(boxes[m])).sum(axis=-1)
        worth = np.where(np.array(table[m]) > 0, table[m], -1 - away)
        free = [a for a in range(len(levels)) if owner[a] < 0]
        if free:
            owner[max(free, key=worth.__getitem__)] = m
    for a in range(len(levels)):
        column = [row[a] for row in shares]
        if owner[a] < 0 and max(column) > threshold / (1 + threshold):
            owner[a] = column.index(max(column))
    return owner


def random_boxes(rng, count, image=IMAGE, largest=1.0):
    centres = rng.uniform(0, 1, (count, 2)) * image[::-1]
    halves = rng.uniform(0.01, largest, (count, 2)) * image[::-1] / 2
    corners = np.concatenate([centres - halves, centres + halves], 1)
    return np.clip(corners, 0, [*image[::-1], *image[::-1]]).astype(np.float32)


def test_anchors_by_hand():
    anchors = make_anchors([(1, 1)], (100, 200), (0.25, 1.0))
    root = math.sqrt(2)
    assert np.allclose(
        anchors.boxes,
        [
            [75, 37.5, 125, 62.5],
            # Ratio 2: 50 sqrt 2 wide and 25 / sqrt 2 high; ratio 1/2 the other way round.
            [100 - 25 * root, 50 - 12.5 / root, 100 + 25 * root, 50 + 12.5 / root],
            [100 - 25 / root, 50 - 12.5 * root, 100 + 25 / root, 50 + 12.5 * root],
            [50, 25, 150, 75],
        ],
    )


def test_anchors_lie_level_after_level_row_after_row():
    assert ANCHORS.boxes.shape == (4 * (24 + 6 + 2), 4)
    assert ANCHORS.boxes.dtype == np.float32
    centres = (ANCHORS.boxes[::4, :2] + ANCHORS.boxes[::4, 2:]) / 2
    assert centres[:7].tolist() == pytest.approx(
        np.array([[7.5, 7.5], [22.5, 7.5], [37.5, 7.5], [52.5, 7.5], [67.5, 7.5], [82.5, 7.5], [7.5, 22.5]])
    )
    assert centres[24:].tolist() == pytest.approx(
        np.array([[15, 15], [45, 15], [75, 15], [15, 45], [45, 45], [75, 45], [22.5, 30], [67.5, 30]])
    )
    # Sizes 0.2, 0.2 + 0.7 / 3, 0.2 + 1.4 / 3 of 90 pixels.
    widths = ANCHORS.boxes[:, 2] - ANCHORS.boxes[:, 0]
    assert widths[[0, 96, 120]] == pytest.approx([18, 39, 60])
    assert widths[3] == pytest.approx(math.sqrt(18 * 39), rel=1e-6)


def test_a_box_takes_its_best_anchor_however_little_they_overlap():
    owner = matched([[0, 0, 2, 2]])
    assert np.flatnonzero(owner == 0).tolist() == [3]  # the only one that holds it all
    assert iou([0, 0, 2, 2], ANCHORS.boxes[3].tolist()) == pytest.approx(4 / (18 * 39 * 2 / 3))
    assert (owner >= 0).sum() == 1


def test_all_above_the_threshold_join():
    box = ANCHORS.boxes[40]
    owner = matched([box], threshold=0.3)
    expected = {a for a, anchor in enumerate(ANCHORS.boxes.tolist()) if iou(box.tolist(), anchor) > 0.3}
    assert len(expected) > 3
    assert set(np.flatnonzero(owner == 0)) == expected


def test_two_boxes_that_want_the_same_anchor_get_one_each():
    box = ANCHORS.boxes[40]
    wider = box + np.array([0, 0, 1, 0])
    owner = matched([wider, box, box], threshold=1.0)
    assert owner[40] == 1  # IoU 1, and the first of the two
    assert sorted(owner[owner >= 0]) == [0, 1, 2]
    assert owner.tolist() == reference_match([wider, box, box], ANCHORS, 1.0)


def test_a_box_that_no_anchor_overlaps_takes_the_nearest():
    one = make_anchors([(1, 2)], (60, 90), (0.1, 0.2))
    owner = matched([[85, 55, 89, 59]], one)
    assert owner.tolist() == [-1] * 4 + [0, -1, -1, -1]


def test_more_boxes_than_anchors():
    one = make_anchors([(1, 1)], (60, 90), (0.1, 0.2))
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 9)
    owner = matched(boxes, one)
    assert owner.tolist() == reference_match(boxes, one, 0.6)
    assert len(set(owner.tolist())) == 4


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.6])
def test_random_boxes_are_matched_as_one_by_one(threshold):
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 25, 60)
    boxes = np.zeros((60, 25, 4), np.float32)
    classes = np.zeros((60, 25), np.int32)
    for image, count in enumerate(counts):
        boxes[image, :count] = random_boxes(rng, count, largest=(0.3, 1.5)[image % 2])
        classes[image, :count] = 1
    found = match(boxes, classes, ANCHORS, threshold)
    for image, count in enumerate(counts):
        assert found[image].tolist() == reference_match(boxes[image, :count], ANCHORS, threshold)
        assert set(range(count)) <= set(found[image].tolist())


def test_hundreds_of_boxes_in_an_image():
    boxes = random_boxes(np.random.default_rng(2), 140, largest=0.1)
    owner = matched(boxes)
    assert owner.tolist() == reference_match(boxes, ANCHORS, 0.6)
    assert (owner >= 0).all()  # 128 anchors


def test_padding_and_other_images_do_not_matter():
    rng = np.random.default_rng(3)
    boxes, classes = random_boxes(rng, 8).reshape(2, 4, 4), np.array([[1, 0, 2, 0], [3, 1, 2, 2]])
    both = assign_targets(boxes, classes, ANCHORS, threshold=0.5, offsets="normalised")
    alone = targets(boxes[0, [0, 2]], [1, 2], threshold=0.5, offsets="normalised")
    assert np.allclose(both[0], alone, atol=1e-6)
    assert (alone[:, 0] > 0).sum() >= 2
    assert np.allclose(both[1], targets(boxes[1], classes[1], threshold=0.5, offsets="normalised"), atol=1e-6)


def test_an_image_without_boxes_is_all_background():
    assert np.array_equal(targets(np.zeros((0, 4)), []), np.zeros((128, 5)))
    assert np.array_equal(targets(np.zeros((3, 4)), [0, 0, 0]), np.zeros((128, 5)))


def test_targets_hold_class_and_offsets_of_the_matched_box():
    box = ANCHORS.boxes[40] + np.array([1, -1, 2, 0.5], np.float32)
    found = targets([box], [7], threshold=0.95)
    assert found[40].tolist() == pytest.approx([7, 1, 2, -1, 0.5], abs=1e-4)
    others = np.delete(found, 40, axis=0)
    assert np.array_equal(others, np.zeros((127, 5)))


def test_what_lies_in_an_unlabelled_region_is_not_background():
    found = targets([[0, 0, 45, 60], ANCHORS.boxes[0]], [UNKNOWN, 1], threshold=0.95)
    assert found[0, 0] == 1  # an object stays one
    for a, anchor in enumerate(ANCHORS.boxes[1:].tolist(), start=1):
        inside = max(0.0, min(anchor[2], 45) - max(anchor[0], 0)) * max(0.0, min(anchor[3], 60) - max(anchor[1], 0))
        share = inside / ((anchor[2] - anchor[0]) * (anchor[3] - anchor[1]))
        assert found[a].tolist() == [UNKNOWN if share > 0.5 else 0, 0, 0, 0, 0], a


def test_offsets_by_hand():
    anchor, box = [10.0, 20.0, 30.0, 60.0], [14.0, 22.0, 24.0, 82.0]
    assert encode(box, anchor, "raw").tolist() == [4, -6, 2, 22]
    # Centre (20, 40) of 20 x 40 pixels to (19, 52) of 10 x 60.
    expected = [-1 / 20 / 0.1, 12 / 40 / 0.1, math.log(10 / 20) / 0.2, math.log(60 / 40) / 0.2]
    assert encode(box, anchor, "normalised") == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("offsets", ["raw", "normalised"])
def test_decoding_undoes_encoding(offsets):
    rng = np.random.default_rng(4)
    boxes = np.concatenate([random_boxes(rng, 127), [[0, 0, 5000, 4000]]]).astype(np.float32)
    back = decode(encode(boxes, ANCHORS.boxes, offsets), ANCHORS.boxes, offsets)
    assert np.allclose(back, boxes, rtol=1e-5, atol=1e-3)
    # No offsets leave an anchor as it is.
    assert np.allclose(decode(np.zeros((128, 4)), ANCHORS.boxes, offsets), ANCHORS.boxes, rtol=1e-6, atol=1e-5)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4))
@settings(max_examples=50, deadline=None)
def test_no_prediction_decodes_to_an_infinite_box(values):
    assert np.isfinite(decode([values], ANCHORS.boxes[:1], "normalised")).all()


def test_the_grids_are_the_boxes():
    assert isinstance(ANCHORS, Anchors)
    at = 0
    for level, (rows, columns) in enumerate(MAPS):
        shapes = slice(4 * level, 4 * level + 4)
        assert ANCHORS.first[shapes].tolist() == [at, at + 1, at + 2, at + 3]
        assert ANCHORS.columns[shapes].tolist() == [columns] * 4
        for row in range(rows):
            for column in range(columns):
                x, y = ANCHORS.x[shapes, column], ANCHORS.y[shapes, row]
                expected = np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)
                assert np.array_equal(ANCHORS.boxes[at : at + 4], expected)
                sides = expected[:, 2:] - expected[:, :2]
                assert ANCHORS.areas[shapes] == pytest.approx(sides[:, 0] * sides[:, 1], rel=1e-5)
                at += 4
    assert at == len(ANCHORS.boxes)
