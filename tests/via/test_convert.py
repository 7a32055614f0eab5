import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from maskwright.photos.images import IGNORE, read_mask
from maskwright.photos.splits import Example, read_split
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_annotations, convert_file
from maskwright.via.model import ImageEntry, Region
from maskwright.via.params import Annotations
from maskwright.via.polygonise import mask_to_regions
from maskwright.via.splits import split_names
from maskwright.via.write import write_via_project


def photo(path, size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), 90, np.uint8)).save(path)


def rect(label, x, y, width, height, **more):
    shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
    return {"shape_attributes": shape, "region_attributes": {"kind": label} | more}


def annotate(path, images):
    """Write a VIA 2 file: image name -> regions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    listed = {
        name: {"filename": name, "size": -1, "regions": regions, "file_attributes": {}}
        for name, regions in images.items()
    }
    path.write_text(json.dumps(listed))
    return path


def data_set(root, *, train=6, others=("validation", "test"), broken=()):
    """A cat at the left and a dog at the right of each image; `broken` images have a region without a size."""
    for split, count in {"train": train, **dict.fromkeys(others, 2)}.items():
        images = {}
        for number in range(count):
            name = f"{split}-{number}.jpg"
            photo(root / split / name)
            images[name] = [rect("cat", 0, 0, 10, 5), rect("dog", 20, 10, 5 + number, 5)]
            if f"{split}/{name}" in broken:
                images[name].append(rect("cat", 3, 3, 0, 9))
        annotate(root / split / "via.json", images)
    return root


def params(root, **more):
    chosen = {"train": "train/via.json", "validation": "validation/via.json", "test": "test/via.json"} | more
    return Annotations(root=str(root), **chosen)


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def contents(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_three_files(tmp_path):
    root, out = data_set(tmp_path / "data"), tmp_path / "masks"
    reports = convert_annotations(params(root), out)
    assert list(reports) == ["train", "validation", "test"]
    assert all(report.lossless for report in reports.values())
    assert {p.name for p in out.iterdir()} == {"report.json", *reports}
    for split in reports:
        names = {p.name for p in (out / split).iterdir()}
        assert names == {"index.csv", "boxes.coco.json", "classes.json", "masks", "objects.coco.json", "objects"}
        assert json.loads((out / split / "classes.json").read_text()) == ["background", "cat", "dog"]
    table = rows(out / "train/index.csv")
    assert len(table) == 6
    assert table[1] == {
        "image": f"{root}/train/train-1.jpg",
        "mask": "masks/train-1.png",
        "height": "20",
        "width": "30",
        "sha256": hashlib.sha256((root / "train/train-1.jpg").read_bytes()).hexdigest(),
    }
    mask = read_mask(out / "train/masks/train-1.png")
    expected = np.zeros((20, 30), np.uint8)
    expected[0:5, 0:10] = 1
    expected[10:15, 20:26] = 2
    assert np.array_equal(mask, expected)
    coco = json.loads((out / "test/boxes.coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["test/test-0.jpg", "test/test-1.jpg"]
    assert [a["area"] for a in coco["annotations"]] == [50, 25, 50, 30]
    report = json.loads((out / "report.json").read_text())
    assert report["train"]["images"]["listed"] == 6
    assert report["train"]["classes"] == {"cat": 6, "dog": 6}
    assert report["test"]["problems"] == []


def test_classes_in_the_order_asked_for(tmp_path):
    root = data_set(tmp_path / "data")
    convert_annotations(params(root, classes=["dog", "cat"]), tmp_path / "out")
    for split in ("train", "validation", "test"):
        assert json.loads((tmp_path / f"out/{split}/classes.json").read_text()) == ["background", "dog", "cat"]
    assert read_mask(tmp_path / "out/train/masks/train-0.png")[0, 0] == 2


def test_splits_come_off_the_training_file(tmp_path):
    root = data_set(tmp_path / "data", train=10, others=())
    chosen = params(root, validation=None, test=None, validation_fraction=0.2, test_fraction=0.3)
    convert_annotations(chosen, tmp_path / "out")
    splits = {split: tmp_path / "out" / split for split in ("train", "validation", "test")}
    images = {split: [row["image"] for row in rows(folder / "index.csv")] for split, folder in splits.items()}
    assert {split: len(names) for split, names in images.items()} == {"train": 5, "validation": 2, "test": 3}
    assert sorted(image for names in images.values() for image in names) == [
        f"{root}/train/train-{n}.jpg" for n in range(10)
    ]
    for folder in splits.values():
        for row in rows(folder / "index.csv"):
            assert row["mask"] == f"masks/{Path(row['image']).stem}.png"
            assert (folder / row["mask"]).is_file()


def test_boxes_are_in_the_order_of_the_index(tmp_path):
    root = data_set(tmp_path / "data", train=10, others=())
    # Not sorted by name, and with an image of which nothing can be used.
    listed = json.loads((root / "train/via.json").read_text())
    shuffled = [listed[f"train-{n}.jpg"] for n in (7, 2, 9, 0, 4, 1, 8, 3, 6, 5)]
    (root / "train/via.json").write_text(json.dumps({entry["filename"]: entry for entry in shuffled}))
    (root / "train/train-4.jpg").write_bytes(b"not an image")
    chosen = params(root, validation=None, test=None, validation_fraction=0.2, test_fraction=0.3, on_error="skip")
    convert_annotations(chosen, tmp_path / "out")
    found = []
    for split in ("train", "validation", "test"):
        folder = tmp_path / "out" / split
        coco = json.loads((folder / "boxes.coco.json").read_text())
        names = [image["file_name"] for image in coco["images"]]
        assert [row["image"] for row in rows(folder / "index.csv")] == [f"{root}/{name}" for name in names]
        assert [image["id"] for image in coco["images"]] == sorted(image["id"] for image in coco["images"])
        found += names
    assert len(found) == 9
    assert found != sorted(found)


def test_only_validation_comes_off_the_training_file(tmp_path):
    root = data_set(tmp_path / "data", train=5, others=("test",))
    reports = convert_annotations(params(root, validation=None), tmp_path / "out")
    assert {split: report.images for split, report in reports.items()} == {"train": 4, "validation": 1, "test": 2}


names = st.lists(st.text(min_size=1, max_size=5), min_size=4, max_size=40, unique=True)


@settings(deadline=None)
@given(names, st.integers(0, 5), st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.randoms())
def test_split_depends_on_names_and_seed_alone(drawn, seed, validation, test, random):
    shares = split_names(drawn, seed=seed, validation=validation, test=test)
    assert sorted(name for share in shares.values() for name in share) == sorted(drawn)
    assert min(map(len, shares.values())) >= 1
    shuffled = list(drawn)
    random.shuffle(shuffled)
    assert split_names(shuffled, seed=seed, validation=validation, test=test) == shares
    # The test split is the same whether or not validation is taken too.
    assert split_names(drawn, seed=seed, validation=None, test=min(test, 0.4))["test"] >= shares["test"] or test > 0.4


def test_split_sizes_and_seeds():
    drawn = [f"{n}.jpg" for n in range(100)]
    shares = split_names(drawn, seed=0, validation=0.2, test=0.1)
    assert {split: len(share) for split, share in shares.items()} == {"train": 70, "test": 10, "validation": 20}
    assert split_names(drawn, seed=1, validation=0.2, test=0.1) != shares
    with pytest.raises(ValueError, match="2 images cannot be divided into 3 splits"):
        split_names(["a", "b"], seed=0, validation=0.5, test=0.5)


def test_too_few_images_for_a_split(tmp_path):
    root = data_set(tmp_path / "data", train=1, others=("test",))
    with pytest.raises(MaskwrightError, match=r"cannot be divided into 2 splits.*annotations\.validation"):
        convert_annotations(params(root, validation=None), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_same_bytes_every_time_and_with_any_number_of_workers(tmp_path):
    root = data_set(tmp_path / "data", train=70, others=("test",))
    chosen = params(root, validation=None)
    for name, workers in (("one", 1), ("two", 2), ("three", 2)):
        convert_annotations(chosen, tmp_path / name, workers=workers, onehot=tmp_path / f"{name}.npz")
    first = contents(tmp_path / "one")
    assert len(first) == 2 * 72 + 1 + 3 * 4
    assert contents(tmp_path / "two") == contents(tmp_path / "three") == first
    for split in ("train", "validation", "test"):
        assert (tmp_path / f"one-{split}.npz").read_bytes() == (tmp_path / f"two-{split}.npz").read_bytes()


def test_fail_names_all_problems_of_all_files_and_leaves_nothing(tmp_path):
    broken = ("train/train-0.jpg", "train/train-3.jpg", "validation/validation-1.jpg", "test/test-0.jpg")
    root = data_set(tmp_path / "data", broken=broken)
    with pytest.raises(MaskwrightError) as caught:
        convert_annotations(params(root), tmp_path / "out", onehot=tmp_path / "m.npz")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith("4 findings that would lose annotations: ")
    assert "train-0.jpg, region 2: the rectangle is 0 x 9 pixels" in message
    assert "and 1 more" in message
    for split in ("train", "validation", "test"):
        assert f"maskwright lint {root}/{split}/via.json" in message
    assert "on_error: skip" in message
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_failure_keeps_what_was_there(tmp_path):
    root, out = data_set(tmp_path / "data"), tmp_path / "out"
    convert_annotations(params(root), out)
    before = contents(out)
    data_set(root, broken=("test/test-1.jpg",))
    with pytest.raises(MaskwrightError, match="1 finding that would lose annotations"):
        convert_annotations(params(root), out)
    assert contents(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "out"]


def test_skip_leaves_out_what_is_refused_and_reports_it(tmp_path):
    root, out = data_set(tmp_path / "data"), tmp_path / "out"
    (root / "train/train-2.jpg").unlink()
    regions = [rect("cat", 0, 0, 10, 5), rect("", 20, 10, 5, 5)]
    annotate(root / "test/via.json", {"test-0.jpg": regions, "test-1.jpg": [rect("dog", 1, 1, 5, 5)]})
    reports = convert_annotations(params(root, on_error="skip"), out)
    names = [Path(row["image"]).name for row in rows(out / "train/index.csv")]
    assert names == [f"train-{n}.jpg" for n in (0, 1, 3, 4, 5)]
    assert not (out / "train/masks/train-2.png").exists()
    mask = read_mask(out / "test/masks/test-0.png")
    # A region without a label is located but unknown: its pixels are neither background nor any class.
    assert (mask[10:15, 20:25] == IGNORE).all()
    assert (mask == IGNORE).sum() == 25
    assert not reports["train"].lossless
    problems = json.loads((out / "report.json").read_text())
    assert [p["image"] for p in problems["train"]["problems"] if p["severity"] == "refused"] == ["train-2.jpg"]
    assert [p["region"] for p in problems["test"]["problems"] if p["severity"] == "refused"] == [1]


def test_overlaps_are_reported_and_the_later_one_is_painted(tmp_path):
    root = data_set(tmp_path / "data")
    annotate(root / "test/via.json", {"test-0.jpg": [rect("cat", 0, 0, 10, 5), rect("dog", 8, 3, 4, 9)]})
    reports = convert_annotations(params(root), tmp_path / "out")
    assert read_mask(tmp_path / "out/test/masks/test-0.png")[4, 9] == 2
    (problem,) = [p for p in reports["test"].problems if p.code == "overlap"]
    # x 8 to 10 and y 3 to 5
    assert problem.message.startswith("shares 4 pixels with region 0: they count as 'dog'")
    assert (problem.severity, problem.image, problem.region) == ("warning", "test-0.jpg", 1)


def test_one_image_in_two_splits_is_reported(tmp_path):
    root = tmp_path / "data"
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photo(root / name)
    regions = [rect("cat", 0, 0, 5, 5), rect("dog", 6, 6, 5, 5)]
    for name, images in (("train", "ab"), ("validation", "c"), ("test", "ac")):
        annotate(root / f"{name}.json", {f"{image}.jpg": regions for image in images})
    chosen = Annotations(root=str(root), train="train.json", validation="validation.json", test="test.json")
    reports = convert_annotations(chosen, tmp_path / "out")
    found = [(p.image, p.message) for p in reports["test"].problems if p.code == "in-two-splits"]
    assert found == [("a.jpg", "also in the train split"), ("c.jpg", "also in the validation split")]


def test_names_that_differ_only_by_suffix_and_subfolders(tmp_path):
    images = ["a.jpg", "a.png", "sub/a.jpg", "sub/deeper/b c.jpg", "sub/../d.jpg", "./e.jpg", "a.jpg.bmp"]
    for image in images:
        photo(tmp_path / "data" / image)
    file = annotate(tmp_path / "data/via.json", {image: [rect("cat", 0, 0, 5, 5)] for image in images})
    convert_file(file, tmp_path / "out")
    masks = [row["mask"] for row in rows(tmp_path / "out/masks/index.csv")]
    assert masks == [
        "masks/a.png",
        "masks/a.png.png",
        "masks/sub/a.png",
        "masks/sub/deeper/b c.png",
        "masks/d.png",
        "masks/e.png",
        "masks/a.jpg.png",
    ]
    assert all((tmp_path / "out/masks" / mask).is_file() for mask in masks)
    listed = [Path(row["image"]).relative_to(tmp_path / "data") for row in rows(tmp_path / "out/masks/index.csv")]
    assert listed[4:6] == [Path("d.jpg"), Path("e.jpg")]


def test_a_path_never_leaves_the_output(tmp_path):
    photo(tmp_path / "secret.jpg")
    photo(tmp_path / "data/a.jpg")
    images = {name: [rect("cat", 0, 0, 5, 5)] for name in ("a.jpg", "../secret.jpg", "/etc/passwd", "data:image/x")}
    file = annotate(tmp_path / "data/via.json", images)
    convert_file(file, tmp_path / "new/out", on_error="skip")
    assert [row["image"] for row in rows(tmp_path / "new/out/masks/index.csv")] == [f"{tmp_path}/data/a.jpg"]
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["out"]
    assert [p.name for p in (tmp_path / "new/out/masks/masks").iterdir()] == ["a.png"]


def test_one_file_with_a_one_hot_archive(tmp_path):
    data_set(tmp_path / "data", others=())
    report = convert_file(tmp_path / "data/train/via.json", tmp_path / "out", onehot=tmp_path / "deep/masks.npz")
    assert report.images == 6
    with np.load(tmp_path / "deep/masks.npz", allow_pickle=False) as archive:
        assert archive.files == [f"train-{n}.jpg" for n in range(6)]
        mask = archive["train-0.jpg"]
    assert mask.shape == (20, 30, 3)
    assert np.array_equal(mask.argmax(axis=2), read_mask(tmp_path / "out/masks/masks/train-0.png"))


def test_old_output_is_replaced_but_nothing_else(tmp_path):
    root, out = data_set(tmp_path / "data"), tmp_path / "out"
    convert_annotations(params(root), out)
    (out / "train/masks/stale.png").write_bytes(b"")
    convert_annotations(params(root), out)
    assert not (out / "train/masks/stale.png").exists()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(MaskwrightError, match=r"holds 'notes\.txt', which may not be"):
        convert_annotations(params(root), out)
    assert (out / "notes.txt").read_text() == "mine"
    (out / "notes.txt").rename(out / "test/notes.txt")
    with pytest.raises(MaskwrightError, match=r"holds 'test/notes\.txt', which may not be"):
        convert_annotations(params(root), out)
    (out / "test/notes.txt").unlink()
    # One file's masks take the place of three files', and the other way round.
    convert_file(root / "train/via.json", out)
    assert {p.name for p in out.iterdir()} == {"report.json", "masks"}
    convert_annotations(params(root), out)
    # Without its marks it is no longer known.
    (out / "validation/index.csv").unlink()
    with pytest.raises(MaskwrightError, match=r"holds 'report\.json', which may not be"):
        convert_annotations(params(root), out)


def test_photographs_are_never_replaced(tmp_path):
    root = data_set(tmp_path / "data")
    for out in (root, root / "train", tmp_path):
        with pytest.raises(MaskwrightError, match=r"holds .*via\.json, and would be replaced; name a new folder"):
            convert_annotations(params(root), out)
    # Another set of photographs, whose folders are called as ours are.
    other = data_set(tmp_path / "other")
    with pytest.raises(MaskwrightError, match="other: holds 'test', which may not be this command's"):
        convert_annotations(params(root), other)
    (other / "report.json").write_text("{}")
    with pytest.raises(MaskwrightError, match=r"other: holds 'report\.json', which may not be this command's"):
        convert_annotations(params(root), other)
    with pytest.raises(MaskwrightError, match="a file, not a folder"):
        convert_annotations(params(root), root / "train/train-0.jpg")
    assert (root / "train/train-0.jpg").is_file()
    assert (other / "train/train-0.jpg").is_file()
    (tmp_path / "empty").mkdir()
    convert_annotations(params(root), tmp_path / "empty")
    assert (tmp_path / "empty/train/index.csv").is_file()


def test_all_files_that_cannot_be_read_are_named(tmp_path):
    root = data_set(tmp_path / "data")
    (root / "train/via.json").write_text("{")
    (root / "test/via.json").unlink()
    with pytest.raises(MaskwrightError, match=r"train/via\.json.*; .*test/via\.json: no such file"):
        convert_annotations(params(root), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_no_region_in_the_training_file(tmp_path):
    root = data_set(tmp_path / "data")
    annotate(root / "train/via.json", {"train-0.jpg": [], "train-1.jpg": []})
    with pytest.raises(MaskwrightError, match=r"train/via\.json: no image has a region"):
        convert_annotations(params(root), tmp_path / "out")
    annotate(root / "train/via.json", {"train-0.jpg": [rect("cat", 5, 5, 0, 0)], "train-1.jpg": []})
    with pytest.raises(MaskwrightError, match="not even its only region can be used as one of cat, dog"):
        convert_annotations(params(root, classes=["cat", "dog"], on_error="skip"), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_split_without_a_usable_image(tmp_path):
    root = data_set(tmp_path / "data")
    for number in range(2):
        (root / f"test/test-{number}.jpg").write_bytes(b"not an image")
    with pytest.raises(MaskwrightError, match=r"test/via\.json: none of its 2 images can be used"):
        convert_annotations(params(root, on_error="skip"), tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_one_pixel_and_a_very_wide_image(tmp_path):
    photo(tmp_path / "data/one.png", (1, 1))
    photo(tmp_path / "data/wide.png", (3, 20_000))
    images = {"one.png": [rect("cat", 0, 0, 1, 1)], "wide.png": [rect("dog", 19_990, 1, 50, 1)]}
    convert_file(annotate(tmp_path / "data/via.json", images), tmp_path / "out")
    assert read_mask(tmp_path / "out/masks/masks/one.png").tolist() == [[1]]
    wide = read_mask(tmp_path / "out/masks/masks/wide.png")
    assert wide.shape == (3, 20_000)
    assert np.flatnonzero(wide).tolist() == list(range(20_000 + 19_990, 40_000))
    assert set(np.unique(wide)) == {0, 2}


def test_relative_root_and_output(tmp_path, monkeypatch):
    data_set(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    convert_annotations(params("data"), Path("made/masks"))
    assert rows(tmp_path / "made/masks/test/index.csv")[0]["image"] == "../../../data/test/test-0.jpg"
    (example, _) = read_split(Path("made/masks/test"))
    assert example == Example(Path("data/test/test-0.jpg"), Path("made/masks/test/masks/test-0.png"))
    assert example.image.is_file()
    assert example.mask.is_file()
    coco = json.loads(Path("made/masks/test/boxes.coco.json").read_text())
    assert [image["file_name"] for image in coco["images"]] == ["test/test-0.jpg", "test/test-1.jpg"]
    # Nothing in the output tells where it was made.
    assert not any(str(tmp_path).encode() in content for content in contents(tmp_path / "made").values())


def test_relative_root_and_an_output_behind_a_link(tmp_path, monkeypatch):
    data_set(tmp_path / "data")
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    (tmp_path / "made").symlink_to(tmp_path / "elsewhere/deep")
    monkeypatch.chdir(tmp_path)
    convert_annotations(params("data"), Path("made/masks"))
    assert rows(tmp_path / "made/masks/test/index.csv")[0]["image"] == "../../../data/test/test-0.jpg"
    assert read_split(Path("made/masks/test"))[0].image.is_file()


def test_predicted_masks_come_back_from_a_project_file(tmp_path):
    """Mask -> polygons -> VIA project -> masks: what a corrected prediction goes through."""
    classes = ["background", "cat", "dog"]
    rows_, columns = np.mgrid[:120, :160]
    mask = np.zeros((120, 160), np.uint8)
    mask[np.hypot(rows_ - 60, columns - 70) < 45] = 1
    mask[np.hypot(rows_ - 60, columns - 70) < 25] = 0
    mask[np.hypot(rows_ - 60, columns - 70) < 12] = 2
    mask[columns - rows_ // 3 > 120] = 2
    photo(tmp_path / "data/a.jpg", mask.shape)
    regions = tuple(mask_to_regions(mask, classes))
    size = (tmp_path / "data/a.jpg").stat().st_size
    file = tmp_path / "data/corrected.json"
    write_via_project(file, [ImageEntry("", "a.jpg", size, regions)], classes=classes[1:], name="x")
    report = convert_file(file, tmp_path / "out", classes=classes[1:])
    assert report.problems == []
    again = read_mask(tmp_path / "out/masks/masks/a.png")
    for index in range(3):
        ours, theirs = mask == index, again == index
        assert (ours & theirs).sum() / (ours | theirs).sum() >= 0.95


def test_options_of_the_file_keep_the_numbers_of_classes(tmp_path):
    photo(tmp_path / "a.png", (4, 4))
    region = Region(0, "rect", {"x": 0, "y": 0, "width": 4, "height": 2}, {"class": "owl"})
    entry = ImageEntry("", "a.png", -1, (region,))
    write_via_project(tmp_path / "via.json", [entry], classes=("zebra", "owl", "cat"), name="test")
    report = convert_file(tmp_path / "via.json", tmp_path / "masks")
    # Not ["owl"], which would be index 1: the options come in the order of the classes that the file was made with.
    assert report.classes == ("zebra", "owl", "cat")
    expected = np.repeat([[2], [2], [0], [0]], 4, axis=1)
    np.testing.assert_array_equal(read_mask(tmp_path / "masks/masks/masks/a.png"), expected)


def test_workers_import_nothing_heavy():
    heavy = {"tensorflow", "mlflow", "dvc", "pandas", "matplotlib", "skimage", "scipy", "pydantic", "typer"}
    code = "import sys, maskwright.via.convert; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not heavy & set(loaded)


def test_photographs_above_the_limit_are_refused_with_the_cure(tmp_path):
    data_set(tmp_path / "data")
    photo(tmp_path / "data/train/train-3.jpg", (1000, 1100))
    with pytest.raises(MaskwrightError) as caught:
        convert_annotations(params(tmp_path / "data", megapixels=1.0), tmp_path / "out", workers=1)
    message = "train-3.jpg: 1100 x 1000 pixels are too large (over 1 megapixels); scale it down, or set "
    assert message + "annotations.megapixels: 2 in params.yaml" in str(caught.value)
    reports = convert_annotations(params(tmp_path / "data", megapixels=2.0), tmp_path / "out", workers=1)
    assert reports["train"].images_unusable == 0


def test_scaled_values_are_a_warning_that_loses_nothing(tmp_path):
    path = annotate(tmp_path / "via.json", {"a.png": [rect("cat", 0, 0, 10, 5)]})
    Image.fromarray(np.arange(3000, dtype=np.uint16).reshape(50, 60)).save(tmp_path / "a.png")
    report = convert_file(path, tmp_path / "out", workers=1)
    assert report.lossless
    (problem,) = report.problems
    assert (problem.severity, problem.code) == ("warning", "scaled-values")
    assert problem.message == "values from 0 to 2,999, scaled to 8 bits: 0 is black, 4,095 white"
