"""Detections trained in seconds, as a program, since determinism cannot be switched off again in a process.

python tiny_detection.py DATA OUT
"""

import csv
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from maskwright.params import Params, parse_params

CLASSES = ["background", "cup", "can"]
SIZE = (32, 48)
COUNTS = {"train": 10, "validation": 4, "test": 5}
COLOURS = {1: (230, 40, 40), 2: (40, 40, 230)}


def write_data(root: Path) -> None:
    """Write photographs of a coloured rectangle each in `root/photos`, and what `masks` says of them in `root/masks`.

    The last one of each split has no box, and the one before it a region of unknown class besides.
    """
    rng = np.random.default_rng(0)
    (root / "photos").mkdir(parents=True)
    (root / "masks").mkdir()
    for split, count in COUNTS.items():
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
        (root / "masks" / f"{split}.coco.json").write_text(json.dumps(coco))
        with (root / "masks" / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["image", "mask"], *([image["file_name"], ""] for image in images)])
    (root / "masks" / "classes.json").write_text(json.dumps(CLASSES))


def tiny_params(root: Path, **changes: Any) -> Params:
    """Return parameters for that data; `changes` are of the detection section."""
    values = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8"))
    values["annotations"] = {"root": str(root / "photos"), "train": "via.json"}
    values["detection"] |= {
        "size": list(SIZE),
        "epochs": 3,
        "epoch_images": 10,
        "batch_size": 4,
        "learning_rate": 0.01,
        "precision": "float32",
        **changes,
    }
    return parse_params(values)


def small_network(params: Any, number_of_classes: int) -> Any:
    """Return a network of few operations with two levels of anchors."""
    import keras

    from maskwright.nn import ssd

    image = keras.Input((*params.size, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(image)
    fine = keras.layers.ReLU()(keras.layers.Conv2D(8, 8, 8)(x))
    coarse = keras.layers.ReLU()(keras.layers.Conv2D(8, 2, 2)(fine))
    return ssd.with_heads(image, [fine, coarse], number_of_classes, "small")


def main(data: Path, out: Path) -> None:
    from maskwright.experiments import detection
    from maskwright.nn.saved import load_model, save_model

    detection.build = small_network
    params = tiny_params(data)

    def train(folder: Path, stop_after: int | None = None) -> None:
        def log_epoch(epoch: int, row: dict[str, float]) -> None:
            with (folder / "epochs.jsonl").open("a") as file:
                file.write(json.dumps([epoch, row]) + "\n")
            if epoch == stop_after:
                raise KeyboardInterrupt

        folder.mkdir(parents=True, exist_ok=True)
        detection.train(
            params,
            data=data / "masks",
            out=folder / "model",
            history=folder / "training.csv",
            checkpoints=folder / "checkpoints",
            log_epoch=log_epoch,
        )

    def evaluate(masks: Path, folder: Path, model: Path) -> None:
        folder.mkdir(exist_ok=True)
        shutil.copy(out / "whole/training.csv", folder / "training.csv")
        metrics = detection.evaluate(params, data=masks, model=model, results=folder)
        (folder / "returned.json").write_text(json.dumps(metrics, allow_nan=False))

    train(out / "whole")
    try:
        train(out / "resumed", stop_after=1)
    except KeyboardInterrupt:
        files = [path.name for path in (out / "resumed").rglob("*") if path.is_file()]
        (out / "left.json").write_text(json.dumps(sorted(files)))
    train(out / "resumed")
    evaluate(data / "masks", out / "results", out / "whole/model")
    (out / "trial.json").write_text(json.dumps(detection.trial(params, data / "masks"), allow_nan=False))

    model, about = load_model(out / "whole/model")
    for level in (0, 1):
        kernel, bias = model.get_layer(f"classes_{level}").get_weights()
        bias[:] = np.tile([9.0, 0, 0], 4)
        model.get_layer(f"classes_{level}").set_weights([kernel * 0, bias])
    save_model(model, about, out / "silent")
    evaluate(data / "masks", out / "nothing found", out / "silent")

    shutil.copytree(data / "masks", out / "empty")
    coco = json.loads((out / "empty/test.coco.json").read_text())
    (out / "empty/test.coco.json").write_text(json.dumps({**coco, "annotations": []}))
    evaluate(out / "empty", out / "nothing there", out / "silent")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
