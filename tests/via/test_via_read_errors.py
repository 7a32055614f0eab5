"""What cannot be read gives one line that says where and why, and no other exception."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from maskwright.via.model import ImageEntry
from maskwright.via.read import AnnotationError, entries, open_annotations
from support.via_strategies import any_json, damaged_files

ENTRY = '{"filename": "a.jpg", "size": 1, "regions": []}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\t", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b'{"a": {"filename": "a\xff.jpg"}}', "not UTF-8 text (byte 0xff); save it as UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-16 text; save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a PNG image; expected"),
        (b"PK\x03\x04\0\0", "a ZIP archive (or a spreadsheet); expected"),
        (b"<annotation><folder/></annotation>", "looks like XML"),
        (b"<!DOCTYPE html><html>", "looks like HTML"),
        (b"0 0.5 0.5 0.1 0.1\n", "neither JSON nor a VIA CSV: it starts with '0 0.5 0.5 0.1 0.1'"),
        (b"image,label\na.jpg,dog\n", "neither JSON nor a VIA CSV: it starts with 'image,label'"),
        (b",,,\n", "neither JSON nor a VIA CSV: it starts with ',,,'"),
        (b"filename,\0", "not text; expected"),
        (b"[]", "a JSON list, and not an object of images"),
        (b"{}", "an empty JSON object, without any image"),
        (b'{"a": 1, "b": [2]}', "JSON, but not VIA: its keys are a, b; expected"),
        (b'{"a": 1, "b": 2, "c": 3, "d": 4}', "its keys are a, b, c, d; expected"),
        (b'{"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}', "its keys are a, b, c, d, ...; expected"),
        (b'{"shapes": [], "imagePath": "a.jpg"}', "looks like LabelMe"),
        (b'{"type": "FeatureCollection", "features": []}', "looks like GeoJSON"),
        (b'{"objects": [], "size": {}}', "looks like Supervisely"),
        (b'{"objects": [], "tags": []}', "looks like Supervisely"),
        (b'{"cells": [], "metadata": {}, "nbformat": 4}', "looks like a Jupyter notebook"),
        (b'{"cells": [], "size": 4}', "its keys are cells, size; expected"),
        (b'{"images": [], "categories": []}', "looks like COCO without its list of annotations"),
        (b'{"_via_settings": {}}', "a VIA 2 project without _via_img_metadata"),
        (b'{"_via_img_metadata": {}}', "a VIA 2 project file that lists no image"),
        (b'{"images": [], "annotations": []}', "a COCO file that lists no image"),
        (b'{"project": {}, "file": {"1": {"type": 4}}, "metadata": {}}', "a VIA 3 project of audio or video"),
        (b'{"a": {"regions": []}, }', "line 1, column 24: not JSON: expected a key in double quotes"),
        (b'{"a":\n {"regions": [}}', "line 2, column 15: not JSON: Expecting value"),
        (b'{"a": {"regions": []}} x', "line 1, column 24: not JSON: expected nothing after the end"),
        (b'{"a": {"regions": [1' + b"0" * 5000 + b"]}}", "a number with thousands of digits"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_the_message_says_what_is_wrong(tmp_path, content, message):
    path = tmp_path / "via_region_data.json"
    path.write_bytes(content)
    with pytest.raises(AnnotationError) as caught:
        open_annotations(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert message in said
    assert "\n" not in said


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(AnnotationError, match=r"gone\.json: no such file"):
        open_annotations(tmp_path / "gone.json")
    with pytest.raises(AnnotationError, match="a folder; name the VIA file in it"):
        open_annotations(tmp_path)


@pytest.mark.parametrize("cut", range(1, len(ENTRY) + 7))
def test_truncated_json_is_called_so_wherever_it_ends(tmp_path, cut):
    text = f'{{"a": {ENTRY}}}'[:cut]
    path = tmp_path / "via.json"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=r"line 1, column .*the JSON ends in the middle: the file is cut off"):
        open_annotations(path)


def test_truncated_csv(tmp_path):
    path = tmp_path / "via.csv"
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    path.write_text(f'{header}\na.jpg,1,"{{}}",0,0,"{{}}","{{}}"\nb.jpg,1,"{{}}"')
    with pytest.raises(AnnotationError, match="line 3: 3 of 7 columns: the file is cut off"):
        open_annotations(path)
    path.write_text(header)
    with pytest.raises(AnnotationError, match="a VIA CSV that lists no image"):
        open_annotations(path)


def test_coco_images_that_share_an_id_cannot_be_told_apart(tmp_path):
    path = tmp_path / "coco.json"
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]
    path.write_text(json.dumps({"images": images, "annotations": [{"image_id": 1, "bbox": [0, 0, 1, 1]}]}))
    file = open_annotations(path)
    with pytest.raises(AnnotationError, match=r"two images have the id 1 \('a.jpg' and 'b.jpg'\)"):
        list(entries(file))


CATEGORIES_WITHOUT_A_LABEL = [
    ([(1, "cat"), (1, "dog")], [1], "the categories 'cat', 'dog' share the id 1, so labels cannot be told apart"),
    # VIA writes null for an option that is no number.
    ([(None, "cat"), (None, "dog")], [None], "the categories 'cat', 'dog' have no id"),
    ([(1, "cat")], [2, 3], "no category has an id that the annotations use (2, 3)"),
    ([], [2, 3], "no category has an id that the annotations use (2, 3)"),
]


@pytest.mark.parametrize(("categories", "used", "message"), CATEGORIES_WITHOUT_A_LABEL)
def test_coco_categories_that_cannot_be_told_apart_come_with_the_cure(tmp_path, categories, used, message):
    path = tmp_path / "coco.json"
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "annotations": [{"image_id": 1, "category_id": number, "bbox": [0, 0, 1, 1]} for number in used],
        "categories": [{"id": number, "name": name} for number, name in categories],
    }
    path.write_text(json.dumps(content))
    with pytest.raises(AnnotationError) as caught:
        list(entries(open_annotations(path)))
    said = str(caught.value)
    assert message in said
    assert "export the annotations as JSON" in said


def read_or_refused(data: bytes) -> bool:
    """Say whether a file is read, or refused in one line that names it. Any other exception fails the test."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        try:
            return all(isinstance(entry, ImageEntry) for entry in list(entries(open_annotations(path))))
        except AnnotationError as error:
            return str(error).startswith(f"{path}: ") and "\n" not in str(error)


@settings(max_examples=150, deadline=None)
@given(damaged_files())
def test_damaged_files_raise_nothing_else(data):
    assert read_or_refused(data)


@settings(max_examples=150, deadline=None)
@given(any_json)
def test_arbitrary_json_raises_nothing_else(value):
    assert read_or_refused(json.dumps(value).encode())


@settings(max_examples=100, deadline=None)
@given(any_json, any_json, any_json)
def test_arbitrary_json_under_the_keys_of_each_variant_raises_nothing_else(one, two, three):
    for content in (
        {"_via_img_metadata": {"a": one}, "_via_attributes": {"region": two}, "_via_settings": three},
        {"a": {"filename": one, "regions": [two], "size": three}},
        {"a": {"regions": {"0": {"shape_attributes": one, "region_attributes": two}}, "file_attributes": three}},
        {"images": [one], "annotations": [two], "categories": [three]},
        {
            "images": [{"id": one, "file_name": "a"}],
            "annotations": [{"image_id": one, "category_id": two, "segmentation": [three], "bbox": three}],
            "categories": [{"id": two, "name": one}],
        },
        {"project": {}, "file": {"1": one}, "view": two, "metadata": {"1": three}, "attribute": one},
        {
            "project": {},
            "file": {"1": {"fname": one}},
            "view": {"1": {"fid_list": [one]}},
            "metadata": {"1": {"vid": "1", "xy": two, "av": {"1": three}}, "2": {"vid": one, "xy": [two], "av": one}},
            "attribute": {"1": {"aname": one, "options": two, "type": three}},
        },
    ):
        assert read_or_refused(json.dumps(content).encode())
