"""The default recipe against the published one: accuracy, training time and inference time.

    python benchmarks/recipes.py --root PHOTOS --train train.json --test test.json --out FOLDER

Published: `resnet56v2-fcn` in float32, Adam 1e-3 with steps, 100 epochs, batches of 4, no augmentation. Default: what
params.yaml says. Both see the same images at the same size (96 x 128 unless `--size` says otherwise), the same
validation split, and the seeds 0, 1, ...; both are scored on the test split by `maskwright evaluate`'s own code.

The published recipe takes about an hour on 2 cores. What is finished in FOLDER is not trained again, and what was
killed goes on. Times are taken apart from that: training steps and single-image inferences of both recipes in turn,
in this process, so that a machine whose speed drifts slows both alike. Training time is seconds a step times steps.
Throughput is thrice a forward pass's floating-point operations over the seconds of a training step, against that of
a 3x3 convolution from 256 to 256 channels in the recipe's precision, timed in the same turns.
"""

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from statsmodels.stats.weightstats import DescrStatsW

from maskwright.experiments.segmentation.learn.batches import LabelledImages, labelled_batches
from maskwright.experiments.segmentation.learn.network import build
from maskwright.experiments.segmentation.learn.train import compile_model, train
from maskwright.experiments.segmentation.report.evaluate import evaluate
from maskwright.experiments.segmentation.report.inference import compiled
from maskwright.learning.common.determinism import make_deterministic
from maskwright.params import Params, load_params, parse_params
from maskwright.photos.batches import steps_per_epoch
from maskwright.photos.splits import read_classes, read_split
from maskwright.via.convert import convert_annotations

PUBLISHED = {
    "preset": "resnet56v2-fcn",
    "epochs": 100,
    "epoch_images": 1,
    "batch_size": 4,
    "learning_rate": 0.001,
    "weight_decay": 0.0,
    "schedule": {"name": "steps"},
    "loss": {"name": "cross_entropy"},
    "augment": {"flip": 0.0, "scale": 0.0, "rotate": 0.0, "crop": 0.0, "colour": 0.0},
    "precision": "float32",
}
CONVOLUTION = (8, 24, 32, 256)
CONVOLUTION_OPERATIONS = 2 * 9 * 256 * math.prod(CONVOLUTION)
SCORES = ("miou", "miou_per_image", "pixel_accuracy", "boundary_f1")


@dataclass
class Timed:
    """One recipe's training step and inference, and a convolution, ready to be called over and over."""

    step: Callable[[], None]
    infer: Callable[[], None]
    convolve: Callable[[], None]
    steps: int
    step_operations: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="folder of photographs and VIA files")
    parser.add_argument("--train", required=True, help="VIA file below it")
    parser.add_argument("--test", required=True, help="VIA file below it")
    parser.add_argument("--out", required=True, type=Path, help="folder for models and results")
    parser.add_argument("--size", nargs=2, type=int, default=(96, 128), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=12, help="timing rounds")
    parser.add_argument("--time-only", action="store_true", help="no accuracy: a few minutes")
    arguments = parser.parse_args()
    recipes = {name: _params(arguments, name) for name in ("default", "published")}
    masks = arguments.out / "masks"
    if not (masks / "report.json").is_file():
        convert_annotations(recipes["default"].annotations, masks)
    if not arguments.time_only:
        _report_accuracy(arguments, recipes, masks)
    _report_times(recipes, masks, arguments.rounds)


def _params(arguments: argparse.Namespace, recipe: str, seed: int = 0) -> Params:
    values = load_params().model_dump(mode="json")
    values["annotations"] |= {"root": arguments.root, "train": arguments.train, "test": arguments.test}
    values["annotations"]["validation"] = None
    if recipe == "published":
        values["segmentation"] |= PUBLISHED
    values["segmentation"] |= {"size": list(arguments.size), "seed": seed}
    return parse_params(values)


def _report_accuracy(arguments: argparse.Namespace, recipes: dict[str, Params], masks: Path) -> None:
    scores: dict[str, dict[str, list[float]]] = {name: {score: [] for score in SCORES} for name in recipes}
    for seed in range(arguments.seeds):
        for name in recipes:
            metrics = _trained(_params(arguments, name, seed), masks, arguments.out / f"{name}-{seed}")
            for score in SCORES:
                scores[name][score].append(metrics[score])
    for score in SCORES:
        print(f"\ntest {score}, seeds 0 to {arguments.seeds - 1}")
        for name in recipes:
            values = scores[name][score]
            print(f"  {name:10} {np.mean(values):.3f}   " + "  ".join(f"{value:.3f}" for value in values))
        difference = np.subtract(scores["default"][score], scores["published"][score])
        interval = ""
        if len(difference) > 1:
            low, high = DescrStatsW(difference).tconfint_mean()
            interval = f"   95 % interval {low:+.3f} to {high:+.3f} (paired by seed)"
        print(f"  difference {difference.mean():+.3f}{interval}")


def _trained(params: Params, masks: Path, folder: Path) -> dict[str, Any]:
    results = folder / "results"
    if not (results / "metrics.json").is_file():
        train(
            params.section("segmentation"),
            data=masks,
            out=folder / "model",
            history=results / "training.csv",
            checkpoint=folder / "checkpoint",
            log_epoch=lambda _epoch, _row: None,
        )
        evaluate(params.section("segmentation"), data=masks, model=folder / "model", results=results)
    files = (results / name for name in ("metrics.json", "details.json"))
    first, others = (json.loads(file.read_text(encoding="utf-8")) for file in files)
    return {**first, **others}


def _report_times(recipes: dict[str, Params], masks: Path, rounds: int) -> None:
    images = len(read_split(masks / "train"))
    classes = len(read_classes(masks / "train"))
    timed = {name: _timed(params, images, classes) for name, params in recipes.items()}
    whats = ("step", "infer", "convolve")
    seconds: dict[str, dict[str, np.ndarray]] = {what: {name: np.empty(rounds) for name in recipes} for what in whats}
    for turn in range(rounds):
        for name, recipe in timed.items():
            for what in whats:
                seconds[what][name][turn] = _seconds(getattr(recipe, what))
    train = {name: seconds["step"][name] * recipe.steps for name, recipe in timed.items()}
    infer = {name: seconds["infer"][name] * 1000 for name in recipes}
    for label, values in (
        (f"training on {images} images, in seconds, validation not counted", train),
        ("inference of one image, in milliseconds", infer),
    ):
        print(f"\n{label} (median and quartiles of {rounds} rounds)")
        for name in recipes:
            print(f"  {name:10} {_spread(values[name])}")
        ratio = np.median(values["published"]) / np.median(values["default"])
        print(
            f"  published / default {ratio:.1f} (round by round {_spread(values['published'] / values['default'])})"
        )
    print("\nthroughput in GFLOP/s: training steps | a convolution | share, round by round")
    for name, recipe in timed.items():
        steps = recipe.step_operations / seconds["step"][name] / 1e9
        convolutions = CONVOLUTION_OPERATIONS / seconds["convolve"][name] / 1e9
        print(
            f"  {name:10} {np.median(steps):.0f} | {np.median(convolutions):.0f} | {_spread(steps / convolutions, 2)}"
        )


def _spread(values: np.ndarray, digits: int = 1) -> str:
    low, middle, high = (f"{value:.{digits}f}" for value in np.percentile(values, (25, 50, 75)))
    return f"{middle} [{low}, {high}]"


def _timed(params: Params, images: int, classes: int) -> Timed:
    settings = params.section("segmentation")
    rng = np.random.default_rng(0)
    data = LabelledImages(
        rng.integers(0, 256, (images, *settings.sides, 3), np.uint8),
        rng.integers(0, classes, (images, *settings.sides)).astype(np.uint8),
    )
    make_deterministic(settings.seed)
    model = build(settings, classes)
    compile_model(model, settings, data, classes)
    stream = labelled_batches(
        data,
        epoch_images=settings.epoch_images,
        batch_size=settings.batch_size,
        augmentation=settings.augment,
        seed=0,
        epochs=(0, 1000),
    )
    model.make_train_function()
    train_on: Any = model.train_function
    iterator: Iterator[Any] = iter(stream)
    forward = compiled(model)
    image = data.images[:1]

    def step() -> None:
        float(np.asarray(train_on(iterator)["loss"]))

    def infer() -> None:
        forward(image)

    convolve = _convolution(tf.bfloat16 if settings.precision == "bfloat16" else tf.float32)
    for _ in range(5):  # traced and warm
        step()
        infer()
        convolve()
    steps = steps_per_epoch(images, settings.epoch_images, settings.batch_size) * settings.epochs
    operations = 3 * settings.batch_size * _forward_operations(model, settings.sides)
    return Timed(step, infer, convolve, steps, operations)


def _convolution(dtype: tf.DType) -> Callable[[], None]:
    channels = CONVOLUTION[-1]
    features, kernel = tf.ones(CONVOLUTION, dtype), tf.ones((3, 3, channels, channels), dtype)

    @tf.function
    def convolved() -> tf.Tensor:
        return tf.nn.conv2d(features, kernel, 1, "SAME")

    def convolve() -> None:
        convolved().numpy()

    return convolve


def _forward_operations(model: keras.Model, size: tuple[int, int]) -> int:
    """Return the floating-point operations of one image's forward pass."""
    forward = tf.function(lambda image: model(image, training=False))
    graph = forward.get_concrete_function(tf.TensorSpec((1, *size, 3))).graph
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    return tf.compat.v1.profiler.profile(graph, options={**options, "output": "none"}).total_float_ops


def _seconds(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    keras.utils.disable_interactive_logging()
    main()
