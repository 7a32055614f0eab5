"""Anchors of a single-shot detector: their positions, their targets, and the decoding of predictions to boxes.

A box is (x_min, y_min, x_max, y_max) in pixels of the network's input, float32, with x to the right and y down. A
pixel is the square from its number to the next.

The scheme is that of SSD (Liu et al. 2016, https://arxiv.org/abs/1512.02325). The training targets of an image are
(A, 5) float32: for each anchor its class (0 for background, `UNKNOWN` if nothing is to be learned) and four offsets
(0 if no object is matched).

Anchors lie on grids. The width that an anchor shares with a box therefore depends only on the anchor's column, and
the shared height only on its row. All overlaps are products of these few numbers. If the greatest product is too
small for any anchor to be matched, no overlap is computed. NumPy computes the targets, even inside `tf.data`: on
arrays of this size its operations take a fraction of TensorFlow's time.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.experiments.detection.learn.boxes import UNKNOWN, box_iou
from maskwright.experiments.detection.params import Offsets

SHAPES = 4
"""The number of anchors at each position."""

VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""Normalised offsets are divided by these numbers, so that all four have a magnitude of about 1."""

_MOSTLY = 0.5


class Anchors(NamedTuple):
    """All anchors: level after level, row after row, position after position, shape after shape.

    Attributes:
        boxes: (A, 4) float32.
        x: (S, C, 2) float32, the left and right ends of the anchors of each shape of each level, column by column. S
            is four times the number of levels, and C is the greatest number of columns. If a level has fewer columns,
            the rest is 0.
        y: (S, R, 2) float32, the upper and lower ends, row by row.
        areas: (S,) float32, the area of an anchor of each shape.
        first: (S,) int32, the index of the shape's first anchor.
        columns: (S,) int32, the number of columns of the shape's level.
    """

    boxes: np.ndarray
    x: np.ndarray
    y: np.ndarray
    areas: np.ndarray
    first: np.ndarray
    columns: np.ndarray


def make_anchors(maps: Sequence[tuple[int, int]], image: tuple[int, int], sizes: tuple[float, float]) -> Anchors:
    """Return the anchors of all positions of some feature maps.

    With K levels, s_0 ... s_K are spread evenly from sizes[0] to sizes[1]. Level k has at each position one anchor of
    size s_k for each of the aspect ratios 1, 2 and 0.5, and one anchor of size sqrt(s_k s_k+1) with ratio 1. An
    anchor of size s and ratio r is s sqrt(r) W wide and s / sqrt(r) H high. Its centre is the centre of the
    position's cell; the cells divide the image evenly. Anchors may reach beyond the image.

    Args:
        maps: (rows, columns) of each level's feature map, finest first.
        image: height H and width W of the image, in pixels.
        sizes: the sizes of the smallest and the largest anchor, as shares of the image's sides.

    Returns:
        A anchors, A = 4 * the sum of rows * columns.

    By hand: a single 1 x 1 level on an image of 100 x 200 (height, width) with the sizes 0.25 and 1. The centre is
    (100, 50). With size 0.25, ratio 1 gives 50 x 25 pixels (width x height), so (75, 37.5, 125, 62.5). With size
    sqrt(0.25 * 1) = 0.5, it gives 100 x 50 pixels, so (50, 25, 150, 75).
    """
    height, width = image
    steps = np.linspace(*sizes, len(maps) + 1)
    ratios = np.sqrt([1.0, 2.0, 0.5, 1.0])
    x = np.zeros((len(maps), SHAPES, max(columns for _, columns in maps), 2), np.float32)
    y = np.zeros((len(maps), SHAPES, max(rows for rows, _ in maps), 2), np.float32)
    boxes = []
    for level, (rows, columns) in enumerate(maps):
        size, following = steps[level : level + 2]
        scales = np.array([size, size, size, np.sqrt(size * following)])
        x[level, :, :columns] = _intervals(columns, width, scales * ratios)
        y[level, :, :rows] = _intervals(rows, height, scales / ratios)
        across, down = x[level, :, None, :columns], y[level, :, :rows, None]  # (4, 1, C, 2) and (4, R, 1, 2)
        sides = np.broadcast_arrays(across[..., 0], down[..., 0], across[..., 1], down[..., 1])
        boxes.append(np.stack(sides, axis=-1).transpose(1, 2, 0, 3).reshape(-1, 4))  # the shape last
    first = np.cumsum([0, *(len(level) for level in boxes[:-1])])[:, None] + np.arange(SHAPES)
    columns = np.repeat([columns for _, columns in maps], SHAPES)
    x, y = x.reshape(-1, *x.shape[2:]), y.reshape(-1, *y.shape[2:])
    areas = np.prod([sides[:, 0, 1] - sides[:, 0, 0] for sides in (x, y)], axis=0)
    return Anchors(np.concatenate(boxes), x, y, areas, first.ravel().astype(np.int32), columns.astype(np.int32))


def _intervals(cells: int, length: int, shares: np.ndarray) -> np.ndarray:
    """Return (4, cells, 2) float32: the two ends of each shape, centred on each cell."""
    middle = (np.arange(cells) + 0.5) * length / cells
    half = shares[:, None] * length / 2
    return np.stack([middle - half, middle + half], axis=-1).astype(np.float32)


def match(boxes: np.ndarray, classes: np.ndarray, anchors: Anchors, threshold: float) -> np.ndarray:
    """Choose each anchor's ground-truth box.

    1. Each box asks for the anchor with which it has the greatest IoU (on a tie, the first by level, shape, row and
       column). If several boxes ask for an anchor, the one with the greatest IoU gets it (on a tie, the first).
    2. The boxes that did not get their anchor take the best anchor that is still free, in descending order of that
       IoU (on a tie, the first box). The best anchor is the one with the greatest IoU, if it is above 0, or else the
       one with the nearest centre (by the sum of the distances along x and y; on a tie, the first). Boxes that no
       anchor overlaps do the same. Every box gets an anchor unless there are more boxes than anchors.
    3. Every other anchor joins the box with which it has the greatest IoU (on a tie, the first), if that IoU is above
       the threshold.

    Args:
        boxes: (B, M, 4) float32 ground truth with areas above 0.
        classes: (B, M) int32; boxes of a class below 1 do not count.
        anchors: A anchors.
        threshold: the threshold of step 3, from 0 to 1.

    Returns:
        (B, A) int32: the index of the box, from 0, or -1.
    """
    image, number = np.nonzero(classes > 0)  # of the T boxes that count
    boxes = boxes[image, number]
    across, down = _shared_sides(boxes, anchors)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    # IoU = i / (s - i) increases with i / s, where i is the intersection and s the sum of the areas. So i / s gives
    # the same order, at one multiplication per anchor.
    across /= (areas[:, None] + anchors.areas)[:, :, None]
    peaks = across.max(axis=2) * down.max(axis=2)  # (T, S)

    matched = np.full((len(classes), len(anchors.boxes)), -1, np.int32)
    box, anchor, share = _above(across, down, peaks, threshold / (1 + threshold), anchors)
    rising = np.lexsort((-box, share))  # if an anchor could join several, the last one written wins
    matched[image[box[rising]], anchor[rising]] = number[box[rising]]
    given = _one_each(boxes, image, *_best_anchors(across, down, peaks, anchors), anchors)
    has = given >= 0
    matched[image[has], given[has]] = number[has]
    return matched


def _one_each(
    boxes: np.ndarray, image: np.ndarray, highest: np.ndarray, wanted: np.ndarray, anchors: Anchors
) -> np.ndarray:
    """Return the anchor that each box gets in the steps 1 and 2 of `match`, (T,) int; -1 if none was left.

    Args:
        boxes: (T, 4).
        image: (T,), the index of each box's image.
        highest: (T,), the overlap of each box with its best anchor.
        wanted: (T,), each box's best anchor.
        anchors: A anchors.
    """
    given = np.full(len(boxes), -1)
    order = np.argsort(-highest, kind="stable")
    wanting = order[highest[order] > 0]
    _, first = np.unique(image[wanting] * len(anchors.boxes) + wanted[wanting], return_index=True)
    given[wanting[first]] = wanted[wanting[first]]
    for loser in order[given[order] < 0]:
        iou = box_iou(boxes[loser], anchors.boxes)[0]
        distance = np.abs(_middles(anchors.boxes) - _middles(boxes[loser])).sum(axis=-1)
        # Any overlapping anchor comes before the nearest one that does not overlap.
        value = np.where(iou > 0, iou, -1 - distance)
        value[given[(image == image[loser]) & (given >= 0)]] = -np.inf
        best = value.argmax()
        given[loser] = best if value[best] > -np.inf else -1
    return given


def _middles(boxes: Any) -> Any:
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def _shared_sides(boxes: np.ndarray, anchors: Anchors) -> tuple[np.ndarray, np.ndarray]:
    """Return the widths (T, S, C) and heights (T, S, R) that boxes (T, 4) share with the anchors of each shape."""

    def shared(begin: np.ndarray, end: np.ndarray, intervals: np.ndarray) -> np.ndarray:
        begin, end = begin[:, None, None], end[:, None, None]
        sides = np.minimum(end, intervals[..., 1]) - np.maximum(begin, intervals[..., 0])
        return np.maximum(sides, 0, out=sides)

    left, top, right, bottom = boxes.T
    return shared(left, right, anchors.x), shared(top, bottom, anchors.y)


def _above(
    across: np.ndarray, down: np.ndarray, peaks: np.ndarray, limit: float, anchors: Anchors
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the products above a limit: the box's index, the anchor's index in its image, the product; (P,) each.

    Most boxes differ in size from most anchors. Their greatest product (`peaks`) is then below the limit, and no
    product is computed.
    """
    box, shape = np.nonzero(peaks > limit)  # (N,)
    products = down[box, shape][:, :, None] * across[box, shape][:, None]  # (N, R, C)
    which, row, column = _true_places(products > limit)  # (P,)
    return box[which], _number(anchors, shape[which], row, column), products[which, row, column]


def _true_places(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the same as `np.nonzero`, but ten times as fast if few values are true."""
    return np.unravel_index(np.flatnonzero(values), values.shape)


def _number(anchors: Anchors, shape: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return anchors.first[shape] + (row * anchors.columns[shape] + column) * SHAPES


def _best_anchors(
    across: np.ndarray, down: np.ndarray, peaks: np.ndarray, anchors: Anchors
) -> tuple[np.ndarray, np.ndarray]:
    """Return the greatest product for each box, and the first anchor (level, shape, row, column) that has it: (T,).

    The greatest product is the product of the greatest factors, so no other product is computed.
    """
    shape = peaks.argmax(axis=1)
    each = np.arange(len(shape))
    row, column = down[each, shape].argmax(axis=1), across[each, shape].argmax(axis=1)
    return peaks[each, shape], _number(anchors, shape, row, column)


def encode(boxes: np.ndarray, anchors: np.ndarray, offsets: Offsets) -> np.ndarray:
    """Return the offsets from anchors to boxes: (..., 4), (..., 4) -> (..., 4) float32.

    With (cx, cy, w, h) for an anchor's centre and size, and primes for the box:

        raw:         x_min' - x_min, x_max' - x_max, y_min' - y_min, y_max' - y_max, in pixels
        normalised:  (cx' - cx) / w / 0.1, (cy' - cy) / h / 0.1, ln(w' / w) / 0.2, ln(h' / h) / 0.2

    Normalised offsets need boxes and anchors with width and height above 0.
    """
    boxes, anchors = np.asarray(boxes, np.float32), np.asarray(anchors, np.float32)
    if offsets == "raw":
        return (boxes - anchors)[..., [0, 2, 1, 3]]
    centres, sizes = _centres_and_sizes(boxes)
    anchor_centres, anchor_sizes = _centres_and_sizes(anchors)
    moves = (centres - anchor_centres) / anchor_sizes
    return np.concatenate([moves, np.log(sizes / anchor_sizes)], axis=-1) / np.array(VARIANCES, np.float32)


def decode(values: Any, anchors: Any, offsets: Offsets) -> tf.Tensor:
    """Return the boxes of offsets, the inverse of `encode`: (..., 4), (..., 4) -> (..., 4) float32.

    A predicted size is limited to 1,000 times the anchor's, so that it is always finite. Raw offsets may give a box
    with swapped sides. Such a box has no area, and `nms.detect` drops it.
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
    return _middles(boxes), boxes[..., 2:] - boxes[..., :2]


def assign_targets(
    boxes: np.ndarray, classes: np.ndarray, anchors: Anchors, *, threshold: float, offsets: Offsets
) -> np.ndarray:
    """Return the targets of all anchors for a batch of images.

    A matched anchor gets the class and the offsets of its box; see `match`. The others are background, except for
    anchors with more than half of their area in a box of the class `UNKNOWN`, which are `UNKNOWN` too.

    Args:
        boxes: (B, M, 4) float32; boxes without an area must have been removed.
        classes: (B, M) int32, from 1, or `UNKNOWN`; rows of class 0 are padding.
        anchors: A anchors.
        threshold: IoU above which an anchor joins a box that already has a better anchor.
        offsets: the encoding of offsets.

    Returns:
        (B, A, 5) float32: class, then offsets.
    """
    matched = match(boxes, classes, anchors, threshold)
    targets = np.zeros((*matched.shape, 5), np.float32)
    image, anchor = _true_places(matched >= 0)
    owner = matched[image, anchor]
    targets[image, anchor, 0] = classes[image, owner]
    targets[image, anchor, 1:] = encode(boxes[image, owner], anchors.boxes[anchor], offsets)
    targets[_hidden(boxes, classes, anchors) & (matched < 0), 0] = UNKNOWN
    return targets


def _hidden(boxes: np.ndarray, classes: np.ndarray, anchors: Anchors) -> np.ndarray:
    """Return (B, A) bool: whether more than half of the anchor lies in a box of unknown class in its image."""
    hidden = np.zeros((len(classes), len(anchors.boxes)), bool)
    image, number = np.nonzero(classes == UNKNOWN)
    across, down = _shared_sides(boxes[image, number], anchors)
    across /= anchors.areas[:, None]
    box, anchor, _ = _above(across, down, across.max(axis=2) * down.max(axis=2), _MOSTLY, anchors)
    hidden[image[box], anchor] = True
    return hidden
