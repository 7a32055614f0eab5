"""The suppression of `learn.nms` by operations that every export format has, for the served model.

`nms` uses TensorFlow's kernel, whose number of results is open, and maps it over images and classes. No converter
handles both. Here all lists are suppressed together, one kept prediction of each list a step. The results are the
same.
"""

from typing import Any

import tensorflow as tf

from maskwright.experiments.detection.learn.nms import Detections
from maskwright.experiments.detection.params import Nms


def detect_in_steps(boxes: Any, probabilities: Any, nms: Nms, least_score: float) -> Detections:
    """Return the same as `learn.nms.detect`, with the same arguments."""
    boxes, probabilities = tf.cast(boxes, tf.float32), tf.cast(probabilities, tf.float32)
    valid = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], axis=-1)
    of_classes = tf.transpose(tf.where(valid[..., None], probabilities[..., 1:], -1.0), (0, 2, 1))  # (B, C - 1, A)
    lists = of_classes if nms.classes == "apart" else tf.reduce_max(of_classes, axis=1, keepdims=True)
    kept, scores = _kept(boxes, lists, nms, least_score)  # (B, L, D) each
    count = kept.shape[1]
    width = count * nms.most
    best, places = tf.math.top_k(tf.reshape(scores, (-1, width)), nms.most)  # (B, D)
    anchors = tf.gather(tf.reshape(kept, (-1, width)), places, batch_dims=1)
    if nms.classes == "apart":
        classes = places // nms.most + 1
    else:
        likeliest = tf.argmax(of_classes, axis=1, output_type=tf.int32) + 1
        classes = tf.gather(likeliest, anchors, batch_dims=1)
    there = best > 0
    chosen = tf.gather(boxes, anchors, batch_dims=1)
    return Detections(tf.where(there[..., None], chosen, 0.0), best, tf.where(there, classes, 0))


def _kept(boxes: Any, lists: Any, nms: Nms, least_score: float) -> tuple[Any, Any]:
    """Return the anchors that each list keeps, best first, and their scores: (B, L, D) int32 and float32.

    Args:
        boxes: (B, A, 4).
        lists: (B, L, A) scores; A and L must be known.
        nms: the settings, D = nms.most.
        least_score: lower scores are dropped. Where nothing is left, anchor and score are 0.
    """
    count, anchors = lists.shape[1], lists.shape[2]
    sides = [boxes[:, None, :, side] for side in range(4)]  # (B, 1, A) each
    areas = (sides[2] - sides[0]) * (sides[3] - sides[1])
    numbers, steps = tf.range(anchors), tf.range(nms.most)

    def step(number: Any, left: Any, kept: Any, scores: Any) -> tuple[Any, ...]:
        score = tf.reduce_max(left, axis=-1, keepdims=True)  # (B, L, 1)
        place: Any = tf.argmax(left, axis=-1, output_type=tf.int32)
        best = place[..., None]
        chosen = numbers == best
        left_of, top_of, right_of, bottom_of, area = (
            tf.reduce_sum(tf.where(chosen, values, 0.0), axis=-1, keepdims=True) for values in (*sides, areas)
        )
        across = tf.minimum(sides[2], right_of) - tf.maximum(sides[0], left_of)
        down = tf.minimum(sides[3], bottom_of) - tf.maximum(sides[1], top_of)
        shared = tf.maximum(across, 0.0) * tf.maximum(down, 0.0)
        union = areas + area - shared
        iou = tf.where(union > 0, shared / tf.where(union > 0, union, 1.0), 0.0)
        if nms.kind == "soft":
            left = left * tf.exp(-iou * iou / nms.sigma)
        else:
            left = tf.where(iou >= nms.iou_threshold, -1.0, left)
        now = (steps == number) & (score >= least_score)  # (B, L, D)
        return number + 1, tf.where(chosen, -1.0, left), tf.where(now, best, kept), tf.where(now, score, scores)

    # Also leaves out NaN, which is at least nothing.
    lists = tf.where(lists >= least_score, lists, -1.0)
    empty = tf.zeros_like(lists[..., :1]) * tf.zeros(nms.most)  # (B, L, D)
    _, _, kept, scores = tf.while_loop(
        lambda number, *_: number < min(nms.most, anchors),
        step,
        (tf.constant(0), lists, tf.cast(empty, tf.int32), empty),
        shape_invariants=(
            tf.TensorShape([]),
            tf.TensorShape([boxes.shape[0], count, anchors]),
            tf.TensorShape([boxes.shape[0], count, nms.most]),
            tf.TensorShape([boxes.shape[0], count, nms.most]),
        ),
    )
    return kept, scores
