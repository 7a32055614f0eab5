"""Settings for trainings of instances that take seconds, and the data for them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskwright.experiments.instances.params import Instances
from maskwright.photos.objects import write_objects

CLASSES = ["background", "cup", "can"]
SIZE = (32, 48)
COUNTS = {"train": 6, "validation": 3, "test": 3}


def write_split(folder: Path, scenes: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> Path:
    """Write scenes (image, mask, object numbers) in the layout of `maskwright masks`, and return the folder."""
    (folder / "masks").mkdir(parents=True)
    lines = ["image,mask"]
    for place, (image, mask, numbers) in enumerate(scenes):
        Image.fromarray(image).save(folder / f"{place}.png")
        Image.fromarray(mask).save(folder / f"masks/{place}.png")
        write_objects(folder / f"objects/{place}.png", numbers)
        lines.append(f"{place}.png,masks/{place}.png")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    (folder / "classes.json").write_text(json.dumps(CLASSES))
    return folder


def write_data(folder: Path) -> None:
    """Write splits of noisy rectangles that touch, red cups and green cans."""
    rng = np.random.default_rng(0)
    for split, count in COUNTS.items():
        write_split(folder / split, (_noisy_scene(rng) for _ in range(count)))


def _noisy_scene(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mask, numbers = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint16)
    top, left = rng.integers(2, 12), rng.integers(2, 12)
    for number in (1, 2, 3):
        part = np.s_[top : top + 14, left + 10 * (number - 1) : left + 10 * number]
        mask[part], numbers[part] = 1 + (number == 3), number
    image = 40 + 160 * (np.arange(3) == mask[..., None] - 1) + rng.integers(0, 40, (*SIZE, 3))
    return image.astype(np.uint8), mask, numbers


def tiny_settings(**changes: Any) -> Instances:
    """Return settings for that data."""
    values = {
        "preset": "fast",
        "size": list(SIZE),
        "sigma": 1.5,
        "epochs": 2,
        "epoch_images": 6,
        "batch_size": 3,
        "learning_rate": 0.003,
        "schedule": {"warmup_epochs": 0.5},
        "augment": {"flip": 0.5, "scale": 0.2, "rotate": 5.0, "crop": 0.1, "colour": 0.2},
        "grouping": {"least_pixels": 4, "window": 3},
        "precision": "float32",
        "seed": 0,
    }
    return Instances.model_validate({**values, **changes})
