"""Trainings of segmentation that take seconds, as a program: each needs a process of its own, fresh or to be killed.

python tiny_segmentation.py DATA OUT float32|bfloat16|both|killed|several
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskwright.experiments.segmentation.params import Segmentation
from maskwright.photos.images import IGNORE

CLASSES = ["background", "cup", "can"]
SIZE = (32, 48)
COUNTS = {"train": 12, "validation": 5, "test": 4}


def write_data(root: Path) -> None:
    """Write noise photographs to `root/photos`, and noise masks with their indices to `root/masks`."""
    rng = np.random.default_rng(0)
    (root / "photos").mkdir(parents=True)
    for split, count in COUNTS.items():
        images, masks = [], []
        for _ in range(count):
            images.append(rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8))
            masks.append(rng.choice([0, 1, 2, IGNORE], SIZE, p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint8))
        write_split(root, split, images, masks)


def write_split(root: Path, split: str, images: list[np.ndarray], masks: list[np.ndarray]) -> None:
    """Write one split in the layout of `maskwright masks`."""
    folder = root / "masks" / split
    (folder / "masks").mkdir(parents=True, exist_ok=True)
    lines = ["image,mask"]
    for index, (image, mask) in enumerate(zip(images, masks, strict=True)):
        name = f"{split}{index}.png"
        Image.fromarray(image).save(root / "photos" / name)
        Image.fromarray(mask).save(folder / "masks" / name)
        lines.append(f"../../photos/{name},masks/{name}")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    (folder / "classes.json").write_text(json.dumps(CLASSES))


def tiny_settings(**changes: Any) -> Segmentation:
    """Return settings for that data."""
    values = {
        "preset": "fast",
        "size": list(SIZE),
        "epochs": 3,
        "epoch_images": 12,
        "batch_size": 4,
        "learning_rate": 0.003,
        "weight_decay": 1e-4,
        "schedule": {"warmup_epochs": 1.0},
        "loss": {"name": "cross_entropy_dice", "class_weights": "balanced"},
        "augment": {"flip": 0.5, "scale": 0.3, "rotate": 20.0, "crop": 0.1, "colour": 0.3},
        "precision": "float32",
        "seed": 0,
    }
    return Segmentation.model_validate({**values, **changes})


def train(data: Path, out: Path, **changes: Any) -> None:
    from maskwright.experiments.segmentation.learn import train as segmentation

    def log_epoch(epoch: int, row: dict[str, float]) -> None:
        with (out / "epochs.jsonl").open("a") as file:
            file.write(json.dumps([epoch, row]) + "\n")

    out.mkdir(parents=True, exist_ok=True)
    segmentation.train(
        tiny_settings(**changes),
        data=data / "masks",
        out=out / "model",
        history=out / "training.csv",
        checkpoint=out / "checkpoint",
        log_epoch=log_epoch,
    )


def train_until_killed(data: Path, out: Path) -> None:
    """Train, and be killed in the middle of the second epoch."""
    from maskwright.learning.single.callbacks import ProgressBar

    advance = ProgressBar.on_train_batch_end

    def killing(self: ProgressBar, batch: int, logs: Any = None) -> None:
        advance(self, batch, logs)
        if len(self.progress.history) == 1 and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    ProgressBar.on_train_batch_end = killing
    train(data, out)


def small_network(_: Any, number_of_classes: int) -> Any:
    """Return a network of few operations, as the graph is made anew for each device."""
    import keras

    from maskwright.learning.common.layers import (
        CropLike,
        DepthToSpace,
        FusedBatchNormalization,
        PadToStride,
        PyramidPooling,
    )

    image = keras.Input((None, None, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(PadToStride(4)(image))
    x = keras.layers.ReLU()(FusedBatchNormalization()(keras.layers.Conv2D(8, 4, 4, use_bias=False)(x)))
    x = keras.layers.Conv2D(16 * number_of_classes, 1)(PyramidPooling(4, (1, 2))(x))
    return keras.Model(image, CropLike()([DepthToSpace(4)(x), image]), name="small")


def train_on_several(data: Path, out: Path) -> None:
    """Train on two processors that pretend to be two accelerators, then at a rate that must diverge."""
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from maskwright.experiments.segmentation.learn import train as segmentation
    from maskwright.shared.errors import MaskwrightError

    segmentation.build = small_network
    strategy, seen = segmentation.strategy, []

    def on_two(_: list[str]) -> tf.distribute.Strategy:
        seen.append(strategy(["CPU:0", "CPU:1"]))
        return seen[-1]

    segmentation.strategy = on_two
    train(data, out / "several")
    segmentation.strategy = strategy
    train(data, out / "alone")
    report: dict[str, Any] = {"replicas": seen[0].num_replicas_in_sync}
    try:
        train(data, out / "diverged", learning_rate=1e30, schedule={"name": "steps"})
    except MaskwrightError as error:
        report["error"] = str(error)
    (out / "report.json").write_text(json.dumps(report))


if __name__ == "__main__":
    DATA, OUT, MODE = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    if MODE == "killed":
        train_until_killed(DATA, OUT)
    elif MODE == "several":
        train_on_several(DATA, OUT)
    if MODE in ("float32", "both"):
        train(DATA, OUT / "float32")
    if MODE in ("bfloat16", "both"):
        train(DATA, OUT / "bfloat16", precision="bfloat16", loss={"name": "focal"}, weight_decay=0.0)
