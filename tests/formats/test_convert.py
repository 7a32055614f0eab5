"""Each format read, into each format written, and back."""

import json

import numpy as np
import pytest
from PIL import Image

from maskwright.formats.convert import LossError, convert
from maskwright.photos.images import read_mask
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_file
from maskwright.via.lint import lint
from maskwright.via.read import entries, open_annotations
from support.via_files import annotations, image, photo, project, rect

H, W = 30, 40
CAT = {"name": "polygon", "all_points_x": [2, 18.25, 10], "all_points_y": [3, 3, 17.5]}
DOG = {"name": "rect", "x": 22, "y": 5, "width": 12, "height": 20}
SECOND_DOG = {"name": "polygon", "all_points_x": [1, 9, 9, 1], "all_points_y": [20, 20, 28, 28]}
IMAGES = {"a.jpg": [(CAT, "cat"), (DOG, "dog")], "inner/b.png": [(SECOND_DOG, "dog")], "c.jpg": []}


def photographs(folder, names=IMAGES):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (W, H), (90, 120, 60)).save(folder / name)


def via_file(folder, images=None, name="via.json", attribute="kind"):
    """Photographs, and VIA 2 annotations for them."""
    images = IMAGES if images is None else images
    photographs(folder, images)
    listed = {
        image: {
            "filename": image,
            "size": (folder / image).stat().st_size,
            "regions": [
                {"shape_attributes": shape, "region_attributes": {attribute: label}} for shape, label in regions
            ],
            "file_attributes": {},
        }
        for image, regions in images.items()
    }
    (folder / name).write_text(json.dumps(listed))
    return folder / name


def masks_of(path, out, **how):
    """Return the masks that annotations give, by the photograph's file name: {name: (H, W)}."""
    convert_file(path, out, workers=1, **how)
    return {mask.stem: read_mask(mask) for mask in (out / "masks/masks").rglob("*.png")}


def outlines(path):
    """Return the shapes and labels of a file's images."""
    return {
        entry.filename: [
            (r.shape, {k: v for k, v in r.geometry.items() if k != "theta"}, *r.attributes.values())
            for r in entry.regions
        ]
        for entry in entries(open_annotations(path))
    }


def codes(report):
    return sorted({problem.code for problem in report.problems})


@pytest.mark.parametrize("target", ["via", "coco", "yolo", "png"])
def test_there_and_back(tmp_path, target):
    source = via_file(tmp_path / "photos")
    there = tmp_path / "photos" / "there.json" if target in ("via", "coco") else tmp_path / "there"
    report = convert(source, there, target, workers=1)
    assert (report.regions, report.used, report.lossless) == (3, 3, True)
    assert codes(report) == ["no-regions"]  # of c.jpg
    # YOLO's folder has copies of the photographs; the others refer to those that there are.
    back = (there if target == "yolo" else tmp_path / "photos") / "back.json"
    again = convert(there, back, "via", workers=1)
    assert again.per_class == {"cat": 1, "dog": 2}
    assert again.classes == ("cat", "dog")
    names = {"images/" + name if target == "yolo" else name for name in IMAGES}
    assert set(outlines(back)) == names
    expected, found = masks_of(source, tmp_path / "m1"), masks_of(back, tmp_path / "m2")
    assert expected.keys() == found.keys() == {"a", "b", "c"}
    for name, mask in expected.items():
        np.testing.assert_array_equal(found[name], mask)
    assert set(np.unique(expected["a"])) == {0, 1, 2}


def test_coco_and_yolo_keep_the_coordinates(tmp_path):
    source = via_file(tmp_path / "photos")
    convert(source, tmp_path / "photos/coco.json", "coco", workers=1)
    convert(tmp_path / "photos/coco.json", tmp_path / "yolo", "yolo", workers=1)
    convert(tmp_path / "yolo/data.yaml", tmp_path / "yolo/via.json", "via", workers=1)
    # A rectangle has become the polygon of its corners; 18.25 of 40 pixels is the share 0.45625.
    corners = {"all_points_x": (22, 34, 34, 22), "all_points_y": (5, 5, 25, 25)}
    cat = {"all_points_x": (2, 18.25, 10), "all_points_y": (3, 3, 17.5)}
    assert outlines(tmp_path / "yolo/via.json")["images/a.jpg"] == [
        ("polygon", cat, "cat"),
        ("polygon", corners, "dog"),
    ]
    assert (tmp_path / "yolo/labels/a.txt").read_text().splitlines()[0] == ("0 0.05 0.1 0.45625 0.1 0.25 0.583333333")
    assert (tmp_path / "yolo/data.yaml").read_text() == (
        'train: images\nval: images\nnames:\n  0: "cat"\n  1: "dog"\n'
    )
    assert (tmp_path / "yolo/labels/c.txt").read_text() == ""


def test_via_keeps_everything_that_via_can_hold(tmp_path):
    shapes = [
        ({"name": "point", "cx": 3, "cy": 4}, "cat"),
        ({"name": "polyline", "all_points_x": [1, 5, 9], "all_points_y": [1, 6, 2]}, "cat"),
        ({"name": "ellipse", "cx": 20, "cy": 15, "rx": 5, "ry": 3, "theta": 0.5}, "dog"),
        ({"name": "circle", "cx": 8, "cy": 20, "r": 4}, ""),  # without a label: wrong, but not lost
    ]
    source = via_file(tmp_path, {"a.jpg": shapes})
    content = json.loads(source.read_text())
    content["a.jpg"]["regions"][2]["region_attributes"]["remark"] = "blurred"
    content["gone.jpg"] = {**content["a.jpg"], "filename": "gone.jpg"}
    source.write_text(json.dumps(content))
    report = convert(source, tmp_path / "new.json", "via", label="kind", workers=1)
    assert not report.lossless  # lint would refuse the circle and the missing image ...
    found = list(entries(open_annotations(tmp_path / "new.json")))
    given = list(entries(open_annotations(source)))
    assert [(e.filename, e.size, e.regions) for e in found] == [(e.filename, e.size, e.regions) for e in given]
    declared = json.loads((tmp_path / "new.json").read_text())["_via_attributes"]["region"]
    assert declared["kind"]["options"] == {"cat": "cat", "dog": "dog"}
    assert declared["remark"]["type"] == "text"


@pytest.mark.parametrize("target", ["coco", "yolo", "png"])
def test_a_loss_stops_it_and_is_reported_with_skip(tmp_path, target):
    source = via_file(tmp_path, {"a.jpg": [(CAT, "cat"), (DOG, "dog")], "b.jpg": [(DOG, "")]})
    out = tmp_path / ("new.json" if target == "coco" else "new")
    with pytest.raises(LossError) as caught:
        convert(source, out, target, workers=1)
    assert "1 finding" in str(caught.value)
    assert "b.jpg, region 0: no label" in str(caught.value)
    assert "--skip" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [p.code for p in caught.value.report.problems] == ["no-label"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jpg", "b.jpg", "via.json"]
    report = convert(source, out, target, skip=True, workers=1)
    assert (report.used, report.refused) == (2, 1)
    assert out.exists()


def test_what_the_others_cannot_hold_is_said(tmp_path):
    circle = {"name": "circle", "cx": 20, "cy": 15, "r": 6}
    beside = {"name": "rect", "x": 26, "y": 5, "width": 8, "height": 20}
    source = via_file(tmp_path, {"a.jpg": [(circle, "cat"), (beside, "cat")]})
    content = json.loads(source.read_text())
    content["a.jpg"]["regions"][0]["region_attributes"]["remark"] = "blurred"
    source.write_text(json.dumps(content))
    said = {
        target: convert(source, tmp_path / f"new_{target}", target, workers=1, label="kind").problems
        for target in ("coco", "yolo", "png", "via")
    }
    assert {(p.region, p.code) for p in said["coco"]} == {(0, "curve"), (None, "attribute-lost")}
    assert {(p.region, p.code) for p in said["yolo"]} == {(0, "curve"), (None, "attribute-lost")}
    assert {(p.region, p.code) for p in said["png"]} == {(None, "merged-regions"), (None, "attribute-lost")}
    assert said["via"] == []
    (merged,) = [p for p in said["png"] if p.code == "merged-regions"]
    assert merged.message == "2 regions become 1 separate areas of one class each"
    # The polygon has the circle's area, 36 pi, to a tenth of a pixel.
    (first, _) = json.loads((tmp_path / "new_coco").read_text())["annotations"]
    assert first["area"] == pytest.approx(36 * np.pi, abs=0.1)


def test_coco_of_another_size_and_its_run_lengths_become_via(tmp_path):
    photographs(tmp_path, ["a.jpg"])
    # Annotated at 80 x 60, and 40 x 30 now. Column by column, 10 columns are out, 10 in, and 60 out.
    run_lengths = {"size": [2 * H, 2 * W], "counts": [600, 600, 3600]}
    annotation = {"image_id": 1, "category_id": 1}
    content = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 2 * H, "width": 2 * W}],
        "annotations": [
            {**annotation, "segmentation": [[4, 6, 36, 6, 20, 36]]},
            {**annotation, "segmentation": run_lengths},
        ],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content))
    report = convert(tmp_path / "coco.json", tmp_path / "via.json", "via", workers=1)
    assert codes(report) == ["image-resized"]
    assert outlines(tmp_path / "via.json")["a.jpg"] == [
        ("polygon", {"all_points_x": (2, 18, 10), "all_points_y": (3, 3, 18)}, "cat"),
        ("polygon", {"all_points_x": (5, 10, 10, 5), "all_points_y": (0, 0, 30, 30)}, "cat"),
    ]


def test_photographs_are_found_as_lint_finds_them(tmp_path):
    photo(tmp_path / "photos/a.jpg")
    path = project(tmp_path / "v.json", image("a.jpg", rect(kind="cat")), core={"default_filepath": "photos/"})
    convert(path, tmp_path / "new.json", "via", workers=1)
    assert set(outlines(tmp_path / "new.json")) == {"photos/a.jpg"}
    assert lint(tmp_path / "new.json").lossless
    convert(path, tmp_path / "yolo", "yolo", workers=1)
    assert (tmp_path / "yolo/images/photos/a.jpg").is_file()
    # Beside the file, though not in the folder that is named.
    photo(tmp_path / "b.jpg")
    annotations(tmp_path / "b.json", image("b.jpg", rect(kind="cat")))
    with pytest.raises(MaskwrightError, match="the photographs lie in"):
        convert(tmp_path / "b.json", tmp_path / "photos/b.json", "via", images=tmp_path / "photos", workers=1)
    convert(tmp_path / "b.json", tmp_path / "masks", "png", images=tmp_path / "photos", workers=1)
    assert (tmp_path / "masks/masks/b.png").is_file()


def test_csv_and_via_1_are_read_too(tmp_path):
    source = via_file(tmp_path)
    content = json.loads(source.read_text())
    for entry in content.values():
        entry["regions"] = {str(n): region for n, region in enumerate(entry["regions"])}
    (tmp_path / "via1.json").write_text(json.dumps(content))
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    cells = [json.dumps(value).replace('"', '""') for value in (CAT, {"kind": "cat"})]
    (tmp_path / "via.csv").write_text(f'{header}\na.jpg,-1,"{{}}",1,0,"{cells[0]}","{cells[1]}"\n')
    assert convert(tmp_path / "via1.json", tmp_path / "from1.json", "via", workers=1).variant == "VIA 1 JSON"
    assert outlines(tmp_path / "from1.json") == outlines(source)
    assert convert(tmp_path / "via.csv", tmp_path / "from_csv.json", "via", workers=1).variant == "VIA 2 CSV"
    assert outlines(tmp_path / "from_csv.json") == {"a.jpg": outlines(source)["a.jpg"][:1]}
    (written,) = entries(open_annotations(tmp_path / "from_csv.json"))
    assert written.size == (tmp_path / "a.jpg").stat().st_size  # VIA's key needs it, and the CSV lacked it


def test_two_photographs_of_one_stem(tmp_path):
    source = via_file(tmp_path, {"a.jpg": [(CAT, "cat")], "a.png": [(DOG, "dog")]})
    convert(source, tmp_path / "yolo", "yolo", workers=1)
    assert sorted(p.name for p in (tmp_path / "yolo/labels").iterdir()) == ["a.png.txt", "a.txt"]
    report = convert(tmp_path / "yolo", tmp_path / "yolo/via.json", "via", workers=1)
    assert report.per_class == {"cat": 1, "dog": 1}
    convert(source, tmp_path / "masks", "png", workers=1)
    assert np.unique(read_mask(tmp_path / "masks/masks/a.png.png")).tolist() == [0, 2]


def test_mistakes(tmp_path):
    source = via_file(tmp_path / "photos")
    (tmp_path / "empty").mkdir()
    (tmp_path / "here").write_text("mine")
    cases = [
        ((source, tmp_path / "here", "via"), {}, "is there already"),
        ((source, tmp_path / "other/new.json", "via"), {}, f"put it there, as {tmp_path}/photos/new.json"),
        ((tmp_path / "empty", tmp_path / "new", "yolo"), {}, "no LabelMe files"),
        ((tmp_path / "none.json", tmp_path / "new", "yolo"), {}, "no such file"),
        ((source, tmp_path / "new", "yolo"), {"images": tmp_path / "none"}, "--images"),
        ((source, tmp_path / "new", "yolo"), {"label": "colour"}, "no region has the attribute 'colour'"),
    ]
    for arguments, options, part in cases:
        with pytest.raises(MaskwrightError) as caught:
            convert(*arguments, workers=1, **options)
        assert part in str(caught.value)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()
    assert (tmp_path / "here").read_text() == "mine"


def test_above_the_photographs(tmp_path):
    source = via_file(tmp_path / "photos")
    convert(source, tmp_path / "above.json", "coco", workers=1)
    assert set(outlines(tmp_path / "above.json")) == {f"photos/{name}" for name in IMAGES}
    assert masks_of(tmp_path / "above.json", tmp_path / "m").keys() == {"a", "b", "c"}
