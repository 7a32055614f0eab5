"""What instances cost beyond segmentation: a step of training. `grouping.py` measures the grouping of pixels.

    .venv/bin/python benchmarks/instances.py [--rounds 7]

Both networks have the same preset, size and batches, the default of instances, on images of noise with 12 objects
each. The input pipeline, which makes the targets, is part of both.

Everything runs in this process, in turns, on two threads. The numbers are medians; the ratios are of the same round.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.defaults import default_settings
from maskwright.experiments.instances.learn import train as instances
from maskwright.experiments.instances.learn.batches import NumberedImages
from maskwright.experiments.instances.learn.grouping import things_of
from maskwright.experiments.instances.params import Instances
from maskwright.experiments.segmentation.learn import train as segmentation
from maskwright.experiments.segmentation.learn.batches import LabelledImages
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.shared.processor import this_processor

IMAGES = 160
CLASSES = ["background", "one", "two", "three"]
SHARED = ("preset", "frozen", "backbone_rate", "size", "batch_size", "augment")


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def numbered(size: tuple[int, int]) -> np.ndarray:
    """Return the (H, W) number of the object at each pixel, 0 for none: 12 discs in three rows."""
    height, width = size
    numbers = np.zeros(size, np.uint16)
    down, across = np.mgrid[:height, :width]
    for number in range(12):
        row, column = (number // 4 + 0.5) * height / 3, (number % 4 + 0.5) * width / 4
        numbers[(down - row) ** 2 + (across - column) ** 2 < (height / 8) ** 2] = number + 1
    return numbers


def steps(rounds: int) -> None:
    ours = Instances.model_validate(default_settings()["instances"])
    shared: dict[str, Any] = {name: getattr(ours, name) for name in SHARED}
    shared |= {"epochs": 1000, "epoch_images": IMAGES}
    theirs = Segmentation.model_validate(default_settings()["segmentation"]).model_copy(update=shared)
    ours = ours.model_copy(update=shared)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, *ours.sides, 3), np.uint8)
    objects = np.repeat(numbered(ours.sides)[None], IMAGES, axis=0)
    masks = np.where(objects > 0, objects % 3 + 1, 0).astype(np.uint8)
    things = things_of(CLASSES, [])
    loops = {
        "segmentation": segmentation.new_trainer(theirs, LabelledImages(images, masks), len(CLASSES)).fit,
        "instances": instances.new_trainer(ours, NumberedImages(images, masks, objects), things, len(CLASSES)).fit,
    }
    times: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name, fit in loops.items():
            once = seconds(partial(one_epoch, fit, number))
            if number:  # the first traces and compiles
                times[name].append(once / IMAGES)
    ratios = [one / other for one, other in zip(times["instances"], times["segmentation"], strict=True)]
    print(
        f"a training image of {ours.sides[0]} x {ours.sides[1]}, {ours.preset}: "
        + ", ".join(f"{name} {statistics.median(values) * 1e3:.1f} ms" for name, values in times.items())
        + f"; {statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"
    )


def one_epoch(fit: Any, number: int) -> None:
    class Stop(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    fit(number, [Stop()])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    print(this_processor())
    steps(rounds)


if __name__ == "__main__":
    main()
