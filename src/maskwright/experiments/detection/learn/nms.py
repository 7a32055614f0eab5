"""Non-maximum suppression: keep the best of overlapping predictions. Hard, or soft with a Gaussian.

The procedure is Algorithm 11.12.1 of Atienza (Advanced Deep Learning with TensorFlow 2 and Keras, 2nd ed. 2020), or
that of Bodla et al. 2017 (Soft-NMS, https://arxiv.org/abs/1704.04503). Take the prediction with the highest score (on
a tie, the first), then

    hard: drop all others whose IoU with it is at least the threshold;
    soft: multiply the scores of all others by exp(-IoU^2 / sigma);

and repeat this with the remaining predictions, until no score reaches the least score. What a list of predictions is:

    apart: a list for each class, with the anchors' probabilities of it. Classes do not suppress each other;
    together: one list. An anchor has its most probable class other than the background, and its probability as the
        score, so that an object suppresses those of other classes too. This is what Listing 11.12.1 does.

The listing takes only anchors that are more probably an object than background. From a least score of 0.5 on, as the
sources use it, no other anchor counts here either.

TensorFlow's own kernel does the work (`tf.image.non_max_suppression_with_scores`).
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from maskwright.experiments.detection.params import Nms


class Detections(NamedTuple):
    """The predictions that were kept for a batch of images, in descending order of score.

    Attributes:
        boxes: (B, D, 4) float32, as (x_min, y_min, x_max, y_max).
        scores: (B, D) float32.
        classes: (B, D) int32, from 1. If an image has fewer than D predictions, class, score and box are 0.
    """

    boxes: Any
    scores: Any
    classes: Any


def suppress(boxes: Any, scores: Any, nms: Nms, least_score: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the predictions of one list to keep, best first: (K,) int32 indices and (K,) float32 scores.

    Args:
        boxes: (A, 4) float32; swapped sides of a box are put in order.
        scores: (A,) float32; NaN counts as no score.
        nms: the settings; at most `nms.most` predictions are kept.
        least_score: predictions with lower scores are dropped, also after softening.
    """
    # The kernel keeps IoUs *up to* its threshold and scores *above* its least one: both get the next lower float32.
    soft = nms.kind == "soft"
    iou_threshold = 1.0 if soft else np.nextafter(np.float32(nms.iou_threshold), np.float32(0))
    return tf.image.non_max_suppression_with_scores(
        boxes,
        scores,
        max_output_size=nms.most,
        iou_threshold=iou_threshold,
        score_threshold=np.nextafter(np.float32(least_score), np.float32(-1)),
        # The kernel's Gaussian is exp(-IoU^2 / (2 sigma)).
        soft_nms_sigma=nms.sigma / 2 if soft else 0.0,
    )


def detect(boxes: Any, probabilities: Any, nms: Nms, least_score: float) -> Detections:
    """Suppress the predictions of each image, class by class or all together, and keep the best of each image.

    Args:
        boxes: (B, A, 4) float32; boxes without an area or with swapped sides are dropped.
        probabilities: (B, A, C) float32, background first. With `nms.classes` apart, an anchor may be kept for
            several classes.
        nms: the settings; D = `nms.most` for each image.
        least_score: predictions with lower scores are dropped.

    Returns:
        The detections; of equal scores, the lower class comes first if classes are apart, and the lower anchor if
        they are together.
    """
    boxes, probabilities = tf.cast(boxes, tf.float32), tf.cast(probabilities, tf.float32)
    valid = tf.reduce_all(boxes[..., 2:] > boxes[..., :2], axis=-1)
    scores = tf.where(valid[..., None], probabilities[..., 1:], -1.0)
    classes = scores.shape[-1]
    most = nms.most

    def together(items: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        boxes, scores = items  # (A, 4), (C - 1, A)
        kept, left = suppress(boxes, tf.reduce_max(scores, axis=0), nms, least_score)
        labels = tf.argmax(tf.gather(scores, kept, axis=1), axis=0, output_type=tf.int32) + 1
        missing = [[0, most - tf.size(kept)]]
        return tf.pad(tf.gather(boxes, kept), [*missing, [0, 0]]), tf.pad(left, missing), tf.pad(labels, missing)

    def apart(items: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        boxes, scores = items  # (A, 4), (C - 1, A)

        def of_class(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            kept, left = suppress(boxes, scores[number], nms, least_score)
            missing = most - tf.size(kept)
            return tf.pad(kept, [[0, missing]]), tf.pad(left, [[0, missing]])

        numbers = tf.range(classes)
        kept, left = tf.map_fn(of_class, numbers, fn_output_signature=(tf.int32, tf.float32))
        best, places = tf.math.top_k(tf.reshape(left, [-1]), most)
        chosen = tf.gather(boxes, tf.gather(tf.reshape(kept, [-1]), places))
        there = best > 0
        return (
            tf.where(there[:, None], chosen, 0.0),
            best,
            tf.where(there, places // most + 1, 0),
        )

    return Detections(
        *tf.map_fn(
            together if nms.classes == "together" else apart,
            (boxes, tf.transpose(scores, (0, 2, 1))),
            fn_output_signature=(
                tf.TensorSpec((most, 4), tf.float32),
                tf.TensorSpec((most,), tf.float32),
                tf.TensorSpec((most,), tf.int32),
            ),
        )
    )
