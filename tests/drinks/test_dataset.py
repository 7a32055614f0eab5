import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.drinks.dataset import SPLITS, write_crowd, write_drinks
from maskwright.drinks.objects import CLASSES
from maskwright.drinks.params import Crowd, Drinks
from maskwright.drinks.scene import draw_scene
from maskwright.drinks.textures import PHOTOGRAPHS
from maskwright.shared.errors import MaskwrightError
from maskwright.via.detect import open_annotations
from maskwright.via.labels import find_label_rule

SMALL = Drinks(train=3, validation=1, test=2, size=(24, 32), seed=5)


def _files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_layout_and_via_files(tmp_path: Path):
    out = tmp_path / "data" / "drinks"
    write_drinks(SMALL, out, workers=1, progress=False)
    assert [p.name for p in out.parent.iterdir()] == ["drinks"]  # no temporary folder is left
    assert set(_files(out)) == {
        *(f"train/{i:04d}.jpg" for i in range(3)),
        "validation/0000.jpg",
        *(f"test/{i:04d}.jpg" for i in range(2)),
        *(f"{split}/via_project.json" for split in SPLITS),
    }
    for split in SPLITS:
        project = json.loads((out / split / "via_project.json").read_text(encoding="utf-8"))
        assert set(project["_via_attributes"]["region"]["name"]["options"]) == set(CLASSES)
        for key, image in project["_via_img_metadata"].items():
            path = out / split / image["filename"]
            assert key == f"{image['filename']}{image['size']}"
            assert path.stat().st_size == image["size"]
            assert Image.open(path).size == (32, 24)
            assert image["regions"]
            for region in image["regions"]:
                attributes = region["region_attributes"]
                assert attributes["name"] in CLASSES
                assert f"{attributes['flavour']} {attributes['container']}" == attributes["name"]
                shape = region["shape_attributes"]
                assert shape["name"] == "polygon"
                assert all(isinstance(v, int) for v in shape["all_points_x"] + shape["all_points_y"])
                assert len(shape["all_points_x"]) == len(shape["all_points_y"]) >= 3


def test_the_class_is_found_though_other_attributes_have_labels_too(tmp_path: Path):
    # 20 scenes, so that every class occurs.
    params = SMALL.model_copy(update={"train": 20})
    write_drinks(params, tmp_path / "drinks", workers=1, progress=False)
    file = open_annotations(tmp_path / "drinks/train/via_project.json")
    rule = find_label_rule(file, label=None, classes=None)
    assert (rule.attribute, rule.classes) == ("name", ("juice can", "soda can", "water bottle"))
    assert find_label_rule(file, label="container", classes=None).classes == ("bottle", "can")
    assert find_label_rule(file, label="flavour", classes=None).classes == ("juice", "soda", "water")


def test_files_hold_the_scenes_of_their_seeds(tmp_path: Path):
    write_drinks(SMALL, tmp_path / "drinks", workers=1, progress=False)
    scene = draw_scene((5, 2, 1), (24, 32), photographs=PHOTOGRAPHS["test"])
    project = json.loads((tmp_path / "drinks/test/via_project.json").read_text(encoding="utf-8"))
    image = list(project["_via_img_metadata"].values())[1]
    drawn = [(r["region_attributes"]["name"], r["shape_attributes"]["all_points_x"]) for r in image["regions"]]
    assert drawn == [(name, outline[:, 0].tolist()) for name, outline in scene.objects]
    pixels = np.asarray(Image.open(tmp_path / "drinks/test/0001.jpg"), float)
    assert np.abs(pixels - scene.image).mean() < 12  # but for JPEG's losses


@pytest.mark.slow
def test_same_bytes_whatever_the_workers_and_the_number_of_scenes(tmp_path: Path):
    write_drinks(SMALL.model_copy(update={"train": 12}), tmp_path / "many", workers=2, progress=False)
    write_drinks(SMALL, tmp_path / "few", workers=1, progress=False)
    many, few = _files(tmp_path / "many"), _files(tmp_path / "few")
    assert few.pop("train/via_project.json") != many["train/via_project.json"]
    assert few == {name: many[name] for name in few}


def test_another_seed_gives_other_images_and_negative_ones_work(tmp_path: Path):
    for seed in (5, -5):
        write_drinks(SMALL.model_copy(update={"seed": seed}), tmp_path / str(seed), workers=1, progress=False)
    one, other = _files(tmp_path / "5"), _files(tmp_path / "-5")
    assert all(one[name] != other[name] for name in one)


def test_an_earlier_set_is_replaced_whole(tmp_path: Path):
    out = tmp_path / "drinks"
    (out / "train").mkdir(parents=True)
    (out / "train" / "9999.jpg").write_bytes(b"old")
    write_drinks(SMALL, out, workers=1, progress=False)
    assert "train/9999.jpg" not in _files(out)


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path):
    (tmp_path / "holiday.jpg").write_bytes(b"mine")
    with pytest.raises(MaskwrightError, match=r"holiday\.jpg"):
        write_drinks(SMALL, tmp_path, workers=1, progress=False)
    assert _files(tmp_path) == {"holiday.jpg": b"mine"}


def test_a_file_in_the_way_is_left_alone(tmp_path: Path):
    (tmp_path / "drinks").write_bytes(b"mine")
    with pytest.raises(MaskwrightError, match="a file"):
        write_drinks(SMALL, tmp_path / "drinks", workers=1, progress=False)


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_args, **_keywords):
        raise RuntimeError("drawing failed")

    monkeypatch.setattr("maskwright.drinks.dataset.draw_scene", fail)
    with pytest.raises(RuntimeError, match="drawing failed"):
        write_drinks(SMALL, tmp_path / "drinks", workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_tensorflow_is_not_imported():
    code = "import sys, maskwright.drinks.dataset; assert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)


def test_the_crowd_has_many_drinks_and_says_which_regions_are_one(tmp_path: Path):
    params = SMALL.model_copy(update={"size": (96, 128), "crowd": Crowd(train=3, validation=1, test=1)})
    write_crowd(params, tmp_path / "crowd", workers=1, progress=False)
    project = json.loads((tmp_path / "crowd/train/via_project.json").read_text(encoding="utf-8"))
    images = list(project["_via_img_metadata"].values())
    assert len(images) == 3
    for image in images:
        numbers = [int(region["region_attributes"]["object"]) for region in image["regions"]]
        # From 1 without gaps, in order; a drink that is cut in two has its number twice.
        assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
        assert numbers == sorted(numbers)
        assert max(numbers) >= 5
        for number in set(numbers):
            its = [r for r in image["regions"] if r["region_attributes"]["object"] == str(number)]
            assert len({region["region_attributes"]["name"] for region in its}) == 1
