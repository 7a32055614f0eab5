"""Anchors of a single-shot detector: where they lie, what each has to predict, and back to boxes.

A box is (x_min, y_min, x_max, y_max) in pixels of the network's input, float32, x to the right and y down, a pixel
being the square from its number to the next. Everything here is a pure function of tensors, the same eagerly, in
`tf.data` and in a compiled graph.

The scheme is that of SSD (Liu et al. 2016, https://arxiv.org/abs/1512.02325), with an anchor's class and offsets as
training targets of shape (A, 5) float32: the class (0 background, `UNKNOWN` where nothing is to be learned) and four
offsets (0 where no object is matched).

Anchors lie on grids, so how much of its width an anchor shares with a box depends on its column only, and of its
height on its row: their overlaps are products of few numbers, and where the greatest of these is too small for an
anchor to be matched, no overlap is ever computed.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.boxes import UNKNOWN
from maskwright.params import Offsets

SHAPES = 4
"""Anchors at each position."""

VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""What normalised offsets are divided by, so that all four are of about the size 1."""

_MOSTLY = 0.5


class Anchors(NamedTuple):
    """All anchors: level after level, row after row, position after position, shape after shape.

    Attributes:
        boxes: (A, 4) float32.
        x: (K, C, 4, 2) float32, where in x the shapes of each level's columns begin and end. C is the greatest number
            of columns; the rest of a level that has fewer is 0.
        y: (K, R, 4, 2) float32, the same of the rows.
        first: (K,) int32, each level's first anchor.
        columns: (K,) int32, each level's number of columns.
    """

    boxes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    first: np.ndarray
    columns: np.ndarray


def make_anchors(maps: Sequence[tuple[int, int]], image: tuple[int, int], sizes: tuple[float, float]) -> Anchors:
    """Return all anchors of some feature maps.

    With K levels, s_0 ... s_K are spread evenly from sizes[0] to sizes[1]. Level k has at each position one anchor of
    size s_k for each of the aspect ratios 1, 2 and 0.5, and one of size sqrt(s_k s_k+1) with ratio 1. A size s and a
    ratio r make an anchor s sqrt(r) W wide and s / sqrt(r) H high. The centre is that of the position's cell, where
    the cells divide the image evenly. Anchors may reach beyond the image.

    Args:
        maps: (rows, columns) of each level's feature map, finest first.
        image: its height H and width W in pixels.
        sizes: of the smallest and the greatest anchor, as shares of the image's sides.

    Returns:
        A = 4 * the sum of rows * columns of them.

    By hand: one level of 1 x 1 on an image of 100 x 200 (height, width) with the sizes 0.25 and 1. The centre is
    (100, 50). Size 0.25: ratio 1 is 50 x 25 pixels (width x height), so (75, 37.5, 125, 62.5). Size sqrt(0.25 * 1) =
    0.5: 100 x 50 pixels, so (50, 25, 150, 75).
    """
    height, width = image
    steps = np.linspace(*sizes, len(maps) + 1)
    ratios = np.sqrt([1.0, 2.0, 0.5, 1.0])
    x = np.zeros((len(maps), max(columns for _, columns in maps), SHAPES, 2), np.float32)
    y = np.zeros((len(maps), max(rows for rows, _ in maps), SHAPES, 2), np.float32)
    boxes = []
    for level, (rows, columns) in enumerate(maps):
        size, following = steps[level : level + 2]
        scales = np.array([size, size, size, np.sqrt(size * following)])
        x[level, :columns] = _intervals(columns, width, scales * ratios)
        y[level, :rows] = _intervals(rows, height, scales / ratios)
        across, down = x[level, None, :columns], y[level, :rows, None]
        sides = np.broadcast_arrays(across[..., 0], down[..., 0], across[..., 1], down[..., 1])
        boxes.append(np.stack(sides, axis=-1).reshape(-1, 4))
    first = np.cumsum([0, *(len(level) for level in boxes[:-1])])
    columns = np.array([columns for _, columns in maps])
    return Anchors(np.concatenate(boxes), x, y, first.astype(np.int32), columns.astype(np.int32))


def _intervals(cells: int, length: int, shares: np.ndarray) -> np.ndarray:
    """Return (cells, 4, 2) float32: begin and end of each shape about the middle of each cell."""
    middle = (np.arange(cells)[:, None] + 0.5) * length / cells
    half = shares * length / 2
    return np.stack([middle - half, middle + half], axis=-1).astype(np.float32)


def match(boxes: Any, classes: Any, anchors: Anchors, threshold: float) -> tf.Tensor:
    """Choose each anchor's ground-truth box.

    1. Each box wants the anchor with which it has the greatest IoU (of equals the first by level, shape, row and
       column). An anchor that several want goes to the one with the greatest IoU (the first of equals).
    2. Those that lost theirs, in order of that IoU (the greatest first, the first of equals), take the best anchor
       that is still free: of those with an IoU above 0 the greatest, else the nearest by its centre (in the sum of
       the distances along x and y; the first of equals). So do boxes that no anchor overlaps. No box is left without
       an anchor unless there are more boxes than anchors.
    3. Every other anchor joins the box with which it has the greatest IoU (the first of equals), if that is above the
       threshold.

    Args:
        boxes: (B, M, 4) ground truth with areas above 0.
        classes: (B, M) int32; boxes of a class below 1 do not count.
        anchors: A of them.
        threshold: of step 3, from 0 to 1.

    Returns:
        (B, A) int32: the box's number from 0, or -1.
    """
    boxes, classes = tf.cast(boxes, tf.float32), tf.cast(classes, tf.int32)
    batch, most, count = tf.shape(boxes)[0], tf.shape(boxes)[1], len(anchors.boxes)
    across, down = _shared_sides(boxes, anchors)
    widths, heights = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    areas: Any = tf.where(classes > 0, widths * heights, np.inf)
    # IoU = i / (s - i) grows with i / s, where i is the intersection and s the sum of the areas: the same order, for
    # one multiplication an anchor.
    across = across / (areas[..., None, None] + _areas(anchors))[:, :, :, None]
    joining, owners, shares = _above(across, down, threshold / (1 + threshold), anchors)
    greatest = tf.math.unsorted_segment_max(shares, joining, batch * count)
    owners = tf.where(shares == tf.gather(greatest, joining), owners, most)
    joined = tf.math.unsorted_segment_min(owners, joining, batch * count)
    joined = tf.where(joined < most, joined, -1)

    highest: Any
    wanted: Any
    highest, wanted = _best_anchors(across, down, anchors)  # (B, M) each
    wanted = tf.reshape(wanted + count * tf.range(batch)[:, None], [-1])  # of all anchors of the batch
    highest = tf.reshape(highest, [-1])
    order = tf.argsort(highest, direction="DESCENDING", stable=True)
    rank = tf.math.invert_permutation(order)
    first = tf.math.unsorted_segment_min(rank, tf.where(highest > 0, wanted, -1), batch * count)
    wins = (tf.gather(first, wanted) == rank) & (highest > 0)
    given = tf.where(wins, wanted % count, -1)  # of its own image, for each box of the batch
    loses = tf.reshape(classes > 0, [-1]) & ~wins
    losers = tf.boolean_mask(order, tf.gather(loses, order))
    flat, centres = tf.reshape(boxes, [-1, 4]), _centres_and_sizes(anchors.boxes)[0]

    def take(number: tf.Tensor, given: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loser = losers[number]
        box, start = flat[loser], loser // most * most
        iou = overlaps(box[None], anchors.boxes)[0]
        distance = tf.reduce_sum(tf.abs(centres - _centres_and_sizes(box)[0]), axis=-1)
        # An overlap of any size comes before the nearest that has none.
        value = tf.where(iou > 0, iou, -1.0 - distance)
        taken = given[start : start + most]
        taken = tf.boolean_mask(taken, taken >= 0)
        value = tf.tensor_scatter_nd_update(value, taken[:, None], tf.fill(tf.shape(taken), -np.inf))
        best = tf.argmax(value, output_type=tf.int32)
        best = tf.where(value[best] > -np.inf, best, -1)
        return number + 1, tf.tensor_scatter_nd_update(given, loser[None, None], best[None])

    _, given = tf.while_loop(lambda number, _: number < tf.size(losers), take, (tf.constant(0), given))
    owners = tf.range(batch * most)
    anchor = tf.boolean_mask(given + owners // most * count, given >= 0)
    joined = tf.tensor_scatter_nd_update(joined, anchor[:, None], tf.boolean_mask(owners % most, given >= 0))
    return tf.reshape(joined, (batch, count))


def overlaps(boxes: Any, others: Any) -> tf.Tensor:
    """Return the IoU of each box with each other one: (M, 4), (N, 4) -> (M, N) float32.

    The intersection's area over that of the union; 0 where the union has none.
    """
    left, top, right, bottom = tf.unstack(tf.cast(boxes, tf.float32)[:, None], axis=-1)  # (M, 1) each
    left_2, top_2, right_2, bottom_2 = tf.unstack(tf.cast(others, tf.float32), axis=-1)  # (N,) each
    across = tf.maximum(tf.minimum(right, right_2) - tf.maximum(left, left_2), 0.0)
    down = tf.maximum(tf.minimum(bottom, bottom_2) - tf.maximum(top, top_2), 0.0)
    areas, areas_2 = (right - left) * (bottom - top), (right_2 - left_2) * (bottom_2 - top_2)
    return tf.math.divide_no_nan(across * down, areas + areas_2 - across * down)


def _areas(anchors: Anchors) -> np.ndarray:
    """Return (K, 4), the area of each level's shapes."""
    return np.prod([sides[:, 0, :, 1] - sides[:, 0, :, 0] for sides in (anchors.x, anchors.y)], axis=0)


def _shared_sides(boxes: tf.Tensor, anchors: Anchors) -> tuple[tf.Tensor, tf.Tensor]:
    """Return how much of x, (B, M, K, C, 4), and of y, (B, M, K, R, 4), each box shares with the anchors."""

    def shared(begin: Any, end: Any, intervals: np.ndarray) -> tf.Tensor:
        begin, end = begin[..., None, None, None], end[..., None, None, None]
        return tf.maximum(tf.minimum(end, intervals[..., 1]) - tf.maximum(begin, intervals[..., 0]), 0.0)

    left, top, right, bottom = tf.unstack(boxes, axis=-1)
    return shared(left, right, anchors.x), shared(top, bottom, anchors.y)


def _above(
    across: tf.Tensor, down: tf.Tensor, limit: float, anchors: Anchors
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Find the products above a limit: (P,) each, the anchor's number in the batch (b * A + a), the box's, the value.

    Most boxes are of another size than most anchors, and then no product can be above: those are not even formed.
    """
    possible = tf.reduce_max(across, axis=3) * tf.reduce_max(down, axis=3) > limit  # (B, M, K, 4)
    chosen = tf.cast(tf.where(possible), tf.int32)  # (N, 4): image, box, level, shape
    across = tf.boolean_mask(tf.transpose(across, (0, 1, 2, 4, 3)), possible)  # (N, C)
    down = tf.boolean_mask(tf.transpose(down, (0, 1, 2, 4, 3)), possible)  # (N, R)
    products = down[:, :, None] * across[:, None]
    places = tf.where(products > limit)  # (P, 3): which of N, row, column
    which, row, column = tf.unstack(tf.cast(places, tf.int32), axis=1)
    image, number, level, shape = tf.unstack(tf.gather(chosen, which), axis=1)
    anchor = image * len(anchors.boxes) + _number(anchors, level, row, column, shape)
    return anchor, number, tf.gather_nd(products, places)


def _number(anchors: Anchors, level: Any, row: Any, column: Any, shape: Any) -> tf.Tensor:
    """Return an anchor's number; all int32, of one shape or broadcastable."""
    return tf.gather(anchors.first, level) + (row * tf.gather(anchors.columns, level) + column) * SHAPES + shape


def _best_anchors(across: tf.Tensor, down: tf.Tensor, anchors: Anchors) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the greatest product for each box, and the first anchor (level, shape, row, column) that has it.

    (B, M) float32 and int32. It is the product of the greatest factors, so no product but that is needed.
    """
    levels = len(anchors.first)
    values = tf.reduce_max(across, axis=3) * tf.reduce_max(down, axis=3)  # (B, M, K, 4)
    row, column = (tf.argmax(sides, axis=3, output_type=tf.int32) for sides in (down, across))
    numbers = _number(anchors, np.arange(levels)[:, None], row, column, np.arange(SHAPES))
    flat = (*tf.unstack(tf.shape(values)[:2]), levels * SHAPES)
    values, numbers = tf.reshape(values, flat), tf.reshape(numbers, flat)
    best = tf.argmax(values, axis=-1, output_type=tf.int32)
    return tf.reduce_max(values, axis=-1), tf.gather(numbers, best, axis=-1, batch_dims=2)


def encode(boxes: Any, anchors: Any, offsets: Offsets) -> tf.Tensor:
    """Return what to add to anchors to get boxes: (..., 4), (..., 4) -> (..., 4) float32.

    With (cx, cy, w, h) an anchor's centre and size, and primes for the box:

        raw:         x_min' - x_min, x_max' - x_max, y_min' - y_min, y_max' - y_max, in pixels
        normalised:  (cx' - cx) / w / 0.1, (cy' - cy) / h / 0.1, ln(w' / w) / 0.2, ln(h' / h) / 0.2

    Boxes and anchors need a width and a height above 0 for normalised offsets.
    """
    boxes, anchors = tf.cast(boxes, tf.float32), tf.cast(anchors, tf.float32)
    if offsets == "raw":
        return tf.gather(boxes - anchors, [0, 2, 1, 3], axis=-1)
    centres, sizes = _centres_and_sizes(boxes)
    anchor_centres, anchor_sizes = _centres_and_sizes(anchors)
    moves = (centres - anchor_centres) / anchor_sizes
    return tf.concat([moves, tf.math.log(sizes / anchor_sizes)], axis=-1) / tf.constant(VARIANCES)


def decode(values: Any, anchors: Any, offsets: Offsets) -> tf.Tensor:
    """Return the boxes that offsets stand for, the inverse of `encode`: (..., 4), (..., 4) -> (..., 4) float32.

    A predicted size is at most 1,000 times the anchor's, so that none is infinite. Raw offsets may give a box whose
    sides have changed places: it has no area, and `nms` drops it.
    """
    values, anchors = tf.cast(values, tf.float32), tf.cast(anchors, tf.float32)
    if offsets == "raw":
        return anchors + tf.gather(values, [0, 2, 1, 3], axis=-1)
    values = values * tf.constant(VARIANCES)
    anchor_centres, anchor_sizes = _centres_and_sizes(anchors)
    centres = anchor_centres + values[..., :2] * anchor_sizes
    half = anchor_sizes * tf.exp(tf.minimum(values[..., 2:], float(np.log(1000.0)))) / 2
    return tf.concat([centres - half, centres + half], axis=-1)


def _centres_and_sizes(boxes: Any) -> tuple[tf.Tensor, tf.Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]


def assign_targets(boxes: Any, classes: Any, anchors: Anchors, *, threshold: float, offsets: Offsets) -> tf.Tensor:
    """Return what each anchor of a batch of images is to predict.

    An anchor takes class and offsets of its box, see `match`; the others are background. An unmatched anchor more
    than half of which lies in a box of the class `UNKNOWN` is `UNKNOWN` itself.

    Args:
        boxes: (B, M, 4); those without an area must have been left out.
        classes: (B, M) int32, from 1, or `UNKNOWN`; rows of class 0 are padding.
        anchors: A of them.
        threshold: IoU above which an anchor joins a box that has a better one.
        offsets: how they are encoded.

    Returns:
        (B, A, 5) float32: class, then offsets.
    """
    boxes, classes = tf.cast(boxes, tf.float32), tf.cast(classes, tf.int32)
    matched = match(boxes, classes, anchors, threshold)
    # Few anchors have a box, so only theirs are encoded.
    places = tf.cast(tf.where(matched >= 0), tf.int32)  # (P, 2)
    owners = tf.stack([places[:, 0], tf.gather_nd(matched, places)], axis=1)
    values = encode(tf.gather_nd(boxes, owners), tf.gather(anchors.boxes, places[:, 1]), offsets)
    values = tf.concat([tf.cast(tf.gather_nd(classes, owners), tf.float32)[:, None], values], axis=1)
    targets = tf.scatter_nd(places, values, (*tf.unstack(tf.shape(matched)), 5))

    def with_unknown() -> tf.Tensor:
        across, down = _shared_sides(boxes, anchors)
        unknown = tf.cast(classes == UNKNOWN, tf.float32)[..., None, None, None]
        across = across * unknown / _areas(anchors)[:, None]
        hiding, _, _ = _above(across, down, _MOSTLY, anchors)
        hidden: Any = tf.scatter_nd(hiding[:, None], tf.ones_like(hiding), [tf.size(matched)])
        hidden = (tf.reshape(hidden, tf.shape(matched)) > 0) & (matched < 0)
        return tf.where(hidden[..., None], tf.constant([float(UNKNOWN), 0.0, 0.0, 0.0, 0.0]), targets)

    return tf.cond(tf.reduce_any(classes == UNKNOWN), with_unknown, lambda: targets)
