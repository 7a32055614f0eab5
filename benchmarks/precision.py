"""float32 against bfloat16: how long a training step of segmentation, detection and clustering takes in each.

    python benchmarks/precision.py [--data DATA] [--rounds N]

DATA is the folder `data` of a project in which `dvc repro masks clustering` has run. Both precisions take turns in
one process, so that a computer whose speed drifts slows both alike. An epoch is timed, after one that compiles it.

oneDNN, which multiplies for TensorFlow, can be told to do without an instruction set, so one computer can stand for
older ones: ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 leaves AMX out, AVX512_CORE_VNNI everything for bfloat16.
"""

import argparse
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from maskwright.experiments.clustering.learn import train as clustering
from maskwright.experiments.clustering.learn.losses import information_loss
from maskwright.experiments.clustering.learn.network import network
from maskwright.experiments.clustering.learn.pictures import read_pictures
from maskwright.experiments.detection.learn import train as detection
from maskwright.experiments.segmentation.learn import train as segmentation
from maskwright.experiments.segmentation.learn.batches import labelled_batches
from maskwright.experiments.segmentation.learn.network import build
from maskwright.learning.common.determinism import make_deterministic
from maskwright.learning.replicates.fitting import adam_up_and_down, start_fitting
from maskwright.params import Params, load_params
from maskwright.photos.sizing import with_size
from maskwright.photos.splits import read_classes
from maskwright.shared.processor import this_processor

PRECISIONS = ("float32", "bfloat16")
IMAGES = 240
"""Photographs in a timed epoch."""


def segmentation_epochs(params: Params, data: Path, precision: str) -> Callable[[], None]:
    """Return what trains segmentation for an epoch of `IMAGES` photographs."""
    changes = {"precision": precision, "epoch_images": IMAGES}
    settings = params.section("segmentation").model_copy(update=changes)
    classes = read_classes(data / "masks/train")
    settings = with_size(settings, "segmentation", data / "masks/train")
    images = segmentation.load_split(data / "masks/train", settings.sides)
    images = type(images)(images.images[:IMAGES], images.masks[:IMAGES])
    make_deterministic(0)
    model: Any = build(settings, len(classes))
    segmentation.compile_model(model, settings, images, len(classes))
    steps = IMAGES // settings.batch_size

    def epoch() -> None:
        batches = labelled_batches(
            images,
            epoch_images=IMAGES,
            batch_size=settings.batch_size,
            augmentation=settings.augment,
            seed=0,
            epochs=(0, 1),
        )
        model.fit(batches, steps_per_epoch=steps, verbose=0, shuffle=False)

    return epoch


def detection_epochs(params: Params, data: Path, precision: str) -> Callable[[], None]:
    """Return what trains detection for an epoch of its 480 photographs."""
    settings = params.section("detection").model_copy(update={"precision": precision, "epochs": 1})
    folder = data / "masks/train"
    settings = with_size(settings, "detection", folder)
    images = detection.load_labelled_images(detection.read_boxes(folder), folder, settings.sides)
    trainer = detection.new_trainer(settings, images, len(read_classes(folder)))
    return lambda: trainer.fit(0, [])


def clustering_epochs(params: Params, data: Path, precision: str) -> Callable[[], None]:
    """Return what trains two clustering networks side by side for two epochs, of which one compiles."""
    settings = params.section("clustering").model_copy(update={"precision": precision, "epochs": 2, "seeds": 2})
    images = read_pictures(data / "clustering", "train").images

    def epochs() -> None:
        make_deterministic(0)
        networks = [network(settings, images.shape[1:], seed) for seed in range(2)]
        rule = adam_up_and_down(0.002, 0.0, epochs=2, examples=len(images), batch_size=settings.batch_size)
        with ThreadPoolExecutor(2) as pool:
            shown = [clustering.shown_pictures(images, settings, seed) for seed in range(2)]
            for future in start_fitting(pool, networks, shown, information_loss(settings), rule):
                future.result()

    return epochs


def main() -> None:
    parser = argparse.ArgumentParser(description="Training steps in float32 against bfloat16.")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    params = load_params()
    print(f"{this_processor()}; ONEDNN_MAX_CPU_ISA={os.environ.get('ONEDNN_MAX_CPU_ISA', 'as it is')}")
    for name, made in (
        ("segmentation", segmentation_epochs),
        ("detection", detection_epochs),
        ("clustering", clustering_epochs),
    ):
        epochs = {precision: made(params, options.data, precision) for precision in PRECISIONS}
        seconds: dict[str, list[float]] = {precision: [] for precision in PRECISIONS}
        for number in range(options.rounds + 1):
            for precision, epoch in epochs.items():
                began = time.perf_counter()
                epoch()
                if number:  # the first one compiles
                    seconds[precision].append(time.perf_counter() - began)
        ratios = [one / other for one, other in zip(*seconds.values(), strict=True)]
        medians = "  ".join(f"{precision} {statistics.median(times):.2f} s" for precision, times in seconds.items())
        print(
            f"{name:13} {medians}  float32 / bfloat16 {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}), {options.rounds} rounds"
        )


if __name__ == "__main__":
    main()
