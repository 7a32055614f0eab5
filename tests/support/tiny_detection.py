"""Detectors that are trained in seconds, as a program, since determinism cannot be switched off in a process.

python tiny_detection.py DATA OUT
"""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskwright.experiments.detection.params import Detection
from maskwright.params import load_params

CLASSES = ["background", "cup", "can"]
SIZE = (32, 48)
COUNTS = {"train": 10, "validation": 4, "test": 5}
COLOURS = {1: (230, 40, 40), 2: (40, 40, 230)}


def write_data(root: Path) -> None:
    """Write photographs of a coloured rectangle each in `root/photos`, and their boxes in `root/masks`.

    `root/masks` is as `maskwright masks` writes it, but without masks. The last photograph of each split has no box,
    and the one before it has a region of unknown class too.
    """
    rng = np.random.default_rng(0)
    (root / "photos").mkdir(parents=True)
    for split, count in COUNTS.items():
        folder = root / "masks" / split
        folder.mkdir(parents=True)
        images, annotations = [], []
        for number in range(1, count + 1):
            name = f"{split}{number}.png"
            height, width = (64, 96) if number % 2 else SIZE
            pixels = rng.integers(100, 140, (height, width, 3)).astype(np.uint8)
            listed: dict[str, Any] = {"id": number, "file_name": name, "height": height, "width": width}
            if number < count:
                label = 1 + number % 2
                w, h = width // 3, height // 2
                x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
                pixels[y : y + h, x : x + w] = COLOURS[label]
                annotations.append({"image_id": number, "category_id": label, "bbox": [x, y, w, h]})
            if number == count - 1:
                listed["unlabelled"] = [[0, 0, 10, 10]]
            Image.fromarray(pixels).save(root / "photos" / name)
            images.append(listed)
        coco = {"images": images, "annotations": annotations}
        (folder / "boxes.coco.json").write_text(json.dumps(coco))
        with (folder / "index.csv").open("w", newline="") as file:
            rows = ([f"../../photos/{image['file_name']}", ""] for image in images)
            csv.writer(file).writerows([["image", "mask"], *rows])
        (folder / "classes.json").write_text(json.dumps(CLASSES))


def tiny_settings(**changes: Any) -> Detection:
    """Return settings for that data, with `changes`."""
    shipped = load_params(Path(__file__).parents[2] / "params.yaml").section("detection")
    values = {
        "size": SIZE,
        "epochs": 3,
        "epoch_images": 10,
        "batch_size": 4,
        "learning_rate": 0.01,
        "precision": "float32",
        **changes,
    }
    return Detection.model_validate({**shipped.model_dump(), **values})


def small_network(settings: Detection, number_of_classes: int) -> Any:
    """Return a network of few operations with two levels of anchors."""
    import keras

    from maskwright.experiments.detection.learn.network import with_heads

    image = keras.Input((*settings.size, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    fine = keras.layers.ReLU()(keras.layers.Conv2D(8, 8, 8)(x))
    coarse = keras.layers.ReLU()(keras.layers.Conv2D(8, 2, 2)(fine))
    return with_heads(image, [fine, coarse], number_of_classes, "small")


def main(data: Path, out: Path) -> None:
    from maskwright.experiments.detection.learn import train as learning
    from maskwright.experiments.detection.report.evaluate import evaluate
    from maskwright.experiments.detection.trial import trial
    from maskwright.learning.common.saved import load_model, save_model

    learning.build = small_network
    settings = tiny_settings()

    def train(folder: Path, stop_after: int | None = None) -> None:
        def log_epoch(epoch: int, row: dict[str, float]) -> None:
            with (folder / "epochs.jsonl").open("a") as file:
                file.write(json.dumps([epoch, row]) + "\n")
            if epoch == stop_after:
                raise KeyboardInterrupt

        folder.mkdir(parents=True, exist_ok=True)
        learning.train(
            settings,
            data=data / "masks",
            out=folder / "model",
            history=folder / "training.csv",
            checkpoint=folder / "checkpoint",
            log_epoch=log_epoch,
        )

    def score(masks: Path, folder: Path, model: Path) -> None:
        folder.mkdir(exist_ok=True)
        shutil.copy(out / "whole/training.csv", folder / "training.csv")
        evaluation = evaluate(settings, data=masks, model=model, results=folder)
        (folder / "returned.json").write_text(json.dumps(evaluation, allow_nan=False))

    train(out / "whole")
    try:
        train(out / "resumed", stop_after=1)
    except KeyboardInterrupt:
        files = [path.name for path in (out / "resumed").rglob("*") if path.is_file()]
        (out / "left.json").write_text(json.dumps(sorted(files)))
    train(out / "resumed")
    score(data / "masks", out / "results", out / "whole/model")
    tried = trial(settings, data / "masks")
    examples = {name: values.tolist() for name, values in tried.examples.items()}
    (out / "trial.json").write_text(json.dumps([tried.measures, examples], allow_nan=False))

    model, about = load_model(out / "whole/model")
    for level in (0, 1):
        kernel, bias = model.get_layer(f"classes_{level}").get_weights()
        bias[:] = np.tile([9.0, 0, 0], 4)
        model.get_layer(f"classes_{level}").set_weights([kernel * 0, bias])
    save_model(model, about, out / "silent")
    score(data / "masks", out / "nothing found", out / "silent")

    # Two folders down, as there, so that the index finds the photographs.
    empty = data / "without boxes"
    shutil.copytree(data / "masks", empty)
    coco = json.loads((empty / "test/boxes.coco.json").read_text())
    (empty / "test/boxes.coco.json").write_text(json.dumps({**coco, "annotations": []}))
    score(empty, out / "nothing there", out / "silent")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
