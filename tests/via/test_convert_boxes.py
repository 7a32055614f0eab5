"""The boxes that detection learns from: what `masks` writes of clipped, turned and unlabelled regions."""

import json

import numpy as np
from PIL import Image

from maskwright.via.convert import convert_file


def annotated(tmp_path, regions, size=(20, 30), exif=None):
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(tmp_path / "a.jpg", **({"exif": exif} if exif else {}))
    listed = [{"shape_attributes": shape, "region_attributes": {"kind": label}} for label, shape in regions]
    entry = {"filename": "a.jpg", "size": -1, "regions": listed, "file_attributes": {}}
    (tmp_path / "via.json").write_text(json.dumps({"a.jpg-1": entry}))
    return tmp_path / "via.json"


def rect(x, y, width, height):
    return {"name": "rect", "x": x, "y": y, "width": width, "height": height}


def converted(path, out, **how):
    report = convert_file(path, out, **how)
    return report, json.loads((out / "masks/boxes.coco.json").read_text())


def test_a_box_is_cut_off_at_the_border_and_turned_round_where_its_size_is_negative(tmp_path):
    path = annotated(tmp_path, [("cat", rect(-4, 15, 10, 10)), ("cat", rect(20, 9, -5, -6))])
    _, coco = converted(path, tmp_path / "out")
    assert [a["bbox"] for a in coco["annotations"]] == [[0, 15, 6, 5], [15, 3, 5, 6]]
    assert "unlabelled" not in coco["images"][0]


def test_a_box_lies_in_the_photograph_as_it_is_shown(tmp_path):
    # Orientation 6: 30 wide and 20 high as stored, 20 wide and 30 high as shown.
    exif = Image.Exif()
    exif[0x0112] = 6
    path = annotated(tmp_path, [("cat", rect(10, 20, 30, 30))], exif=exif)
    _, coco = converted(path, tmp_path / "out")
    assert (coco["images"][0]["width"], coco["images"][0]["height"]) == (20, 30)
    assert coco["annotations"][0]["bbox"] == [10, 20, 10, 10]


def test_regions_of_unknown_class_are_boxes_of_their_own(tmp_path):
    polygon = {"name": "polygon", "all_points_x": [25, 40, 25], "all_points_y": [2, 2, 10]}
    path = annotated(tmp_path, [("cat", rect(1, 1, 4, 4)), ("unheard-of", polygon), ("cat", rect(3, 3, 0, 9))])
    report, coco = converted(path, tmp_path / "out", classes=["cat"], on_error="skip")
    assert [a["bbox"] for a in coco["annotations"]] == [[1, 1, 4, 4]]
    assert coco["images"][0]["unlabelled"] == [[25, 2, 5, 8]]
    # The one of no size has no place either, and is in the report.
    assert {problem.code for problem in report.problems} >= {"zero-size"}
