import json
import math
import zipfile

import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from maskwright.photos.images import IGNORE
from maskwright.shared.errors import MaskwrightError
from maskwright.via.model import ImageEntry, LabelledRegion, Region
from maskwright.via.rasterise import rasterise
from maskwright.via.read import entries, open_annotations
from maskwright.via.write import CocoWriter, OneHotArchive, coco_annotations, write_via_project
from support.via_strategies import image_entries

H, W = 30, 40
TRIANGLE = Region(0, "polygon", {"all_points_x": (1, 9, 5), "all_points_y": (2, 2, 8.5)}, {"class": "cat"})


def labelled(shape, geometry, class_index=1, number=0):
    return LabelledRegion(number, class_index, shape, geometry)


def polygon(points, **how):
    xs, ys = zip(*points, strict=True)
    return labelled("polygon", {"all_points_x": xs, "all_points_y": ys}, **how)


def annotation(region, **how):
    (text,) = coco_annotations([region], H, W, **how)
    return json.loads(text)


def test_project_holds_what_via_looks_for(tmp_path):
    path = tmp_path / "new" / "project.json"
    images = [ImageEntry("", "a b.jpg", 123, (TRIANGLE,)), ImageEntry("", "ü.png", -1, ())]
    write_via_project(path, images, classes=["cat", "dog"], name="cats")
    project = json.loads(path.read_text())
    # Without these three VIA 2 says that the file is corrupt.
    assert {"_via_settings", "_via_img_metadata", "_via_attributes"} < project.keys()
    assert project["_via_data_format_version"] == "2.0.10"
    assert project["_via_image_id_list"] == ["a b.jpg123", "ü.png-1"] == list(project["_via_img_metadata"])
    settings_ = project["_via_settings"]
    assert settings_["project"]["name"] == "cats"
    assert settings_["core"] == {"buffer_size": 18, "filepath": {}, "default_filepath": ""}
    assert settings_["ui"]["image"]["region_label"] == "class"
    assert project["_via_attributes"]["file"] == {}
    assert project["_via_attributes"]["region"]["class"] == {
        "type": "dropdown",
        "description": "",
        "options": {"cat": "cat", "dog": "dog"},
        "default_options": {},
    }
    assert project["_via_img_metadata"]["a b.jpg123"] == {
        "filename": "a b.jpg",
        "size": 123,
        "regions": [
            {
                "shape_attributes": {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8.5]},
                "region_attributes": {"class": "cat"},
            }
        ],
        "file_attributes": {},
    }


def test_project_without_images(tmp_path):
    write_via_project(tmp_path / "p.json", [], classes=["cat"], name="none")
    assert json.loads((tmp_path / "p.json").read_text())["_via_image_id_list"] == []


def test_project_is_the_same_every_time(tmp_path):
    for name in ("one.json", "two.json"):
        write_via_project(tmp_path / name, [ImageEntry("", "a.jpg", 1, (TRIANGLE,))], classes=["cat"], name="x")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()


def test_failure_leaves_the_old_project(tmp_path):
    path = tmp_path / "p.json"
    path.write_text("old")
    twice = [ImageEntry("", "a.jpg", 1, ()), ImageEntry("", "a.jpg", 1, ())]
    with pytest.raises(MaskwrightError, match=r"a\.jpg would be listed twice"):
        write_via_project(path, twice, classes=["cat"], name="x")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["p.json"]


@given(image_entries())
@settings(max_examples=60, deadline=None)
def test_what_is_written_reads_back(tmp_path_factory, images):
    path = tmp_path_factory.mktemp("project") / "project.json"
    assume(len({image.key for image in images}) == len(images))
    write_via_project(path, images, classes=["dog", "cat"], attribute="kind", name="x")
    file = open_annotations(path)
    assert file.variant == "VIA 2 project JSON"
    assert list(entries(file)) == images


def test_coco_file(tmp_path):
    path = tmp_path / "out.coco.json"
    square = polygon([(0, 0), (4, 0), (4, 4), (0, 4)], class_index=2)
    with CocoWriter(path, ["cat", "dog"]) as coco:
        coco.add("train/a.jpg", H, W, coco_annotations([square, square], H, W))
        coco.add("train/b.jpg", 1, 2, [])
        coco.add("train/c.jpg", H, W, coco_annotations([square], H, W))
    content = json.loads(path.read_text())
    assert list(content) == ["info", "licenses", "categories", "images", "annotations"]
    assert [(c["id"], c["name"]) for c in content["categories"]] == [(1, "cat"), (2, "dog")]
    assert content["images"][1] == {"id": 2, "file_name": "train/b.jpg", "height": 1, "width": 2}
    assert [(a["id"], a["image_id"], a["category_id"]) for a in content["annotations"]] == [
        (1, 1, 2),
        (2, 1, 2),
        (3, 3, 2),
    ]
    assert content["annotations"][0]["segmentation"] == [[0, 0, 4, 0, 4, 4, 0, 4]]
    assert content["annotations"][0]["bbox"] == [0, 0, 4, 4]
    assert content["annotations"][0]["area"] == 16
    assert content["annotations"][0]["iscrowd"] == 0
    assert [p.name for p in tmp_path.iterdir()] == ["out.coco.json"]


def test_coco_file_without_images(tmp_path):
    with CocoWriter(tmp_path / "c.json", ["cat"]):
        pass
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["images"] == content["annotations"] == []


def test_coco_is_cut_off_at_the_border():
    # A square of 10 x 10 whose left half is outside.
    found = annotation(polygon([(-5, 3), (5, 3), (5, 13), (-5, 13)]))
    assert found["bbox"] == [0, 3, 5, 10]
    assert found["area"] == 50
    assert set(zip(*[iter(found["segmentation"][0])] * 2, strict=True)) == {(0, 3), (5, 3), (5, 13), (0, 13)}
    assert annotation(labelled("rect", {"x": 30, "y": 20, "width": 100, "height": 100}))["area"] == 100


def test_coco_leaves_out_what_is_not_there():
    outside = polygon([(50, 3), (60, 3), (55, 13)])
    unknown = polygon([(0, 0), (4, 0), (4, 4)], class_index=IGNORE)
    assert coco_annotations([outside, unknown], H, W) == []
    assert coco_annotations([], H, W) == []


def test_coco_circle_and_ellipse_have_their_own_area():
    assert annotation(labelled("circle", {"cx": 15, "cy": 15, "r": 7}))["area"] == pytest.approx(
        49 * math.pi, abs=1e-3
    )
    turned = labelled("ellipse", {"cx": 20, "cy": 15, "rx": 9, "ry": 3, "theta": 0.7})
    found = annotation(turned)
    assert found["area"] == pytest.approx(27 * math.pi, abs=1e-3)
    # Its tip is at 9 (cos 0.7, sin 0.7) from the centre: to the lower right.
    xs, ys = found["segmentation"][0][::2], found["segmentation"][0][1::2]
    far = max(range(len(xs)), key=lambda i: math.hypot(xs[i] - 20, ys[i] - 15))
    assert math.atan2(ys[far] - 15, xs[far] - 20) % math.pi == pytest.approx(0.7, abs=0.02)


def test_coco_area_of_a_crossing_outline_is_even_odd():
    # A bow tie: two triangles of base 8 and height 4. By the shoelace formula they would cancel.
    bow = polygon([(4, 4), (12, 12), (12, 4), (4, 12)], number=3)
    assert annotation(bow, crossing={3})["area"] == 32


any_points = st.lists(st.tuples(st.integers(-30, 70), st.integers(-30, 60)), min_size=3, max_size=9)


@given(any_points)
@settings(deadline=None)
def test_coco_area_and_box_agree_with_shapely(points):
    outline = shapely.Polygon(points)
    simple = outline.is_valid
    inside = shapely.intersection(shapely.make_valid(outline), shapely.box(0, 0, W, H))
    assume(inside.area > 0.01)
    found = annotation(polygon(points), crossing=() if simple else {0})
    assert found["area"] == pytest.approx(inside.area, abs=1e-3)
    ring = np.array(found["segmentation"][0]).reshape(-1, 2)
    assert (ring >= 0).all()
    assert (ring <= [W, H]).all()
    if simple:
        left, top, right, bottom = inside.bounds
        assert found["bbox"] == pytest.approx([left, top, right - left, bottom - top], abs=1e-3)


@given(any_points)
@settings(deadline=None)
def test_coco_outline_covers_the_same_pixels(points):
    drawn = polygon(points)
    x, y = np.meshgrid(np.arange(W) + 0.5, np.arange(H) + 0.5)
    # Rounding to 1/10,000 may move the outline over a centre that it met exactly.
    decided = shapely.distance(shapely.LinearRing(points), shapely.points(x, y)) > 1e-3
    for text in coco_annotations([drawn], H, W, crossing={0}):
        ring = np.array(json.loads(text)["segmentation"][0]).reshape(-1, 2)
        cut, whole = (rasterise([region], H, W) for region in (polygon(ring.tolist()), drawn))
        assert np.array_equal(cut[decided], whole[decided])


def test_one_hot_archive(tmp_path):
    path = tmp_path / "masks.npz"
    mask = np.array([[0, 1, 2], [2, IGNORE, 0]], np.uint8)
    with OneHotArchive(path, 3) as archive:
        archive.add("cats/one.jpg", mask)
        archive.add("two.jpg", np.ones((1, 1), np.uint8))
    with np.load(path, allow_pickle=False) as loaded:
        assert loaded.files == ["cats/one.jpg", "two.jpg"]
        assert loaded["cats/one.jpg"].dtype == np.uint8
        assert loaded["cats/one.jpg"].tolist() == [
            [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
            [[0, 0, 1], [0, 0, 0], [1, 0, 0]],
        ]
        assert loaded["two.jpg"].tolist() == [[[0, 1, 0]]]


def test_one_hot_archive_of_an_image_larger_than_a_block(tmp_path):
    mask = (np.arange(3000 * 900) % 3).astype(np.uint8).reshape(3000, 900)
    for name in ("one.npz", "two.npz"):
        with OneHotArchive(tmp_path / name, 3) as archive:
            archive.add("a.jpg", mask)
    with np.load(tmp_path / "one.npz") as loaded:
        assert np.array_equal(loaded["a.jpg"].argmax(axis=2), mask)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert zipfile.ZipFile(tmp_path / "one.npz").infolist()[0].date_time[0] == 1980
