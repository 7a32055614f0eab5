import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from maskwright.photos.images import IGNORE, read_mask
from maskwright.photos.objects import MOST_OBJECTS, UNKNOWN_OBJECT, read_objects, run_lengths, runs_of
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_annotations, convert_file
from maskwright.via.model import LabelledRegion
from maskwright.via.objects import coco_objects, number_of_objects, object_numbers
from maskwright.via.params import Annotations
from support.via_files import annotations, image, photo, rect


def region(number, class_index, x, thing="", y=0):
    geometry = {"x": x, "y": y, "width": 2, "height": 2}
    return LabelledRegion(number, class_index, "rect", geometry, thing)


def test_regions_of_one_value_and_class_are_one_object():
    regions = [region(0, 1, 0), region(1, 2, 0, "a"), region(2, IGNORE, 0, "a"), region(3, 2, 0, "a")]
    regions += [region(4, 1, 0, "a"), region(5, 1, 0)]
    # Region 0 alone; 1 and 3; 2 is unknown; 4 has the value of 1 but another class; 5 says nothing.
    assert object_numbers(regions).tolist() == [1, 2, UNKNOWN_OBJECT, 2, 3, 4]
    assert number_of_objects(regions) == 4


def test_runs_go_down_the_columns_and_fit_pycocotools():
    rng = np.random.default_rng(0)
    objects = rng.choice([0, 1, 2, 7], (5, 4)).astype(np.uint16)
    objects[:, 1:3] = 2  # a run that goes on in the next column
    for number, runs in runs_of(objects).items():
        packed = run_lengths(runs, 5, 4)
        assert (coco_mask.decode(packed) == (objects == number)).all()
    assert sorted(runs_of(objects)) == sorted(set(objects.ravel().tolist()) - {0})
    assert runs_of(np.zeros((3, 2), np.uint16)) == {}


def test_coco_objects_have_the_visible_pixels_and_the_drawn_outlines():
    # The second square hides the right column of the first; the third is a further part of the first.
    regions = [region(0, 1, 0, "a"), region(1, 2, 1), region(2, 1, 6, "a", y=2)]
    objects = np.zeros((4, 8), np.uint16)
    objects[:2, 0] = objects[2:, 6:8] = 1
    objects[:2, 1:3] = 2
    first, second = map(json.loads, coco_objects(objects, regions, object_numbers(regions)))
    assert (first["category_id"], first["number"], first["area"], first["bbox"]) == (1, 1, 6, [0, 0, 8, 4])
    assert first["polygons"] == [[0, 0, 2, 0, 2, 2, 0, 2], [6, 2, 8, 2, 8, 4, 6, 4]]
    assert (coco_mask.decode(first["segmentation"]) == (objects == 1)).all()
    assert (second["area"], second["bbox"]) == (4, [1, 0, 2, 2])


def test_masks_writes_the_numbers_beside_the_classes(tmp_path):
    photo(tmp_path / "p.jpg")
    # Squares of 5 pixels; the last one covers the left half of the second, and one has a label that is no class.
    drawn = [rect(0, kind="cat"), rect(10, kind="cat"), rect(20, kind="cta"), rect(8, kind="dog")]
    path = annotations(tmp_path / "via.json", image("p.jpg", *drawn))
    convert_file(path, tmp_path / "out", classes=["cat", "dog"], on_error="skip")
    split = tmp_path / "out/masks"
    objects, mask = read_objects(split / "objects/p.png"), read_mask(split / "masks/p.png")
    assert objects.shape == (20, 30)
    assert objects[0, [0, 4, 5, 8, 12, 13, 14, 15]].tolist() == [1, 1, 0, 3, 3, 2, 2, 0]
    assert objects[0, [20, 24]].tolist() == [UNKNOWN_OBJECT, UNKNOWN_OBJECT]
    assert mask[0, [0, 5, 8, 14, 20]].tolist() == [1, 0, 2, 1, IGNORE]
    listed = json.loads((split / "objects.coco.json").read_text())["annotations"]
    found = [(one["number"], one["category_id"], one["area"]) for one in listed]
    assert found == [(1, 1, 25), (2, 1, 10), (3, 2, 25)]


def test_an_attribute_joins_regions_whatever_its_letter_case(tmp_path):
    photo(tmp_path / "p.jpg")
    drawn = [rect(0, kind="cat", Part="1"), rect(8, kind="cat", part="2"), rect(16, kind="cat", part=" 1 ")]
    drawn.append(rect(24, kind="dog", part="1"))
    annotations(tmp_path / "via.json", *(image("p.jpg", *drawn) for _ in range(1)))
    for name in ("a.jpg", "b.jpg"):
        photo(tmp_path / name)
    annotations(tmp_path / "others.json", image("a.jpg", rect(0, kind="cat")), image("b.jpg", rect(0, kind="cat")))
    settings = Annotations(
        root=str(tmp_path), train="via.json", validation="others.json", test="others.json", object="PART"
    )
    reports = convert_annotations(settings, tmp_path / "out")
    objects = read_objects(tmp_path / "out/train/objects/p.png")
    assert objects[0, [0, 8, 16, 24]].tolist() == [1, 2, 1, 3]
    assert [problem.code for problem in reports["train"].problems if "object" in problem.code] == [
        "object-of-two-classes"
    ]
    with pytest.raises(MaskwrightError, match=r"^annotations.object: no region has a value of the attribute 'prt'"):
        convert_annotations(settings.model_copy(update={"object": "prt"}), tmp_path / "out")


def test_too_many_objects_are_refused_in_one_line(tmp_path, monkeypatch):
    assert MOST_OBJECTS == 65_534
    monkeypatch.setattr("maskwright.via.lint.MOST_OBJECTS", 2)
    photo(tmp_path / "p.jpg")
    path = annotations(tmp_path / "via.json", image("p.jpg", *(rect(8 * n, kind="cat") for n in range(3))))
    with pytest.raises(MaskwrightError, match="3 objects, and a photograph can have 2; its 3 regions are lost"):
        convert_file(path, tmp_path / "out")
