"""How fast suppression and target assignment are, against the loops that people write first.

    .venv/bin/python benchmarks/detection.py [--rounds 5]

Suppression: one class of the 6,400 anchors of the published network at 480x640, boxes and scores at random; with the
sources' thresholds of score and IoU, and with those of COCO's average precision. The loop is Algorithm 11.12.1 with a
call for each pair of boxes, once in numpy, as the sources do it, and once in plain numbers. It is compared with
`nms.suppress`, and with TensorFlow's kernel alone.

Targets: 320 images of 1 to 5 boxes and the same anchors. The loop takes one image after the other, and one level of
the pyramid after the other, in numpy: IoU of all pairs, best anchors, threshold, offsets. It is compared with
`anchors.assign_targets` on batches of 16, by itself and in tf.data, which has to hand over 2 MB for each batch.

Everything runs in this process, in turns. The numbers are medians.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.detection.learn.anchors import VARIANCES, Anchors, assign_targets, make_anchors
from maskwright.experiments.detection.learn.nms import suppress
from maskwright.experiments.detection.params import Nms

MAPS, IMAGE = [(30, 40), (15, 20), (8, 10), (4, 5)], (480, 640)
CASES = {
    "score 0.5, IoU 0.2": (0.5, Nms(kind="hard", iou_threshold=0.2, most=100)),
    "score 0.01, IoU 0.5": (0.01, Nms(kind="hard", iou_threshold=0.5, most=100)),
}


def pair_iou(one: list[float], other: list[float]) -> float:
    across = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    down = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return across * down / (areas - across * down)


def pair_iou_numpy(one: np.ndarray, other: np.ndarray) -> float:
    across = np.maximum(0, np.minimum(one[2], other[2]) - np.maximum(one[0], other[0]))
    down = np.maximum(0, np.minimum(one[3], other[3]) - np.maximum(one[1], other[1]))
    areas = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    return across * down / (areas - across * down)


def loop_nms(boxes: Any, scores: Any, iou: Callable[[Any, Any], float], nms: Nms, least_score: float) -> list[int]:
    candidates = [number for number, score in enumerate(scores) if score >= least_score]
    kept: list[int] = []
    while candidates and len(kept) < nms.most:
        best = max(candidates, key=scores.__getitem__)
        kept.append(best)
        candidates = [
            number for number in candidates if number != best and iou(boxes[best], boxes[number]) < nms.iou_threshold
        ]
    return kept


def loop_targets(boxes: np.ndarray, classes: np.ndarray, levels: list[np.ndarray]) -> np.ndarray:
    results = []
    for anchors in levels:
        across = np.minimum(anchors[:, None, 2], boxes[:, 2]) - np.maximum(anchors[:, None, 0], boxes[:, 0])
        down = np.minimum(anchors[:, None, 3], boxes[:, 3]) - np.maximum(anchors[:, None, 1], boxes[:, 1])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        areas, box_areas = ((b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (anchors, boxes))
        iou = shared / (areas[:, None] + box_areas - shared)
        owner = np.where(iou.max(axis=1) > 0.6, iou.argmax(axis=1), -1)
        owner[iou.argmax(axis=0)] = np.arange(len(boxes))
        mine = boxes[owner]
        centres, mine_centres = ((b[:, :2] + b[:, 2:]) / 2 for b in (anchors, mine))
        sizes, mine_sizes = (b[:, 2:] - b[:, :2] for b in (anchors, mine))
        offsets = np.concatenate([(mine_centres - centres) / sizes, np.log(mine_sizes / sizes)], axis=1) / VARIANCES
        matched = owner >= 0
        labels = np.where(matched, classes[owner], 0)
        results.append(np.concatenate([labels[:, None], np.where(matched[:, None], offsets, 0)], axis=1))
    return np.concatenate(results)


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    anchors = make_anchors(MAPS, IMAGE, (0.2, 0.9))
    rng = np.random.default_rng(0)

    scores = rng.uniform(0, 1, len(anchors.boxes)).astype(np.float32)
    boxes = anchors.boxes + rng.normal(0, 10, anchors.boxes.shape).astype(np.float32)
    for name, (least, nms) in CASES.items():
        time_suppression(name, boxes, scores, nms, least, rounds)
    time_targets(anchors, rng, rounds)


def time_suppression(
    name: str, boxes: np.ndarray, scores: np.ndarray, nms: Nms, least_score: float, rounds: int
) -> None:
    inputs, lists = (tf.constant(boxes), tf.constant(scores)), (boxes.tolist(), scores.tolist())
    ours = tf.function(lambda b, s: suppress(b, s, nms, least_score))
    kernel = tf.function(
        lambda b, s: tf.image.non_max_suppression_with_scores(b, s, nms.most, nms.iou_threshold, least_score)
    )
    kernel(*inputs)
    assert ours(*inputs)[0].numpy().tolist() == loop_nms(*lists, pair_iou, nms, least_score)
    many = 50
    times: dict[str, list[float]] = {"numpy": [], "plain": [], "suppress": [], "kernel": []}
    for _ in range(rounds):
        times["numpy"].append(seconds(lambda: loop_nms(boxes, scores, pair_iou_numpy, nms, least_score)))
        times["plain"].append(seconds(lambda: loop_nms(*lists, pair_iou, nms, least_score)))
        times["suppress"].append(seconds(lambda: [ours(*inputs) for _ in range(many)]) / many)
        times["kernel"].append(seconds(lambda: [kernel(*inputs) for _ in range(many)]) / many)
    loop, plain, mine, alone = (statistics.median(values) for values in times.values())
    ratios = [a / b for a, b in zip(times["numpy"], times["suppress"], strict=True)]
    print(
        f"suppression of {len(boxes):,} boxes, {name}: numpy {loop * 1e3:.0f} ms, plain numbers "
        f"{plain * 1e3:.0f} ms, suppress {mine * 1e3:.2f} ms, the kernel alone {alone * 1e3:.2f} ms"
    )
    print(
        f"  {loop / mine:.0f} ({min(ratios):.0f} to {max(ratios):.0f}) and {plain / mine:.0f} times as fast, "
        f"{mine / alone:.2f} times the kernel's time"
    )


def time_targets(anchors: Anchors, rng: np.random.Generator, rounds: int) -> None:
    counts = rng.integers(1, 6, 320)
    middles = rng.uniform(0.2, 0.8, (320, 5, 2)) * IMAGE[::-1]
    halves = rng.uniform(0.05, 0.2, (320, 5, 2)) * IMAGE[::-1]
    drawn = np.concatenate([middles - halves, middles + halves], axis=-1).astype(np.float32)
    classes = np.where(np.arange(5) < counts[:, None], rng.integers(1, 4, (320, 5)), 0).astype(np.int32)
    bounds = np.cumsum([0, *(4 * math.prod(shape) for shape in MAPS)])
    levels = [anchors.boxes[start:stop] for start, stop in pairwise(bounds)]
    assign = partial(assign_targets, anchors=anchors, threshold=0.6, offsets="normalised")
    stream = tf.data.Dataset.from_tensor_slices((drawn, classes)).batch(16).cache()
    stream = stream.map(lambda b, c: tf.numpy_function(assign, [b, c], tf.float32), num_parallel_calls=2)

    def one_by_one() -> None:
        for image, count in enumerate(counts):
            loop_targets(drawn[image, :count], classes[image, :count], levels)

    def batch_by_batch() -> None:
        for start in range(0, 320, 16):
            assign(drawn[start : start + 16], classes[start : start + 16])

    def streamed() -> None:
        for _ in stream:
            pass

    ways = {"image by image, level by level": one_by_one, "a batch at once": batch_by_batch, "in tf.data": streamed}
    times: dict[str, list[float]] = {name: [] for name in ways}
    streamed()
    for _ in range(4 * rounds):
        for name, way in ways.items():
            times[name].append(seconds(way) / 320)
    loop = times.pop("image by image, level by level")
    print(f"targets of an image: level by level {statistics.median(loop) * 1e3:.2f} ms")
    for name, values in times.items():
        ratios = [a / b for a, b in zip(loop, values, strict=True)]
        print(
            f"  {name} {statistics.median(values) * 1e3:.3f} ms: {statistics.median(ratios):.1f} "
            f"({min(ratios):.1f} to {max(ratios):.1f}) times as fast"
        )


if __name__ == "__main__":
    main()
