"""The default recipe against the published one: accuracy, training time and inference time.

    python benchmarks/recipes.py --root PHOTOS --train train.json --test test.json --out FOLDER

Published: `resnet56v2-fcn` in float32, Adam 1e-3 with steps, 100 epochs, batches of 4, no augmentation. Default: what
params.yaml says. Both see the same images at the same size (96 x 128 unless `--size` says otherwise), the same
validation split, and the seeds 0, 1, ...; both are scored on the test split by `maskwright evaluate`'s own code.

The published recipe takes about an hour on 2 cores. What is finished in FOLDER is not trained again, and what was
killed goes on. Times are taken apart from that: training steps and single-image inferences of both recipes in turn,
in this process, so that a machine whose speed drifts slows both alike. Training time is seconds a step times steps.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import yaml
from statsmodels.stats.weightstats import DescrStatsW

from maskwright.data.photos import LabelledImages, read_split, steps_per_epoch, training_batches
from maskwright.experiments import segmentation
from maskwright.nn.inference import compiled
from maskwright.params import Params, load_params, parse_params
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
SCORES = ("miou", "miou_per_image", "pixel_accuracy", "boundary_f1")


@dataclass
class Timed:
    """One recipe's training step and inference, ready to be called over and over."""

    step: Callable[[], None]
    infer: Callable[[], None]
    steps: int


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
    if not (masks / "classes.json").is_file():
        convert_annotations(recipes["default"].annotations, masks)
    if not arguments.time_only:
        _report_accuracy(arguments, recipes, masks)
    _report_times(recipes, masks, arguments.rounds)


def _params(arguments: argparse.Namespace, recipe: str, seed: int = 0) -> Params:
    values = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    load_params()  # for its clear errors
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
        segmentation.train(
            params,
            masks=masks,
            out=folder / "model",
            history=results / "training.csv",
            checkpoints=folder / "checkpoints",
            log_epoch=lambda _epoch, _row: None,
        )
        segmentation.evaluate(params, masks=masks, model=folder / "model", results=results)
    return json.loads((results / "metrics.json").read_text(encoding="utf-8"))


def _report_times(recipes: dict[str, Params], masks: Path, rounds: int) -> None:
    root = Path(recipes["default"].annotations.root)
    images = len(read_split(masks, root, "train"))
    classes = len(segmentation.read_classes(masks))
    timed = {name: _timed(params, images, classes) for name, params in recipes.items()}
    seconds: dict[str, dict[str, list[float]]] = {what: {name: [] for name in recipes} for what in ("train", "infer")}
    for _ in range(rounds):
        for name, recipe in timed.items():
            seconds["train"][name].append(_seconds(recipe.step) * recipe.steps)
            seconds["infer"][name].append(_seconds(recipe.infer))
    for what, label, unit, scale in (
        ("train", f"training time, {images} images, validation not counted", "s", 1),
        ("infer", "inference of one image", "ms", 1000),
    ):
        print(f"\n{label} (median of {rounds} rounds in turn)")
        for name in recipes:
            print(f"  {name:10} {np.median(seconds[what][name]) * scale:.1f} {unit}")
        ratios = np.divide(seconds[what]["published"], seconds[what]["default"])
        ratio = np.median(seconds[what]["published"]) / np.median(seconds[what]["default"])
        print(f"  published / default {ratio:.1f} (round by round {ratios.min():.1f} to {ratios.max():.1f})")


def _timed(params: Params, images: int, classes: int) -> Timed:
    settings = params.segmentation
    rng = np.random.default_rng(0)
    data = LabelledImages(
        rng.integers(0, 256, (images, *settings.size, 3), np.uint8),
        rng.integers(0, classes, (images, *settings.size)).astype(np.uint8),
    )
    segmentation.make_deterministic(settings.seed)
    model = segmentation.build(settings, classes)
    segmentation._compile(model, settings, data, classes)
    stream = training_batches(
        data,
        epoch_images=settings.epoch_images,
        batch_size=settings.batch_size,
        augmentation=settings.augment,
        seed=0,
        epochs=(0, 1000),
    )
    model.make_train_function()
    iterator: Iterator[Any] = iter(stream)
    forward = compiled(model)
    image = data.images[:1]

    def step() -> None:
        float(np.asarray(model.train_function(iterator)["loss"]))

    def infer() -> None:
        forward(image)

    for _ in range(2):  # traced and warm
        step()
        infer()
    steps = steps_per_epoch(images, settings.epoch_images, settings.batch_size) * settings.epochs
    return Timed(step, infer, steps)


def _seconds(action: Callable[[], None]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    tf.get_logger().setLevel("ERROR")
    keras.utils.disable_interactive_logging()
    main()
