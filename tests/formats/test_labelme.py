import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from maskwright.formats.convert import LossError, convert
from maskwright.photos.images import read_mask
from maskwright.shared.errors import MaskwrightError
from maskwright.via.read import entries, open_annotations

H, W = 30, 40


def shape(kind, points, label="cat", **more):
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def labelme(folder, name, shapes, *, image=None, **more):
    """A photograph, and LabelMe's file beside it."""
    image = image or f"{name}.jpg"
    for path in (folder / image, folder / name):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (W, H)).save(folder / image)
    content = {"version": "5.4.1", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    content |= {"imageHeight": H, "imageWidth": W}
    (folder / f"{name}.json").write_text(json.dumps(content | more))
    return folder / f"{name}.json"


def regions(path):
    return [
        (r.shape, r.geometry, r.attributes["class"])
        for entry in entries(open_annotations(path))
        for r in entry.regions
    ]


def test_every_shape(tmp_path):
    labelme(
        tmp_path,
        "a",
        [
            shape("polygon", [[1, 2], [9.5, 2], [5, 8]]),
            shape("rectangle", [[30, 20], [20, 10]], "dog"),  # from corner to corner, in any direction
            shape("circle", [[10, 20], [13, 24]], "dog"),  # the radius is 5, as of 3, 4, 5
            shape("linestrip", [[1, 1], [5, 1], [5, 5]]),
            shape("point", [[3, 4]]),
            shape("points", [[6, 7], [8, 9]]),
        ],
    )
    report = convert(tmp_path, tmp_path / "via.json", "via", workers=1)
    assert report.variant == "LabelMe"
    assert report.classes == ("cat", "dog")
    assert regions(tmp_path / "via.json") == [
        ("polygon", {"all_points_x": (1, 9.5, 5), "all_points_y": (2, 2, 8)}, "cat"),
        ("rect", {"x": 20, "y": 10, "width": 10, "height": 10}, "dog"),
        ("circle", {"cx": 10, "cy": 20, "r": 5.0}, "dog"),
        ("polyline", {"all_points_x": (1, 5, 5), "all_points_y": (1, 1, 5)}, "cat"),
        ("point", {"cx": 3, "cy": 4}, "cat"),
        ("point", {"cx": 6, "cy": 7}, "cat"),
        ("point", {"cx": 8, "cy": 9}, "cat"),
    ]


def test_a_bitmap_becomes_its_outline(tmp_path):
    inside = np.zeros((6, 8), np.uint8)
    inside[1:5, 1:4] = 1
    inside[2:4, 6:8] = 1  # a second patch
    buffer = io.BytesIO()
    Image.fromarray(inside * 255).save(buffer, "PNG")
    coded = base64.b64encode(buffer.getvalue()).decode()
    labelme(tmp_path, "a", [shape("mask", [[10, 12], [17, 17]], mask=coded)])
    convert(tmp_path / "a.json", tmp_path / "masks", "png", workers=1)
    expected = np.zeros((H, W), np.uint8)
    expected[12:18, 10:18] = inside
    np.testing.assert_array_equal(read_mask(tmp_path / "masks/masks/a.png"), expected)


def test_what_is_not_kept_is_said(tmp_path):
    labelme(
        tmp_path,
        "a",
        [
            shape("polygon", [[1, 2], [9, 2], [5, 8]], group_id=1, flags={"blurred": True}),
            shape("polygon", [[11, 2], [19, 2], [15, 8]], group_id=1, description="its tail"),
        ],
        flags={"night": True, "day": False},
    )
    report = convert(tmp_path, tmp_path / "via.json", "via", workers=1)
    assert sorted((p.region, p.code) for p in report.problems if p.region is not None) == [(0, "flags"), (1, "flags")]
    whole = {p.code: p.message for p in report.problems if p.region is None}
    assert whole == {
        "flags": "the image's flags (night) are not kept",
        "group": "the 2 shapes of group 1 become regions of their own",
    }
    assert report.lossless


def test_a_photograph_of_another_size(tmp_path):
    polygon = shape("polygon", [[2, 4], [18, 4], [10, 16]])
    # The photograph is 40 x 30: half of what it was.
    labelme(tmp_path / "half", "a", [polygon], imageHeight=60, imageWidth=80)
    report = convert(tmp_path / "half", tmp_path / "half/via.json", "via", workers=1)
    assert [p.code for p in report.problems] == ["image-resized"]
    halved = {"all_points_x": (1, 9, 5), "all_points_y": (2, 2, 8)}
    assert regions(tmp_path / "half/via.json") == [("polygon", halved, "cat")]
    labelme(tmp_path / "other", "a", [polygon], imageHeight=60)
    with pytest.raises(LossError, match="annotated at 40 x 60 pixels, and 40 x 30 now"):
        convert(tmp_path / "other", tmp_path / "other/coco.json", "coco", workers=1)
    # VIA holds it as it is.
    report = convert(tmp_path / "other", tmp_path / "other/via.json", "via", workers=1)
    assert [p.code for p in report.problems] == ["image-size"]
    as_drawn = {"all_points_x": (2, 18, 10), "all_points_y": (4, 4, 16)}
    assert regions(tmp_path / "other/via.json") == [("polygon", as_drawn, "cat")]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (shape("line", [[1, 2], [9, 2]]), "unknown-shape"),
        (shape("polygon", [[1, 2], [9]]), "unreadable-region"),
        (shape("rectangle", [[1, 2]]), "unreadable-region"),
        (shape("mask", [[1, 2], [3, 4]], mask="no PNG"), "unreadable-region"),
        ("a cat", "unreadable-region"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, wrong, code):
    labelme(tmp_path, "a", [shape("polygon", [[1, 2], [9, 2], [5, 8]]), wrong])
    left_out = [(1, code), (1, "not-in-via")]
    for target, out, codes in (("via", "via.json", left_out), ("coco", "coco.json", [(1, code)])):
        with pytest.raises(LossError) as caught:
            convert(tmp_path, tmp_path / out, target, workers=1)
        assert [(p.region, p.code) for p in caught.value.report.problems] == codes
        report = convert(tmp_path, tmp_path / out, target, skip=True, workers=1)
        assert (report.used, report.refused) == (1, 1)
        assert len(next(entries(open_annotations(tmp_path / out))).regions) == 1


def test_photographs_elsewhere(tmp_path):
    labelme(tmp_path / "set", "labels/a", [shape("polygon", [[1, 2], [9, 2], [5, 8]])], image="photos/a.jpg")
    content = json.loads((tmp_path / "set/labels/a.json").read_text())
    content["imagePath"] = "..\\photos\\a.jpg"  # as on Windows
    (tmp_path / "set/labels/a.json").write_text(json.dumps(content))
    (tmp_path / "set/classes.json").write_text('["cat"]')  # not LabelMe's
    convert(tmp_path / "set", tmp_path / "set/via.json", "via", workers=1)
    (entry,) = entries(open_annotations(tmp_path / "set/via.json"))
    assert entry.filename == "photos/a.jpg"
    convert(tmp_path / "set/labels", tmp_path / "set/photos/v.json", "via", images=tmp_path / "set/photos", workers=1)
    (entry,) = entries(open_annotations(tmp_path / "set/photos/v.json"))
    assert entry.filename == "a.jpg"


def test_mistakes(tmp_path):
    polygon = shape("polygon", [[1, 2], [9, 2], [5, 8]])
    labelme(tmp_path / "twice", "a", [polygon])
    labelme(tmp_path / "twice", "b", [polygon], image="a.jpg")
    labelme(tmp_path / "broken", "a", [polygon])
    (tmp_path / "broken/b.json").write_text('{"shapes": [')
    for folder, part in (("twice", "a.jpg is annotated in two places"), ("broken", "b.json: not JSON")):
        with pytest.raises(MaskwrightError, match=part):
            convert(tmp_path / folder, tmp_path / folder / "via.json", "via", workers=1)
        assert not (tmp_path / folder / "via.json").exists()
