"""What instances cost beyond segmentation: a step of training, and the grouping of pixels into objects.

    .venv/bin/python benchmarks/instances.py [--rounds 7]

Steps: both networks with the same preset, size and batches, the default of instances, on images of noise with 12
objects each; the input pipeline, which makes the targets, is part of both. Grouping: a photograph of 480 x 640 as the
network would see a grid of round objects, without an error, at the network's own size.

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
from maskwright.experiments.instances.learn.grouping import grouper, things_of
from maskwright.experiments.instances.params import Grouping, Instances
from maskwright.experiments.segmentation.learn import train as segmentation
from maskwright.experiments.segmentation.learn.batches import LabelledImages
from maskwright.experiments.segmentation.params import Segmentation
from maskwright.shared.processor import this_processor

IMAGES = 160
CLASSES = ["background", "one", "two", "three"]
PHOTOGRAPH = (480, 640)
SHARED = ("preset", "frozen", "backbone_rate", "size", "batch_size", "augment")


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def grid(count: int, size: tuple[int, int]) -> tuple[np.ndarray, float]:
    """Return (count, 2) centres in rows and columns, as far apart as they fit, and half their distance."""
    for step in range(int(np.sqrt(size[0] * size[1] / count)), 2, -1):
        rows, columns = (np.arange(step // 2, side - step // 2, step) for side in size)
        if len(rows) * len(columns) >= count:
            centres = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
            return centres[:count], step / 2
    raise ValueError(f"{count} objects do not fit into {size}")


def numbered(count: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the (n, 2) centres of `count` discs, and the (H, W) number of the disc at each pixel, 0 for none."""
    centres, reach = grid(count, size)
    numbers = np.zeros(size, np.uint16)
    down, across = np.mgrid[: size[0], : size[1]]
    for number, (row, column) in enumerate(centres, start=1):
        numbers[(down - row) ** 2 + (across - column) ** 2 < reach**2] = number
    return centres, numbers


def steps(rounds: int) -> None:
    ours = Instances.model_validate(default_settings()["instances"])
    shared: dict[str, Any] = {name: getattr(ours, name) for name in SHARED}
    shared |= {"epochs": 1000, "epoch_images": IMAGES}
    theirs = Segmentation.model_validate(default_settings()["segmentation"]).model_copy(update=shared)
    ours = ours.model_copy(update=shared)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (IMAGES, *ours.sides, 3), np.uint8)
    _, numbers = numbered(12, ours.sides)
    objects = np.repeat(numbers[None], IMAGES, axis=0)
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


def grouping(count: int, size: tuple[int, int], rounds: int) -> None:
    outputs = perfect_outputs(count, size)
    group = grouper(things_of(CLASSES, []), Grouping())
    found = group(outputs, PHOTOGRAPH)
    assert len(found.classes) == count, len(found.classes)
    times = [seconds(lambda: group(outputs, PHOTOGRAPH)) for _ in range(5 * rounds)]
    print(
        f"grouping of {count:,} objects of a photograph of 480 x 640, network {size[0]} x {size[1]}: "
        f"{statistics.median(times) * 1e3:.1f} ms ({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f})"
    )


def perfect_outputs(count: int, size: tuple[int, int]) -> np.ndarray:
    """Return the (H, W, C + 3) outputs of a network without an error."""
    centres, numbers = numbered(count, size)
    outputs = np.zeros((*size, len(CLASSES) + 3), np.float32)
    classes = np.where(numbers > 0, numbers % 3 + 1, 0)
    np.put_along_axis(outputs, classes[..., None], 9.0, axis=-1)
    outputs[centres[:, 0], centres[:, 1], len(CLASSES)] = 1.0
    down, across = np.mgrid[: size[0], : size[1]]
    of_pixel = centres[np.maximum(numbers, 1) - 1]
    outputs[..., -2:] = np.where(numbers[..., None] > 0, of_pixel - np.stack([down, across], axis=-1), 0)
    return outputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(2)
    print(this_processor())
    for size in ((192, 256), PHOTOGRAPH):
        grouping(50, size, rounds)
    grouping(1000, PHOTOGRAPH, rounds)
    steps(rounds)


if __name__ == "__main__":
    main()
