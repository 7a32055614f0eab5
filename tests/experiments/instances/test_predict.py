"""Predicting objects of new photographs: what is written, and that VIA's polygons say the same."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from maskwright.experiments.instances.learn.grouping import Objects
from maskwright.experiments.instances.predict import COLUMNS, at_least, measured, predict
from maskwright.photos.images import read_mask
from maskwright.photos.objects import read_objects
from maskwright.predictions.photographs import find_photographs
from maskwright.via.convert import convert_file
from support.centres_model import CLASSES, SIZE, centres_model, scene


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    from maskwright.learning.common.saved import save_model

    folder = tmp_path_factory.mktemp("models") / "instances"
    grouping = {"least_centre": 0.1, "window": 5, "least_pixels": 16, "most": 1000}
    about = {"network": "colours", "classes": CLASSES, "size": list(SIZE), "stuff": [], "grouping": grouping}
    save_model(centres_model(), about, folder)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.fromarray(scene()[2]).save("photos/a.png")
    Image.fromarray(np.full((*SIZE, 3), (0, 255, 255), np.uint8)).save("photos/empty.png")
    return tmp_path


def run(model, via=None, **more):
    out = Path("out")
    photographs = find_photographs([Path("photos")], out=out, via=via)
    full = predict(photographs, model=model, out=out, via=via, **more)
    return out, full


def same_objects(found, numbers):
    pairs = set(zip(found.ravel().tolist(), numbers.ravel().tolist(), strict=True))
    return len(pairs) == len({one for one, _ in pairs}) == len({two for _, two in pairs})


def test_everything_is_written_and_says_the_same(here, model):
    out, full = run(model, Path("photos/predicted.json"))
    mask, numbers, _ = scene()
    assert full == 0
    assert (read_mask(out / "a.png") == mask).all()
    found = read_objects(out / "a_objects.png")
    assert same_objects(found, numbers)
    rows = list(csv.DictReader((out / "index.csv").open()))
    assert [(row["mask"], row["numbers"], row["objects"]) for row in rows] == [
        ("a.png", "a_objects.png", "3"),
        ("empty.png", "empty_objects.png", "0"),
    ]
    with Image.open(out / "a_overlay.jpg") as overlay:
        assert overlay.size == SIZE[::-1]
    table = list(csv.DictReader((out / "objects.csv").open()))
    assert tuple(table[0]) == COLUMNS
    assert [row["class"] for row in table].count("cup") == 2
    for row in table:
        here_it_is = found == int(row["object"])
        # 17 rows of 11 columns; the middle of the first pixel is at 0.5.
        assert (row["area"], row["width"], row["height"], row["y"]) == ("187", "11", "17", "8")
        assert float(row["centroid_y"]) == pytest.approx(16.5)
        assert float(row["centroid_x"]) == pytest.approx(np.nonzero(here_it_is)[1].mean() + 0.5)
        assert float(row["perimeter"]) == pytest.approx(2 * 16 + 2 * 10)
    coco = json.loads((out / "detections.json").read_text())
    assert len(coco["annotations"]) == 3
    for one in coco["annotations"]:
        assert (coco_mask.decode(one["segmentation"]) == (found == one["number"])).all()
        assert one["score"] == pytest.approx(1, abs=1e-3)


def test_polygons_come_back_as_the_same_objects(here, model):
    run(model, Path("photos/predicted.json"))
    convert_file(Path("photos/predicted.json"), Path("back"), classes=CLASSES[1:])
    mask, numbers, _ = scene()
    back = read_objects(Path("back/masks/objects/a.png"))
    for number in (1, 2, 3):
        values = np.unique(back[numbers == number])
        best = max(
            ((back == v) & (numbers == number)).sum() / ((back == v) | (numbers == number)).sum() for v in values
        )
        assert best >= 0.95
    assert (read_mask(Path("back/masks/masks/a.png")) == mask).mean() > 0.98
    project = json.loads(Path("photos/predicted.json").read_text())
    regions = [region for image in project["_via_img_metadata"].values() for region in image["regions"]]
    assert len(regions) == 3
    assert {region["region_attributes"]["score"] for region in regions} == {"1.00"}


def test_it_says_when_there_may_be_more_objects(here, model, tmp_path):
    import shutil

    few = tmp_path / "few"
    shutil.copytree(model, few)
    about = json.loads((few / "about.json").read_text())
    about["grouping"]["most"] = 3
    (few / "about.json").write_text(json.dumps(about))
    assert run(few)[1] == 1
    assert run(few)[1] == 1  # over its own output


def test_objects_of_lower_score_become_background():
    numbers = np.array([[1, 1, 2, 0]], np.uint16)
    found = Objects(
        np.array([[1, 1, 2, 0]], np.uint8), numbers, np.array([1, 2]), np.array([0.9, 0.4]), np.zeros((2, 2))
    )
    kept = at_least(found, 0.5)
    assert kept.mask.tolist() == kept.numbers.tolist() == [[1, 1, 0, 0]]
    assert [len(part) for part in kept[2:]] == [1, 1, 1]
    assert at_least(found, 0.4) is found
    (row,) = measured(kept, CLASSES)
    assert row[:8] == [1, "cup", "0.9000", 2, 0, 0, 2, 1]
