"""From the network's outputs to objects, in TensorFlow: one pass, no proposals.

    centres    the pixels whose heat is at least `least_centre` and nowhere greater within `window` pixels across: the
               `most` hottest of them (max-pool suppression)
    objects    each pixel of a thing's class belongs to the centre nearest to where its offset points
    classes    an object has the class that most of its pixels have; stuff is never divided
    score      the heat of its centre times the mean probability of its pixels' own classes
    small      objects of fewer than `least_pixels` are dropped: their pixels become background

As in Panoptic-DeepLab (Cheng et al. 2020, https://arxiv.org/abs/1911.10194, section 3.3). If there is no centre, the
pixels of things belong to no object and become background, too.

The nearest centre is looked up in a table of cells, which saves comparing every pixel with every centre. A cell is a
pixel of the network; where there are many pixels and centres, it is 2 or 4 pixels wide. A pixel that points into a
cell has the centre nearest to the cell's middle.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.experiments.instances.learn.network import FURTHER, read_outputs
from maskwright.experiments.instances.params import Grouping

_COMPARISONS = 2_000_000
"""Cells times centres, above which cells are made wider, up to `_WIDEST` pixels."""
_WIDEST = 4

Summed = Callable[[Any, Any, Any], Any]
"""(N,) values, their (N,) int32 places, and the number of places K -> (K,) sums."""


class Objects(NamedTuple):
    """The K objects of a photograph, best first.

    Attributes:
        mask: (H, W) uint8 class of each pixel; an object's pixels have its class.
        numbers: (H, W) int32, which object each pixel belongs to: 1 is the first, 0 is none.
        classes: (K,) int32.
        scores: (K,) float32, from 0 to 1.
        centres: (K, 2) float32, down and across in pixels of the photograph, whose first pixel's middle is at 0.5.
    """

    mask: Any
    numbers: Any
    classes: Any
    scores: Any
    centres: Any


def things_of(classes: Sequence[str], stuff: Sequence[str]) -> np.ndarray:
    """Return (256,) bool: which class indices are things, so that they are divided into objects.

    Args:
        classes: the names, background first, which is no thing.
        stuff: those that are no things either.
    """
    things = np.zeros(256, bool)
    things[1 : len(classes)] = [name not in stuff for name in classes[1:]]
    return things


def group(
    outputs: Any, size: Any, things: Any, settings: Grouping, summed: Summed = tf.math.unsorted_segment_sum
) -> Objects:
    """Group the pixels of one photograph into objects.

    Args:
        outputs: (h, w, C + FURTHER) float32 of the network.
        size: (2,) int32, the photograph's height and width H and W; the outputs are interpolated bilinearly.
        things: (256,) bool, from `things_of`.
        settings: see above.
        summed: the sums of values that have the same place.
    """
    labels, confidence = classify(outputs, size)
    _, heat, offsets = read_outputs(outputs)
    peaks, heats = find_centres(heat, settings)
    votes = _votes(offsets, size)
    nearest = _nearest(votes, peaks, tf.shape(heat))
    count, number_of_classes = tf.shape(peaks)[0], tf.shape(outputs)[-1] - FURTHER
    divided = tf.cast(things, tf.int32)[:number_of_classes]
    # Each pixel's centre and class in one number, so that tables of a few thousand places tell all about a pixel:
    # a look into a table costs as much for each pixel of the photograph as the rest.
    pairs = nearest * number_of_classes + labels
    classes, areas, sure = _statistics(pairs, confidence, divided, count, summed)
    scores = tf.clip_by_value(heats, 0.0, 1.0) * sure
    kept = areas >= settings.least_pixels
    order = tf.argsort(tf.where(kept, scores, -1.0), direction="DESCENDING", stable=True)
    order = order[: tf.reduce_sum(tf.cast(kept, tf.int32))]
    # For each centre the number of its object; 0 for those that are dropped, and for no centre.
    renamed = tf.scatter_nd(order[:, None] + 1, tf.range(1, tf.shape(order)[0] + 1), [count + 1])
    classes, scores = tf.gather(classes, order), tf.gather(scores, order)
    numbers = renamed[:, None] * divided
    classes_of = tf.gather(tf.concat([[0], classes], axis=0), renamed)
    mask = tf.where(divided > 0, classes_of[:, None], tf.range(number_of_classes))
    mask, numbers = (tf.gather(tf.reshape(table, [-1]), pairs) for table in (tf.cast(mask, tf.uint8), numbers))
    scale = tf.cast(size, tf.float32) / tf.cast(tf.shape(heat), tf.float32)
    centres = (tf.cast(tf.gather(peaks, order), tf.float32) + 0.5) * scale
    return Objects(mask, numbers, classes, scores, centres)


def classify(outputs: Any, size: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the most probable class of each pixel, (H, W) int32, and its probability, (H, W) float32.

    The probabilities are interpolated bilinearly, as segmentation's are.
    """
    probabilities = _resized(tf.nn.softmax(read_outputs(outputs).logits), size)
    # Faster than argmax and reduce_max; of equal ones, all three take the first.
    confidence, labels = tf.math.top_k(probabilities)
    return tf.squeeze(labels, -1), tf.squeeze(confidence, -1)


def find_centres(heat: Any, settings: Grouping) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the pixels of the centres, (K, 2) int32 of row and column, and their heat, (K,), hottest first."""
    # The maximum of a square is that of its rows' maxima. LiteRT cannot add two axes in one index.
    pooled = tf.expand_dims(heat[None], -1)
    for sides in ((1, settings.window), (settings.window, 1)):
        pooled = tf.nn.max_pool2d(pooled, sides, 1, "SAME")
    pooled = tf.squeeze(pooled, (0, 3))
    places = tf.cast(tf.where((heat >= pooled) & (heat >= settings.least_centre)), tf.int32)
    values = tf.gather_nd(heat, places)
    order = tf.argsort(values, direction="DESCENDING", stable=True)[: settings.most]
    return tf.gather(places, order), tf.gather(values, order)


def grouper(things: np.ndarray, settings: Grouping) -> Callable[[np.ndarray, tuple[int, int]], Objects]:
    """Return `group` as a function of outputs and size that is compiled once, and returns arrays."""

    @tf.function(input_signature=(tf.TensorSpec((None, None, None)), tf.TensorSpec((2,), tf.int32)))
    def compiled(outputs: tf.Tensor, size: tf.Tensor) -> Objects:
        return group(outputs, size, things, settings)

    def run(outputs: np.ndarray, size: tuple[int, int]) -> Objects:
        return Objects(*(part.numpy() for part in compiled(tf.constant(outputs), tf.constant(size))))

    return run


def _resized(values: Any, size: Any) -> Any:
    """Interpolate (h, w, n) bilinearly to `size`."""
    same = tf.reduce_all(tf.shape(values)[:2] == size)
    return tf.cond(same, lambda: values, lambda: tf.image.resize(values, size))


def _votes(offsets: Any, size: Any) -> tuple[tf.Tensor, tf.Tensor]:
    """Return where each pixel of the photograph points: two (H, W) float32, down and across in network pixels."""
    pointed = _resized(offsets, size)
    small = tf.cast(tf.shape(offsets)[:2], tf.float32)
    steps = small / tf.cast(size, tf.float32)
    rows = (tf.cast(tf.range(size[0]), tf.float32) + 0.5) * steps[0] - 0.5
    columns = (tf.cast(tf.range(size[1]), tf.float32) + 0.5) * steps[1] - 0.5
    return pointed[..., 0] + rows[:, None], pointed[..., 1] + columns


def _nearest(votes: tuple[Any, Any], peaks: Any, shape: Any) -> Any:
    """Return 1 + the place of the centre nearest to each vote, (H, W) int32; 0 if there is no centre."""
    count = tf.shape(peaks)[0]
    width = tf.constant(1)
    for _ in range(2):  # 1, 2 or 4 pixels
        cells = ((shape[0] + width - 1) // width) * ((shape[1] + width - 1) // width)
        width = tf.where(tf.cast(cells, tf.int64) * tf.cast(count, tf.int64) > _COMPARISONS, 2 * width, width)
    width = tf.minimum(width, _WIDEST)
    sides = (shape + width - 1) // width
    middle = (tf.cast(width, tf.float32) - 1) / 2
    rows, columns = (tf.cast(tf.range(side) * width, tf.float32) + middle for side in tf.unstack(sides))
    points = tf.reshape(tf.stack(tf.meshgrid(rows, columns, indexing="ij"), axis=-1), (-1, 2))  # (cells, 2)
    centres = tf.cast(peaks, tf.float32)
    # |p - c|^2 = |p|^2 - 2 (p . c - |c|^2 / 2): the nearest centre has the greatest parenthesis.
    # Halves of whole numbers, so that ties are exact and go to the hotter centre; `**` would round.
    near = tf.matmul(points, centres, transpose_b=True) - tf.reduce_sum(tf.square(centres), axis=-1) / 2
    widened = tf.stack([0, tf.cast(count == 0, tf.int32)])  # by one column: argmax of nothing is an error
    padded = tf.pad(near, tf.stack([tf.zeros(2, tf.int32), widened]))
    table = tf.where(count > 0, tf.argmax(padded, axis=-1, output_type=tf.int32) + 1, 0)
    down, across = (
        tf.clip_by_value(tf.cast(tf.round(vote), tf.int32), 0, side - 1) // width
        for vote, side in zip(votes, tf.unstack(shape), strict=True)
    )
    return tf.gather(table, down * sides[1] + across)


def _statistics(pairs: Any, confidence: Any, divided: Any, count: Any, summed: Summed) -> tuple[Any, Any, Any]:
    """Return for each centre the class of most of its pixels, their number, and their mean probability."""
    shape = count + 1, tf.shape(divided)[0]
    places = shape[0] * shape[1]
    pairs, confidence = tf.reshape(pairs, [-1]), tf.reshape(confidence, [-1])
    counts = tf.reshape(summed(tf.ones_like(pairs), pairs, places), shape)[1:] * divided
    sums = tf.reshape(summed(confidence, pairs, places), shape)[1:] * tf.cast(divided, tf.float32)
    areas = tf.reduce_sum(counts, axis=-1)
    sure = tf.math.divide_no_nan(tf.reduce_sum(sums, axis=-1), tf.cast(areas, tf.float32))
    return tf.argmax(counts, axis=-1, output_type=tf.int32), areas, sure
