"""Trainings that are over in seconds, as a program: each needs a process of its own, to be killed or to be fresh.

python tiny_training.py DATA OUT float32|bfloat16|both|killed|several
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from maskwright.images import IGNORE
from maskwright.params import Params, parse_params

CLASSES = ["background", "cup", "can"]
SIZE = (32, 48)
COUNTS = {"train": 12, "validation": 5, "test": 4}


def write_data(root: Path) -> None:
    """Write noise photographs in `root/photos`, and noise masks with their indices in `root/masks`."""
    rng = np.random.default_rng(0)
    (root / "photos").mkdir(parents=True)
    (root / "masks").mkdir()
    for split, count in COUNTS.items():
        lines = ["image,mask"]
        for index in range(count):
            name = f"{split}{index}.png"
            Image.fromarray(rng.integers(0, 256, (*SIZE, 3)).astype(np.uint8)).save(root / "photos" / name)
            mask = rng.choice([0, 1, 2, IGNORE], SIZE, p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint8)
            Image.fromarray(mask).save(root / "masks" / name)
            lines.append(f"{name},{name}")
        (root / "masks" / f"{split}.csv").write_text("\n".join(lines) + "\n")
    (root / "masks" / "classes.json").write_text(json.dumps(CLASSES))


def tiny_params(root: Path, **changes: Any) -> Params:
    """Return parameters for that data; `changes` are of the segmentation section."""
    segmentation = {
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
    values = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))
    values["annotations"] = {"root": str(root / "photos"), "train": "via.json"}
    values["segmentation"] = {**segmentation, **changes}
    return parse_params(values)


def train(data: Path, out: Path, **changes: Any) -> None:
    from maskwright.experiments import segmentation

    def log_epoch(epoch: int, row: dict[str, float]) -> None:
        with (out / "epochs.jsonl").open("a") as file:
            file.write(json.dumps([epoch, row]) + "\n")

    out.mkdir(parents=True, exist_ok=True)
    segmentation.train(
        tiny_params(data, **changes),
        data=data / "masks",
        out=out / "model",
        history=out / "training.csv",
        checkpoints=out / "checkpoints",
        log_epoch=log_epoch,
    )


def train_until_killed(data: Path, out: Path) -> None:
    """Train, and be killed in the middle of the second epoch."""
    from maskwright.nn.callbacks import ProgressBar

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

    from maskwright.nn.layers import CropLike, DepthToSpace, FusedBatchNormalization, PadToStride, PyramidPooling

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
    from maskwright.errors import MaskwrightError
    from maskwright.experiments import segmentation

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
