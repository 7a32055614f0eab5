"""Results as the stages write them, small and by hand, for the report."""

import csv
import json
from pathlib import Path

import numpy as np
from PIL import Image

HOSTILE = '<script>alert("1")</script>'
"""A name that a page must not take for its own text."""

CLASSES = ["background", HOSTILE, "b & c"]
CHANGED = {"annotations": {"root": "data/photos"}, "segmentation": {"epochs": 3}}


def write_json(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def write_table(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_picture(path, *, photograph):
    """Write noise, which has as many colours as pixels, or a black line on white."""
    pixels = np.full((120, 200, 3), 255, np.uint8)
    pixels[60] = 0
    if photograph:
        pixels = np.random.default_rng(0).integers(0, 256, pixels.shape).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def write_segmentation(results):
    """Write the results of a segmentation whose class and photographs have hostile names."""
    folder = results / "segmentation"
    write_json(folder / "metrics.json", {"miou": 0.75, "pixel_accuracy": 0.5})
    scores = {name: {"iou": 0.25 * number, "pixels": 1000 + number} for number, name in enumerate(CLASSES, 1)}
    details = {"f1": 0.625, "images": 2, "per_class": scores, "test_intervals": {"miou": [0.5, 0.875]}}
    write_json(folder / "details.json", details)
    write_json(folder / "processor.json", {"model": "A <b>", "instructions": ["avx2"], "threads": 2})
    write_table(folder / "training.csv", ["epoch", "loss", "val_loss"], [1, 1.0, 0.5], [2, 0.5, 0.25])
    cells = [[one, other, 10, 0.5] for one in CLASSES for other in CLASSES]
    write_table(folder / "plots/confusion_matrix.csv", ["actual", "predicted", "pixels", "share"], *cells)
    names = [["good.jpg", 0.9], [f'"><img src=x onerror=alert(1)>{HOSTILE}.jpg', 0.125]]
    write_table(folder / "plots/examples.csv", ["image", "miou_per_image"], *names)
    for name in ("worst_1", "best_1", "confusion_matrix", "class_iou", "training_curves", "extra"):
        write_picture(folder / f"plots/{name}.png", photograph=name in ("worst_1", "best_1"))


def write_xor(results):
    """Write the results of an experiment with two variants."""
    folder = results / "xor"
    write_json(folder / "metrics.json", {"accuracy": 0.875, "solved": 0.5})
    signal = {"mean": 0.875, "low": 0.75, "high": 1, "test_low": 0.8125, "test_high": 0.9375}
    none = {"mean": 0.5, "low": 0.375, "high": 0.625}
    write_json(folder / "details.json", {"signal": {"accuracy": signal, "seeds": 2}, "none": {"accuracy": none}})
    rows = [[variant, epoch, 1 / epoch, 0.1, 2] for variant in ("signal", "none") for epoch in (1, 2, 3)]
    write_table(folder / "training.csv", ["variant", "epoch", "loss", "loss_low", "loss_high"], *rows)


def write_comparisons(results):
    """Write an effect, and a claim of each table."""
    tables = results / "effects/autoencoder/tables/bce"
    head = ["term", "change", "estimate", "low", "high", "test_low", "test_high", "p_holm"]
    rows = [
        ["dropout", f"0 → {HOSTILE}", 0.005, 0.002, 0.008, 0.004, 0.006, 0.01],
        ["depth", "1 → 3", -0.1, *[""] * 5],
    ]
    write_table(tables / "effects.csv", head, *rows)
    write_json(tables / "metrics.json", {"runs": 16, "configurations": 4, "model_reason": "additive"})
    write_picture(results / "effects/autoencoder/plots/bce/forest.png", photograph=False)
    claim = {"experiment": "xor", "source": "book", "place": "p. 1", "reported": "0.9"}
    claim |= {"statement": f"It learns. {HOSTILE}"}
    claim |= {"quantity": "accuracy", "holds_from": 0.8, "holds_to": None, "equivalence": False, "measured": 0.875}
    claim |= {"low": 0.85, "high": 0.9, "test_low": None, "test_high": None, "verdict": "holds"}
    found = claim | {"source": None, "place": None, "reported": "", "verdict": "cannot be told"}
    missing = claim | {"measured": None, "verdict": "not measured"}
    write_json(results / "claims.json", {"sources": [claim, missing], "found": [found]})


def write_masks(masks):
    """Write the tables of two splits, as `maskwright masks` does: 2 photographs with 3 objects, and 1 without."""
    problem = {"file": "via.json", "image": "a.jpg", "region": 0, "severity": "warning", "code": "overlap"}
    reports = {}
    for split, photographs, labels in (("train", 2, [1, 1, 2]), ("test", 1, [])):
        write_json(masks / split / "classes.json", CLASSES)
        rows = [[f"../../photos/{split}{number}.jpg", f"masks/{number}.png"] for number in range(photographs)]
        write_table(masks / split / "index.csv", ["image", "mask"], *rows)
        images = [
            {"id": number + 1, "file_name": f"{split}{number}.jpg", "height": 4, "width": 6}
            for number in range(photographs)
        ]
        objects = [{"image_id": 1, "category_id": label, "area": 2, "segmentation": []} for label in labels]
        write_json(masks / split / "boxes.coco.json", {"images": images, "annotations": objects})
        problems = [problem | {"message": "shares 3 pixels", "advice": "look at it"}] if split == "train" else []
        reports[split] = {"problems": problems}
    write_json(masks / "report.json", reports)


def in_place(folder: Path):
    """Return the folders of results and masks in a project's folder."""
    return folder / "results", folder / "data/masks"
