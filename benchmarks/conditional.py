"""How much time it saves to run only the branch that a hard gate opens, against running all of them.

    .venv/bin/python benchmarks/conditional.py [--batch 256] [--rounds 30]

Both are compiled functions of one network of the preset branch-heavy, whose first head sends half of the images to
either branch; both give the same logits. They run in turns, and the median of the rounds' ratios counts.

Expected on 2 free cores: at least 1.5 times as fast.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.experiments.conditional.learn.network import network
from maskwright.experiments.conditional.learn.parts import Sizes
from maskwright.experiments.conditional.learn.variants import PRESETS
from maskwright.experiments.conditional.report.costs import multiply_adds
from maskwright.experiments.conditional.skipping import running_all, skipping

COARSE, FINE = 2, 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=30)
    arguments = parser.parse_args()
    trunk, branch, units = PRESETS["branch-heavy"]
    sizes = Sizes(28, 1, trunk, branch, units)
    model: Any = network(sizes, COARSE, FINE, gate="hard", temperature=1.0, seed=0)
    images = tf.constant(np.random.default_rng(0).random((arguments.batch, 28, 28, 1)), tf.float32)
    # Half of the images to either branch: the median of the two logits' difference becomes 0.
    first = model.get_layer("trunk").get_layer("first")
    logits = np.asarray(model.get_layer("trunk")(images)[2])
    first.bias.assign([-float(np.median(logits[:, 0] - logits[:, 1])), 0.0])
    ways = {"all branches": running_all(model), "the open branch": skipping(model)}
    answers = {name: np.asarray(way(images)) for name, way in ways.items()}
    difference = float(np.abs(answers["all branches"] - answers["the open branch"]).max())
    shares = np.bincount(answers["all branches"][:, :COARSE].argmax(axis=1), minlength=COARSE) / arguments.batch
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        for _ in range(3):
            np.asarray(way(images))
    for _ in range(arguments.rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            np.asarray(way(images))
            times[name].append(time.perf_counter() - start)
    total = multiply_adds(model)
    one = multiply_adds(model.get_layer("branch_0"))
    print(f"shares of the branches: {shares}; largest difference of a logit: {difference:.2g}")
    print(f"multiply-adds of an image: {total:,} with all branches, {total - (COARSE - 1) * one:,} with one")
    for name, values in times.items():
        print(f"{name:16} {statistics.median(values) * 1e3 / arguments.batch:.4f} ms an image")
    ratios = [a / b for a, b in zip(times["all branches"], times["the open branch"], strict=True)]
    print(f"times as fast: {statistics.median(ratios):.2f} (quartiles {np.quantile(ratios, [0.25, 0.75]).round(2)})")


if __name__ == "__main__":
    main()
