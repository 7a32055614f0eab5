"""Where photographs are found: as VIA does, and never outside the folders that the user named."""

import json
import shutil
import unicodedata

import pytest

from maskwright.via.convert import convert_annotations, convert_file
from maskwright.via.lint import lint
from maskwright.via.locate import Places, locate_image
from maskwright.via.params import Annotations
from support.via_files import annotations, image, photo, project, rect


def found(report):
    return [(problem.severity, problem.code) for problem in report.problems]


@pytest.mark.parametrize(
    "core",
    [
        {"default_filepath": "./photos/"},
        {"default_filepath": "photos"},  # VIA needs the slash; the intent is clear
        {"default_filepath": ".\\photos\\"},
        {"default_filepath": "/nowhere/", "filepath": {"more/": 1, "photos/": 2}},
    ],
)
def test_paths_of_a_via_2_project_are_followed(tmp_path, core):
    size = photo(tmp_path / "photos/a.jpg")
    report = lint(project(tmp_path / "p.json", image("a.jpg", rect(name="cat"), size=size), core=core))
    assert (report.lossless, found(report)) == (True, [])


def test_default_path_comes_before_the_files_folder(tmp_path):
    photo(tmp_path / "a.jpg", (9, 9))
    photo(tmp_path / "photos/a.jpg", (30, 20))
    places = Places(prefixes=("photos/",))
    assert locate_image(tmp_path, "a.jpg", places).path == tmp_path / "photos/a.jpg"
    assert locate_image(tmp_path, "a.jpg").path == tmp_path / "a.jpg"


def test_order_and_size(tmp_path):
    """The file's folder, root, images; but an image of the right size counts more."""
    own, root, images = (tmp_path / name for name in ("own", "root", "images"))
    sizes = [photo(folder / "a.jpg", (20 * n, 20)) for n, folder in enumerate((own, root, images), 1)]
    places = Places(root=root, images=images)
    assert locate_image(own, "a.jpg", places).path == own / "a.jpg"
    assert locate_image(own, "a.jpg", places, size=sizes[2]).path == images / "a.jpg"
    assert locate_image(own, "a.jpg", places, size=7).path == own / "a.jpg"
    (own / "a.jpg").unlink()
    assert locate_image(own, "a.jpg", places).path == root / "a.jpg"
    (root / "a.jpg").unlink()
    assert locate_image(own, "a.jpg", places).path == images / "a.jpg"


def test_an_annotation_file_cannot_lead_outside(tmp_path):
    photo(tmp_path / "secret.jpg")
    (tmp_path / "own").mkdir()
    for prefix in ("../", str(tmp_path) + "/", "x/../../"):
        _, problem, _ = locate_image(tmp_path / "own", "secret.jpg", Places(prefixes=(prefix,)))
        assert (problem.severity, problem.code) == ("refused", "missing-image")
    _, problem, _ = locate_image(tmp_path / "own", "secret.jpg", source="../secret.jpg")
    assert problem.code == "missing-image"
    # The same way leads to a photograph in a folder that the user named.
    places = Places(prefixes=("../",), root=tmp_path)
    assert locate_image(tmp_path / "own", "secret.jpg", places).problem is None


def test_path_of_its_own_in_via_3(tmp_path):
    photo(tmp_path / "photos/a.jpg")
    contents = {
        "project": {"pid": "x"},
        "config": {"file": {"loc_prefix": {"1": "photos/"}}},
        "attribute": {},
        "file": {"1": {"fid": "1", "fname": "a.jpg", "type": 2, "loc": 1, "src": "a.jpg"}},
        "view": {"1": {"fid_list": ["1"]}},
        "metadata": {"1_a": {"vid": "1", "z": [], "xy": [2, 1, 1, 5, 5], "av": {}}},
    }
    path = tmp_path / "v3.json"
    path.write_text(json.dumps(contents))
    assert lint(path).lossless


def test_names_from_a_repositorys_root(tmp_path):
    """All names begin with folders that are not there, or not here."""
    size = photo(tmp_path / "img/a.jpg")
    names = ["project/data/img/a.jpg", "project/data/img/b.jpg"]
    photo(tmp_path / "img/b.jpg")
    path = annotations(tmp_path / "img/v.json", *(image(n, rect(name="cat"), size=size) for n in names))
    report = lint(path)
    assert (report.lossless, found(report)) == (True, [])
    # Without a size to tell, it is used with a warning.
    path = annotations(tmp_path / "img/v.json", *(image(n, rect(name="cat")) for n in names))
    report = lint(path)
    assert found(report) == [("warning", "other-folder")] * 2
    assert report.problems[0].message == "found as 'a.jpg', without the folders that all names begin with"


def test_folders_that_not_all_names_share_stay(tmp_path):
    """Else train/a.jpg and test/a.jpg would both be a.jpg."""
    photo(tmp_path / "a.jpg")
    report = lint(annotations(tmp_path / "v.json", *(image(f"{n}/a.jpg", rect(name="cat")) for n in ("one", "two"))))
    assert found(report) == [("refused", "missing-image")] * 2


@pytest.mark.parametrize(
    "name", ["file://C:\\photos\\a.jpg", "file:.\\a.jpg", "C:\\x\\a.jpg", "/x/y/a.jpg", "file:a.jpg"]
)
def test_paths_as_browsers_and_windows_write_them(tmp_path, name):
    size = photo(tmp_path / "a.jpg")
    assert lint(annotations(tmp_path / "v.json", image(name, rect(name="cat"), size=size))).lossless


def test_names_with_folders_in_csv_and_coco(tmp_path):
    photo(tmp_path / "a.jpg")
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    row = 'x/y/a.jpg,-1,"{}",1,0,"{""name"":""rect"",""x"":1,""y"":1,""width"":3,""height"":3}","{""name"":""dog""}"'
    (tmp_path / "v.csv").write_text(f"{header}\n{row}\n")
    assert lint(tmp_path / "v.csv").lossless
    coco = {
        "images": [{"id": 1, "file_name": "x/y/a.jpg", "width": 30, "height": 20}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    assert lint(tmp_path / "coco.json").lossless


def test_a_dead_link_is_called_one(tmp_path):
    (tmp_path / "a.jpg").symlink_to("store/12ab.jpg")
    report = lint(annotations(tmp_path / "v.json", image("a.jpg", rect(name="cat"))))
    (problem,) = report.problems
    assert (problem.severity, problem.code) == ("refused", "dead-link")
    assert problem.message.startswith("a dead link: it leads to 'store/12ab.jpg', which does not exist")
    (tmp_path / "v.json").unlink()
    (tmp_path / "v.json").symlink_to("gone.json")
    with pytest.raises(Exception, match=r"v\.json: a dead link, to 'gone\.json'"):
        lint(tmp_path / "v.json")


def advice(path, **more):
    (problem,) = lint(path, **more).problems
    assert problem.code == "missing-image"
    return problem.advice


def test_advice_is_the_line_for_params_yaml(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "data/photos/a.jpg")
    path = annotations(tmp_path / "data/v.json", image("a.jpg", rect(name="cat")))
    line = "put `images: photos` under annotations in params.yaml"
    assert advice(path) == f"it is in 'photos': {line}, or give --images"
    # What it says works.
    chosen = Annotations(root="data", images="photos", train="v.json", validation="v.json", test="v.json")
    assert convert_annotations(chosen, tmp_path / "out")["train"].lossless
    assert lint(path, images=tmp_path / "data/photos").lossless
    assert convert_file(path, tmp_path / "out2", images=tmp_path / "data/photos").lossless


def test_advice_where_the_photographs_are_beside_the_annotations_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    photo(tmp_path / "data/my photos/a.jpg")
    path = annotations(tmp_path / "data/labels/v.json", image("a.jpg", rect(name="cat"))).relative_to(tmp_path)
    assert advice(path) == (
        "it is in 'data/my photos': put `root: data` and `images: \"my photos\"` under annotations in params.yaml "
        "(and name the annotation files from there), or give --images"
    )
    chosen = Annotations(
        root="data", images="my photos", train="labels/v.json", validation="labels/v.json", test="labels/v.json"
    )
    assert convert_annotations(chosen, tmp_path / "out")["train"].lossless
    # DVC watches the root alone.
    with pytest.raises(ValueError, match=r"images: \.\./my photos lies outside root"):
        Annotations(root="data/labels", images="../my photos", train="v.json")


def test_advice_with_folders_and_with_several_matches(tmp_path):
    photo(tmp_path / "x/deep/sub/a.jpg")
    path = annotations(tmp_path / "v.json", image("sub/a.jpg", rect(name="cat")), image("a.jpg"))
    (first, *_) = lint(path).problems
    assert first.advice.startswith("it is in 'x/deep': put `images: x/deep` under annotations")
    size = photo(tmp_path / "y/b.jpg")
    photo(tmp_path / "z/b.jpg", (50, 50))
    path = annotations(tmp_path / "v.json", image("b.jpg", rect(name="cat")))
    assert advice(path) == "it is in several folders ('y', 'z'); set annotations.images to one of them"
    path = annotations(tmp_path / "v.json", image("b.jpg", rect(name="cat"), size=size))
    assert advice(path).startswith("it is in 'y': put `images: y` under")


def test_images_must_be_a_folder(tmp_path):
    photo(tmp_path / "a.jpg")
    annotations(tmp_path / "v.json", image("a.jpg", rect(name="cat")))
    with pytest.raises(Exception, match=r"annotations\.images: .*gone: no such folder; it is relative to"):
        convert_annotations(Annotations(root=str(tmp_path), images="gone", train="v.json"), tmp_path / "out")


def test_a_copied_folder_still_works(tmp_path):
    """Nothing that is found depends on where the folder was."""
    photo(tmp_path / "one/photos/a.jpg")
    project(tmp_path / "one/p.json", image("a.jpg", rect(name="cat")), core={"default_filepath": "photos/"})
    shutil.copytree(tmp_path / "one", tmp_path / "two words")
    assert lint(tmp_path / "two words/p.json").lossless
    (tmp_path / "two words").rename(tmp_path / "three")
    assert lint(tmp_path / "three/p.json").lossless


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_in_a_name_whose_folders_are_gone(tmp_path, form):
    """Written in one form, stored in the other."""
    stored = unicodedata.normalize(form, "caf\u00e9.jpg")
    written = unicodedata.normalize({"NFC": "NFD", "NFD": "NFC"}[form], "caf\u00e9.jpg")
    photo(tmp_path / stored)
    path, problem, remark = locate_image(tmp_path, f"x/y/{written}", Places(common=2))
    assert (path.name, problem, remark.code) == (stored, None, "other-folder")


def test_no_more_folders_are_left_out_than_all_names_share(tmp_path):
    photo(tmp_path / "a.jpg")
    assert locate_image(tmp_path, "x/y/a.jpg", Places(common=1)).problem.code == "missing-image"
    assert locate_image(tmp_path, "x/y/a.jpg", Places(common=2)).problem is None
    photo(tmp_path / "y/a.jpg")
    assert locate_image(tmp_path, "x/y/a.jpg", Places(common=2)).path == tmp_path / "y/a.jpg"
