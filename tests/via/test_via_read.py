"""Every variant of the format, told apart by content and read to the same model."""

import csv
import io
import json
import math
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from maskwright.via.model import ImageEntry, Region
from maskwright.via.read import AnnotationFile, entries, open_annotations
from support.via_strategies import image_entries, via_1_json, via_2_csv, via_2_json, via_2_project, via_writers

TRIANGLE = {"name": "polygon", "all_points_x": [1, 9, 5], "all_points_y": [2, 2, 8]}
TRIANGLE_READ = {"all_points_x": (1, 9, 5), "all_points_y": (2, 2, 8)}

VIA_1 = {
    "a.jpg10": {
        "fileref": "",
        "size": 10,
        "filename": "a.jpg",
        "base64_img_data": "",
        "file_attributes": {},
        "regions": {
            "0": {"shape_attributes": TRIANGLE, "region_attributes": {"name": "dog"}},
            "1": {"shape_attributes": {"name": "point", "cx": 3, "cy": 4}, "region_attributes": {"name": "cat"}},
        },
    }
}
VIA_2 = {
    "a.jpg10": {
        "filename": "a.jpg",
        "size": 10,
        "file_attributes": {"caption": "two"},
        "regions": [
            {"shape_attributes": TRIANGLE, "region_attributes": {"name": "1", "flags": {"old": True, "wet": False}}},
            {
                "shape_attributes": {"name": "ellipse", "cx": 5.5, "cy": 6, "rx": 2, "ry": 3, "theta": 0.5},
                "region_attributes": {"name": "2", "flags": {}},
            },
        ],
    },
    "b.jpg-1": {"filename": "b.jpg", "size": -1, "file_attributes": {}, "regions": []},
}


def written(folder: Path, content: object, name: str = "any name.txt") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.encode())
    return path


def read(folder: Path, content: object) -> tuple[AnnotationFile, list[ImageEntry]]:
    file = open_annotations(written(folder, content))
    return file, list(entries(file))


def test_via_1_json_has_a_dict_of_regions(tmp_path):
    file, images = read(tmp_path, VIA_1)
    assert file.variant == "VIA 1 JSON"
    assert images == [
        ImageEntry(
            "a.jpg10",
            "a.jpg",
            10,
            (
                Region(0, "polygon", TRIANGLE_READ, {"name": "dog"}),
                Region(1, "point", {"cx": 3, "cy": 4}, {"name": "cat"}),
            ),
        )
    ]


@pytest.mark.parametrize("image", [{"fileref": "", "regions": []}, {"regions": {}}])
def test_either_of_two_signs_tells_via_1_json(tmp_path, image):
    file, images = read(tmp_path, {"a.jpg10": {"filename": "a.jpg", "size": 10, **image}})
    assert file.variant == "VIA 1 JSON"
    assert images == [ImageEntry("a.jpg10", "a.jpg", 10, ())]


def test_via_2_json_has_a_list_of_regions_and_checkboxes_become_tuples(tmp_path):
    file, images = read(tmp_path, VIA_2)
    assert file.variant == "VIA 2 annotations JSON"
    assert images == [
        ImageEntry(
            "a.jpg10",
            "a.jpg",
            10,
            (
                Region(0, "polygon", TRIANGLE_READ, {"name": "1", "flags": ("old",)}),
                Region(
                    1, "ellipse", {"cx": 5.5, "cy": 6, "rx": 2, "ry": 3, "theta": 0.5}, {"name": "2", "flags": ()}
                ),
            ),
            {"caption": "two"},
        ),
        ImageEntry("b.jpg-1", "b.jpg", -1, ()),
    ]


def test_project_gives_option_labels_for_ids(tmp_path):
    project = {
        "_via_settings": {"core": {}},
        "_via_img_metadata": VIA_2,
        "_via_attributes": {
            "region": {
                "name": {"type": "dropdown", "options": {"1": "dog", "2": ""}},
                "flags": {"type": "checkbox", "options": {"old": "Old one", "wet": "Wet one"}},
            },
            "file": {},
        },
        "_via_data_format_version": "2.0.10",
        "_via_image_id_list": ["a.jpg10", "b.jpg-1"],
    }
    file, images = read(tmp_path, project)
    assert file.variant == "VIA 2 project JSON"
    # Option 2 has no label of its own, so its id stands.
    assert [region.attributes for region in images[0].regions] == [
        {"name": "dog", "flags": ("Old one",)},
        {"name": "2", "flags": ()},
    ]


@pytest.mark.parametrize(
    ("written", "size"),
    [
        (12, 12),
        (12.0, 12),
        ("12", 12),
        (0, 0),
        ("9" * 15, 10**15 - 1),
        *((unknown, -1) for unknown in ("9" * 16, 2**53, -(2**53), "x", "-1", "", "²", None, True, [1])),
    ],
)
def test_a_size_that_is_no_number_of_bytes_is_unknown(tmp_path, written, size):
    _, (image,) = read(tmp_path, {"a": {"filename": "a.jpg", "size": written, "regions": []}})
    assert image.size == size


def test_numbers_beyond_those_that_a_float_tells_apart_are_infinite(tmp_path):
    largest = 2**53 - 1
    xs, ys = [-largest, 0, largest], [-largest - 1, 0.5, largest + 1]
    shape = {"name": "polygon", "all_points_x": xs, "all_points_y": ys}
    odd = {"name": "polygon", "all_points_x": [1, 2, largest + 1], "all_points_y": [1, -largest - 1, 2]}
    regions = [{"shape_attributes": drawn, "region_attributes": {}} for drawn in (shape, odd)]
    _, (image,) = read(tmp_path, {"a": {"filename": "a.jpg", "size": 1, "regions": regions}})
    assert [region.geometry for region in image.regions] == [
        {"all_points_x": tuple(xs), "all_points_y": (-math.inf, 0.5, math.inf)},
        {"all_points_x": (1, 2, math.inf), "all_points_y": (1, -math.inf, 2)},
    ]


def test_an_image_that_is_none_is_known_by_its_key(tmp_path):
    _, images = read(tmp_path, {"_via_img_metadata": {"a": None, **VIA_1}})
    assert images[0] == ImageEntry("a", "", -1, ())
    assert [image.filename for image in images] == ["", "a.jpg"]


def test_options_that_share_a_label_keep_their_ids(tmp_path):
    options = {"1": "dog", "2": "dog"}
    project = {
        "_via_img_metadata": VIA_2,
        "_via_attributes": {"region": {"name": {"type": "radio", "options": options}}},
    }
    _, images = read(tmp_path, project)
    assert [region.attributes["name"] for region in images[0].regions] == ["1", "2"]


CSV = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes\r\n"
    'a, b.jpg,10,"{""caption"":""x""}",2,0,'
    '"{""name"":""rect"",""x"":1,""y"":2,""width"":3,""height"":4}","{""name"":""d,og""}"\r\n'
    'none.jpg,7,"{}",0,0,"{}","{}"\r\n'
    'a, b.jpg,10,"{""caption"":""x""}",2,1,'
    '"{""name"":""circle"",""cx"":1,""cy"":2,""r"":3}","{""name"":""cat"",""type"":undefined}"\r\n'
)


def test_csv_has_commas_in_names_undefined_values_and_scattered_rows(tmp_path):
    file, images = read(tmp_path, CSV)
    assert file.variant == "VIA 2 CSV"
    assert images == [
        ImageEntry("none.jpg7", "none.jpg", 7, ()),
        ImageEntry(
            "a, b.jpg10",
            "a, b.jpg",
            10,
            (
                Region(0, "rect", {"x": 1, "y": 2, "width": 3, "height": 4}, {"name": "d,og"}),
                Region(1, "circle", {"cx": 1, "cy": 2, "r": 3}, {"name": "cat", "type": ""}),
            ),
            {"caption": "x"},
        ),
    ]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_via_1_csv_starts_with_a_hash_and_a_byte_order_mark_is_skipped(tmp_path, mark):
    file, images = read(tmp_path, mark + "#" + CSV)
    assert file.variant == "VIA 1 CSV"
    assert [image.filename for image in images] == ["none.jpg", "a, b.jpg"]


def test_csv_as_spreadsheets_save_it(tmp_path):
    """Separated by tabs or semicolons, with everything quoted, and with empty columns and rows at the end."""
    _, expected = read(tmp_path, CSV)
    fields = list(csv.reader(io.StringIO(CSV)))
    fields = [fields[0], *([",".join(row[:-6]), *row[-6:]] for row in fields[1:])]  # the name that holds a comma
    for delimiter in ",;\t":
        for padding in (0, 3):
            text = io.StringIO()
            writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL if padding else csv.QUOTE_MINIMAL)
            writer.writerows([*row, *[""] * padding] for row in [*fields, [""] * 7])
            file, images = read(tmp_path, text.getvalue())
            assert (file.variant, images) == ("VIA 2 CSV", expected)


def test_csv_whose_rows_alone_end_in_empty_columns(tmp_path):
    header, row = CSV.split("\r\n")[:2]
    _, images = read(tmp_path, f"{header}\n{row},,\n")
    assert [(image.filename, len(image.regions)) for image in images] == [("a, b.jpg", 1)]
    # Here the last column, the attributes, is VIA's own, and the comma belongs to the file name.
    _, images = read(tmp_path, f'{header}\na, b.jpg,10,"{{}}",1,0,"{{""name"":""point""}}",\n')
    assert [(image.filename, image.size) for image in images] == [("a, b.jpg", 10)]


def test_csv_cells_that_are_not_json_make_an_unreadable_region(tmp_path):
    header = CSV.split("\r\n", 1)[0]
    row = 'a.jpg,1,"{}",1,0,"{""name"":","{}"'
    _, images = read(tmp_path, f"{header}\n{row}\n")
    assert images[0].regions == (Region(0, "", {}),)


COCO = {
    "info": {"version": "1.0", "url": "http://www.robots.ox.ac.uk/~vgg/software/via/"},
    "images": [
        {"id": 1, "width": 20, "height": 10, "file_name": "a.jpg"},
        {"id": 2, "width": 0, "height": 10, "file_name": "b.jpg"},
    ],
    "annotations": [
        {"image_id": "1", "category_id": 1, "segmentation": [1, 2, 9, 2, 5, 8], "bbox": [1, 2, 8, 6]},
        {"image_id": 2, "category_id": 2, "segmentation": [[0, 0, 1, 0, 1, 1], [5, 5, 6, 5, 6, 6]]},
        {"image_id": 1, "category_id": 2, "segmentation": [], "bbox": [1, 2, 3, 4]},
        {"image_id": 1, "category_id": 9, "segmentation": {"counts": "12", "size": [10, 20]}, "bbox": [1, 2, 3, 4]},
        {"image_id": 1, "category_id": 2, "segmentation": {"counts": [1, 2], "size": [3, 1]}, "iscrowd": 1},
        {"image_id": 3, "category_id": 1, "bbox": [0, 0, 1, 1]},
    ],
    # The categories that share an id are no trouble, since no annotation has it.
    "categories": [
        {"id": 1, "name": "dog"},
        {"id": 2, "name": "cat"},
        {"id": 3, "name": "x"},
        {"id": 3, "name": "y"},
    ],
}


def test_coco_groups_annotations_by_image_and_names_the_category(tmp_path):
    file, images = read(tmp_path, COCO)
    assert file.variant == "COCO from VIA"
    box = {"x": 1, "y": 2, "width": 3, "height": 4}
    cat = {"name": "cat"}
    assert images == [
        ImageEntry(
            "1",
            "a.jpg",
            -1,
            (
                Region(0, "polygon", TRIANGLE_READ, {"name": "dog"}),
                Region(1, "rect", box, cat),
                Region(
                    2,
                    "rle",
                    {**box, "rows": 10, "columns": 20, "characters": (ord("1"), ord("2"))},
                    {},
                    "its category, 9, is not in the file's list of categories",
                ),
                Region(3, "crowd", {"rows": 3, "columns": 1, "counts": (1, 2)}, cat),
            ),
            drawn_on=(10, 20),
        ),
        ImageEntry(
            "2",
            "b.jpg",
            -1,
            (
                Region(0, "polygon", {"all_points_x": (0, 1, 1), "all_points_y": (0, 0, 1)}, cat),
                Region(1, "polygon", {"all_points_x": (5, 6, 6), "all_points_y": (5, 5, 6)}, cat),
            ),
        ),
        # Annotations of an image that is not listed are kept, for lint to refuse.
        ImageEntry(
            "image_id 3", "", -1, (Region(0, "rect", {"x": 0, "y": 0, "width": 1, "height": 1}, {"name": "dog"}),)
        ),
    ]


def test_coco_of_others_and_members_in_any_order(tmp_path):
    content = dict(reversed(COCO.items())) | {"info": {"description": "COCO 2017 Dataset"}}
    file, images = read(tmp_path, content)
    assert file.variant == "COCO"
    assert [len(image.regions) for image in images] == [4, 2, 1]


def test_what_vias_coco_export_makes_of_points_and_polylines(tmp_path):
    empty = {"image_id": 1, "category_id": 1, "segmentation": [[]], "area": [], "bbox": [], "iscrowd": 0}
    annotations = [
        {**empty, "keypoints": [3, 4, 2], "num_keypoints": 1},
        {**empty, "segmentation": []},  # a polyline
        empty,
        {**empty, "bbox": [1, 2, 3, 4], "area": 12},
        {**empty, "area": 0},
    ]
    _, images = read(tmp_path, COCO | {"annotations": annotations})
    regions = images[0].regions
    assert [region.shape for region in regions] == ["point", "not exported", "not exported", "rect", ""]
    assert regions[0].geometry == {"cx": 3, "cy": 4}


def test_coco_of_one_class_may_have_no_categories(tmp_path):
    content = {"images": COCO["images"], "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}]}
    _, images = read(tmp_path, content)
    assert [(region.attributes, region.unlabelled) for region in images[0].regions] == [({}, "")]


VIA_3 = {
    "project": {"pid": "x", "pname": "p", "vid_list": ["1", "2"]},
    "config": {},
    "attribute": {
        "1": {"aname": "class", "type": 4, "options": {"0": "dog", "1": "cat"}},
        "2": {"aname": "flags", "type": 2, "options": {"a": "Old", "b": "Wet"}},
    },
    "file": {
        "1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": "a.jpg"},
        "2": {"fid": "2", "fname": "b.jpg", "type": 2, "loc": 1, "src": "b.jpg"},
        "3": {"fid": "3", "fname": "c.mp4", "type": 4, "loc": 1, "src": "c.mp4"},
    },
    "metadata": {
        "1_x": {"vid": "1", "flg": 0, "z": [], "xy": [7, 1, 2, 9, 2, 5, 8], "av": {"1": "1"}},
        "2_x": {"vid": "2", "flg": 0, "z": [], "xy": [2, 1, 2, 3, 4], "av": {"1": "0", "2": "a,b"}},
        "1_y": {"vid": "1", "flg": 0, "z": [], "xy": [5, 1, 2, 3, 4], "av": {}},
        "1_z": {"vid": "1", "flg": 0, "z": [], "xy": [], "av": {"1": "0"}},
        "2_z": {"vid": "2", "flg": 0, "z": [1.5, 7.2], "xy": [], "av": {"1": "0"}},
        "2_8": {"vid": "2", "flg": 0, "z": [], "xy": [8, 1, 5, 4, 2, 9, 3, 3, 8], "av": {"1": "0"}},
        "2_9": {"vid": "2", "flg": 0, "z": [], "xy": [9, 1, 2, 9, 2, 5, 8], "av": {"1": "0"}},
        "3_x": {"vid": "3", "flg": 0, "z": [2.5], "xy": [2, 1, 2, 3, 4], "av": {"1": "0"}},
    },
    "view": {"1": {"fid_list": ["1"]}, "2": {"fid_list": ["2"]}, "3": {"fid_list": ["3"]}},
}


def test_via_3_project_of_images(tmp_path):
    file, images = read(tmp_path, VIA_3)
    assert file.variant == "VIA 3 project"
    assert images == [
        # 1_z describes the whole image and is no region.
        ImageEntry("1", "a.jpg", -1, (Region(0, "polygon", TRIANGLE_READ, {"class": "cat"}), Region(1, "line", {}))),
        ImageEntry(
            "2",
            "b.jpg",
            -1,
            (
                Region(
                    0, "rect", {"x": 1, "y": 2, "width": 3, "height": 4}, {"class": "dog", "flags": ("Old", "Wet")}
                ),
                Region(1, "segment", {}, {"class": "dog"}),
                Region(
                    2,
                    "extreme rectangle",
                    {"all_points_x": (1, 4, 9, 3), "all_points_y": (5, 2, 3, 8)},
                    {"class": "dog"},
                ),
                Region(3, "extreme circle", TRIANGLE_READ, {"class": "dog"}),
            ),
        ),
        # What is drawn on a video's frame is no more than a segment in time.
        ImageEntry("3", "c.mp4", -1, (Region(0, "segment", {}, {"class": "dog"}),)),
    ]


def test_folders_that_all_names_of_a_via_3_project_share(tmp_path):
    names = ["home/me/one/a.jpg", "home/me/two/b.jpg"]
    files = {str(number): {"fid": str(number), "fname": name, "type": 2} for number, name in enumerate(names)}
    file, _ = read(tmp_path, VIA_3 | {"file": files, "view": {}, "metadata": {}})
    assert file.hints.common == 2


def test_names_that_a_via_3_project_lists_twice(tmp_path):
    files = {str(number): {"fname": name, "type": 2} for number, name in enumerate(["a.jpg", "b.jpg", "./a.jpg"])}
    file, _ = read(tmp_path, VIA_3 | {"file": files, "view": {}, "metadata": {}})
    assert file.repeated == {"a.jpg"}


def test_repeated_keys_and_names_are_yielded_each_time(tmp_path):
    image = json.dumps(VIA_2["a.jpg10"])
    file, images = read(tmp_path, f'{{"a": {image}, "a": {image}, "b": {image.replace("a.jpg", "./a.jpg")}}}')
    assert [entry.key for entry in images] == ["a", "a", "b"]
    assert file.repeated == {"a.jpg"}


def test_repeated_region_numbers_of_via_1_are_all_kept(tmp_path):
    region = json.dumps(VIA_1["a.jpg10"]["regions"]["1"])
    text = f'{{"a": {{"filename": "a.jpg", "regions": {{"0": {region}, "0": {region}}}}}}}'
    _, images = read(tmp_path, text)
    assert [region.number for region in images[0].regions] == [0, 1]


def test_null_and_odd_regions_keep_their_place_and_what_can_be_kept(tmp_path):
    odd = [
        None,
        "text",
        {},
        {"shape_attributes": {"name": "rect", "x": "1", "y": None, "width": True, "height": 1e999}},
        {"shape_attributes": {"name": "polygon", "all_points_x": [1, "2"], "all_points_y": 3}},
        {"shape_attributes": {"name": ["rect"], "x": 10**400}, "region_attributes": {"name": 3, "other": None}},
    ]
    _, images = read(tmp_path, {"a": {"filename": "a.jpg", "size": "12", "regions": odd}})
    assert images[0].size == 12
    regions = images[0].regions
    assert [(region.number, region.shape) for region in regions] == [
        (0, ""),
        (1, ""),
        (2, ""),
        (3, "rect"),
        (4, "polygon"),
        (5, ""),
    ]
    # repr, since NaN differs from itself
    assert repr(regions[3].geometry) == "{'x': nan, 'y': nan, 'width': nan, 'height': inf}"
    assert repr(regions[4].geometry) == "{'all_points_x': (1, nan), 'all_points_y': 3}"
    assert repr(regions[5].geometry) == "{'x': inf}"
    assert regions[5].attributes == {"name": "3", "other": ""}


def test_file_is_larger_than_the_chunks_it_is_read_in(tmp_path):
    # A chunk is 2**20 characters; numbers and entries are cut by its end somewhere.
    images = {
        f"{number}.jpg1": {
            "filename": f"{number}.jpg",
            "size": 1,
            "regions": [
                {"shape_attributes": {"name": "polygon", "all_points_x": [number] * 9, "all_points_y": [1.25e-3] * 9}}
            ],
        }
        for number in range(15_000)
    }
    path = written(tmp_path, images)
    assert path.stat().st_size > 2 * 2**20
    file = open_annotations(path)
    total = 0
    for number, entry in enumerate(entries(file)):
        assert entry.filename == f"{number}.jpg"
        assert entry.regions[0].geometry == {"all_points_x": (number,) * 9, "all_points_y": (0.00125,) * 9}
        total += 1
    assert total == 15_000


def test_memory_does_not_grow_with_the_file(tmp_path):
    image = {"filename": "a.jpg", "file_attributes": {"caption": "x" * 10_000}, "regions": []}
    path = written(tmp_path, {f"{number}": image for number in range(2000)})
    assert path.stat().st_size > 20e6
    tracemalloc.start()
    try:
        assert sum(1 for _ in entries(open_annotations(path))) == 2000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6  # a few chunks of 2**20 characters


@settings(max_examples=60, deadline=None)
@given(image_entries(), via_writers)
def test_what_is_written_in_any_variant_is_read_back(images, writer):
    with TemporaryDirectory() as folder:
        file, found = read(Path(folder), writer(images))
    expected = {
        via_1_json: "VIA 1 JSON",
        via_2_json: "VIA 2 annotations JSON",
        via_2_project: "VIA 2 project JSON",
        via_2_csv: "VIA 2 CSV",
    }
    assert file.variant == expected[writer]
    # A CSV's scattered images come last, and the names of these may be equal once spaces are left out.
    key = (lambda entry: entry.filename) if writer is via_2_csv else (lambda entry: 0)
    assert sorted(found, key=key) == sorted(images, key=key)
