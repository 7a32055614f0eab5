"""How long a training step of segmentation takes with 0, 3, 5 and 7 stages of its pretrained backbone frozen.

    python benchmarks/frozen.py [--size 192 256] [--rounds 12]

Everything else is as `maskwright preset segmentation photographs` sets it. A step is forward, backward and update, on
a batch that stays in memory; reading and augmenting photographs is left out. The networks take turns in one process,
in a round forwards and in the next one backwards, so that a computer whose speed drifts slows all alike. Each turn
begins with a step that is not timed, since the others have just had the caches.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from maskwright.defaults import default_settings
from maskwright.experiments.segmentation.learn.batches import LabelledImages
from maskwright.experiments.segmentation.learn.network import build
from maskwright.experiments.segmentation.learn.train import compile_model
from maskwright.experiments.segmentation.params import RECIPES, Segmentation
from maskwright.learning.common.determinism import make_deterministic
from maskwright.shared.processor import this_processor
from turns import seconds_a_call, spread

FROZEN = (0, 3, 5, 7)
CLASSES = 3
"""Two of objects, and the background."""


def photographs_settings(size: Sequence[int], **changes: Any) -> Segmentation:
    """Return the settings of the preset `photographs` for a size, with further changes."""
    values = default_settings()["segmentation"]
    for key, value in {**RECIPES["photographs"], "size": list(size), **changes}.items():
        *places, last = key.split(".")
        section = values
        for place in places:
            section = section[place]
        section[last] = value
    return Segmentation.model_validate(values)


def random_batch(settings: Segmentation) -> LabelledImages:
    """Return a batch of noise: what is on photographs does not change the time."""
    rng = np.random.default_rng(0)
    shape = (settings.batch_size, *settings.sides)
    images = rng.integers(0, 256, (*shape, 3), np.uint8)
    return LabelledImages(images, rng.integers(0, CLASSES, shape).astype(np.uint8))


def training_step(settings: Segmentation) -> Callable[[], None]:
    """Return what trains a new network for a step, always on the same batch."""
    data = random_batch(settings)
    make_deterministic(settings.seed)
    model: Any = build(settings, CLASSES)
    compile_model(model, settings, data, CLASSES)
    model.make_train_function()
    batch = tf.constant(data.images, tf.float32), tf.constant(data.masks, tf.int32)
    batches = iter(tf.data.Dataset.from_tensors(batch).repeat())

    def step() -> None:
        float(np.asarray(model.train_function(batches)["loss"]))

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", nargs=2, type=int, default=(192, 256), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--turn", type=float, default=1.0, help="seconds of a turn")
    options = parser.parse_args()
    steps = {frozen: training_step(photographs_settings(options.size, frozen=frozen)) for frozen in FROZEN}
    for step in steps.values():  # makes the graphs
        step()
    seconds: dict[int, list[float]] = {frozen: [] for frozen in FROZEN}
    for turn in range(options.rounds):
        for frozen in FROZEN[:: -1 if turn % 2 else 1]:
            seconds[frozen].append(seconds_a_call(steps[frozen], options.turn))
    height, width = options.size
    batch = photographs_settings(options.size).batch_size
    print(f"{this_processor()}; {height} x {width}, batches of {batch}, float32, {options.rounds} rounds")
    print("milliseconds of a step, and its share of a step with none frozen: median and quartiles")
    for frozen, times in seconds.items():
        shares = np.array(times) / np.array(seconds[0])
        print(f"frozen {frozen}  {spread(1000 * np.array(times), 0)}  {spread(shares, 2)}")


if __name__ == "__main__":
    main()
