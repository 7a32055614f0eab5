"""Predicting boxes of new photographs: what is written, and that VIA's rectangles say the same."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.detection.learn.boxes import Found
from maskwright.experiments.detection.predict import coco_detections, predict, rectangles
from maskwright.predictions.photographs import find_photographs
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_file
from maskwright.via.lint import lint

ROOT = Path(__file__).parents[3]
CLASSES = ["background", "cat", "dog"]


def photo(path, height=20, width=30, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(height * width).integers(0, 256, (4, 6, 3), np.uint8)
    rows, columns = np.arange(height) * 4 // height, np.arange(width) * 6 // width
    Image.fromarray(blocks[rows][:, columns]).save(path, **options)
    return path


FOUND = Found(np.array([[1.26, 2, 11.5, 22.04], [3, 3, 3.04, 9]]), np.array([0.987, 0.6]), np.array([2, 1]))


def test_rectangles_have_class_and_score():
    (region,) = rectangles(FOUND, CLASSES, attribute="species")  # one so narrow cannot be seen, nor corrected
    assert region.shape == "rect"
    assert region.geometry == {"x": 1.3, "y": 2, "width": 10.2, "height": 20}
    assert region.attributes == {"species": "dog", "score": "0.99"}


def test_coco_has_boxes_and_scores():
    first, second = (json.loads(text) for text in coco_detections(FOUND))
    assert (first["category_id"], first["score"]) == (2, 0.987)
    assert first["bbox"] == [1.26, 2, 10.24, 20.04]
    assert first["area"] == pytest.approx(10.24 * 20.04, abs=0.01)
    assert second["bbox"] == [3, 3, 0.04, 6]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network that was never trained, but is sure of itself: it finds a lot."""
    import keras

    from maskwright.experiments.detection.learn import network as ssd
    from maskwright.learning.common.saved import save_model

    folder = tmp_path_factory.mktemp("models") / "detection"
    keras.utils.set_random_seed(1)
    network = ssd.fast((32, 48), 3)
    head = network.get_layer("classes_1")
    kernel, bias = head.get_weights()
    head.set_weights([kernel * 30, bias])
    about = {
        "network": "fast-ssd",
        "classes": CLASSES,
        "size": [32, 48],
        "anchor_sizes": [0.2, 0.9],
        "offsets": "normalised",
        "nms": {"kind": "hard", "iou_threshold": 0.2, "sigma": 0.5, "most": 100},
    }
    save_model(network, about, folder)
    return folder


@pytest.mark.slow
def test_boxes_drawings_and_a_project_that_gives_the_same_boxes(here, model):
    exif = Image.Exif()
    exif[0x0112] = 6
    shown = {
        photo(Path("photos/a.jpg"), 300, 400): (300, 400),
        photo(Path("photos/a.png"), 64, 96): (64, 96),
        photo(Path("photos/turned, ä.jpg"), 240, 320, exif=exif): (320, 240),
        photo(Path("photos/inner/dot.png"), 1, 1): (1, 1),
        photo(Path("photos/phone.jpg"), 1200, 2500): (1200, 2500),
    }
    out, via = Path("predicted boxes"), Path("photos/out.json")
    photographs = find_photographs([Path("photos"), Path("photos/inner")], out=out, via=via)
    predict(photographs, model=model, out=out, via=via)

    with (out / "index.csv").open(newline="", encoding="utf-8") as file:
        rows = {Path(row["image"]): row for row in csv.DictReader(file)}
    assert {path: (int(row["height"]), int(row["width"])) for path, row in rows.items()} == shown
    assert {p.name for p in out.iterdir()} == {"index.csv", "detections.json", *(r["overlay"] for r in rows.values())}
    assert Image.open(out / rows[Path("photos/phone.jpg")]["overlay"]).size == (2048, 983)
    coco = json.loads((out / "detections.json").read_text())
    images = {image["id"]: Path(image["file_name"]) for image in coco["images"]}
    per_image = {path: [a for a in coco["annotations"] if images[a["image_id"]] == path] for path in shown}
    assert {path: len(found) for path, found in per_image.items()} == {p: int(r["objects"]) for p, r in rows.items()}
    assert sum(map(len, per_image.values())) > 5
    assert all(a["score"] >= 0.5 for a in coco["annotations"])
    for path, (height, width) in shown.items():
        for x, y, w, h in (a["bbox"] for a in per_image[path]):
            assert 0 <= x <= x + w <= width + 0.01
            assert 0 <= y <= y + h <= height + 0.01

    assert lint(via).lossless
    # Scores stand beside the classes, which are a list to choose from: there is no doubt which is the class.
    convert_file(via, Path("back"), classes=None)
    back = json.loads(Path("back/masks/boxes.coco.json").read_text())
    assert [c["name"] for c in back["categories"]] == ["cat", "dog"]
    names = {image["id"]: Path("photos") / image["file_name"] for image in back["images"]}
    again = {path: [a for a in back["annotations"] if names[a["image_id"]] == path] for path in shown}
    compared = 0
    for path in shown.keys() - {Path("photos/inner/dot.png")}:  # whose rectangles are too small to be written
        assert [a["category_id"] for a in again[path]] == [a["category_id"] for a in per_image[path]]
        for one, other in zip(again[path], per_image[path], strict=True):
            assert one["bbox"] == pytest.approx(other["bbox"], abs=0.16)
            compared += 1
    assert compared > 5

    # An earlier prediction is replaced whole.
    predict(find_photographs([Path("photos/a.png")], out=out, via=None), model=model, out=out, least_score=1.0)
    assert sorted(path.name for path in out.iterdir()) == ["a_overlay.jpg", "detections.json", "index.csv"]
    left = json.loads((out / "detections.json").read_text())["annotations"]
    assert all(annotation["score"] == 1.0 for annotation in left)
    assert len(left) < len(per_image[Path("photos/a.png")])


def test_what_is_no_earlier_prediction_is_not_deleted(here):
    photo(Path("a.png"))
    Path("out").mkdir()
    Path("out/detections.json").write_text("mine")
    with pytest.raises(MaskwrightError, match=r"^out: holds 'detections\.json', which is not an earlier prediction"):
        find_photographs([Path("a.png")], out=Path("out"), via=None)


def test_without_a_trained_model(here):
    photo(Path("a.jpg"))
    done = subprocess.run(
        [sys.executable, "-m", "maskwright", "predict", "detection", "a.jpg"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "maskwright: error: models/detection: no such folder; run `maskwright train detection` first\n"
    )
