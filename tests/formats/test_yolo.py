import pytest
from PIL import Image

from maskwright.formats.convert import LossError, convert
from maskwright.shared.errors import MaskwrightError
from maskwright.via.read import entries, open_annotations

H, W = 20, 40


def yolo(folder, labels, *, images="images", texts="labels", names="names: [cat, dog]\n"):
    """A folder of YOLO: `labels` are the lines of each image's file; None: it has none."""
    (folder / images).mkdir(parents=True)
    (folder / texts).mkdir(parents=True, exist_ok=True)
    for name, lines in labels.items():
        Image.new("RGB", (W, H)).save(folder / images / f"{name}.jpg")
        if lines is not None:
            (folder / texts / f"{name}.txt").write_text(lines)
    if names:
        (folder / "data.yaml").write_text(names)
    return folder


def regions(path):
    return {
        entry.filename: [(r.shape, r.geometry, r.attributes.get("class")) for r in entry.regions]
        for entry in entries(open_annotations(path))
    }


def test_outlines_boxes_and_empty_images(tmp_path):
    lines = "1 0.1 0.2 0.5 0.2 0.3 0.8\n\n0 0.5 0.5 0.25 0.5\n"
    folder = yolo(tmp_path / "set", {"a": lines, "b": "", "c": None})
    report = convert(folder, folder / "via.json", "via", workers=1)
    assert report.variant == "YOLO"
    assert report.classes == ("cat", "dog")
    assert regions(folder / "via.json") == {
        "images/a.jpg": [
            # x of 40 and y of 20 pixels
            ("polygon", {"all_points_x": (4, 20, 12), "all_points_y": (4, 4, 16)}, "dog"),
            # a box of 10 x 10 around (20, 10)
            ("rect", {"x": 15, "y": 5, "width": 10, "height": 10}, "cat"),
        ],
        "images/b.jpg": [],
        "images/c.jpg": [],
    }


@pytest.mark.parametrize(
    ("images", "texts", "names"),
    [
        ("train/images", "train/labels", "names:\n  0: cat\n  1: dog\ntrain: /another/machine\n"),
        ("images/train", "labels/train", "names: {0: cat, 1: dog}\n"),
        ("photos", "photos", "nc: 2\nnames: [cat, dog]\n"),  # side by side
    ],
)
def test_layouts(tmp_path, images, texts, names):
    folder = yolo(tmp_path / "set", {"a": "1 0.5 0.5 0.5 0.5\n"}, images=images, texts=texts, names=names)
    convert(folder, folder / "via.json", "via", workers=1)
    assert regions(folder / "via.json") == {
        f"{images}/a.jpg": [("rect", {"x": 10, "y": 5, "width": 20, "height": 10}, "dog")]
    }


def test_names_beside_the_labels_or_given(tmp_path):
    line = {"a": "1 0.5 0.5 0.5 0.5\n"}
    listed = yolo(tmp_path / "listed", line, names=None)
    (listed / "classes.txt").write_text("cat\ndog\n")
    assert convert(listed, listed / "via.json", "via", workers=1).per_class == {"dog": 1}
    given = yolo(tmp_path / "given", line, names=None)
    report = convert(given, given / "via.json", "via", classes=["cow", "hen"], workers=1)
    assert report.classes == ("cow", "hen")
    assert report.per_class == {"hen": 1}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("5 0.1 0.2 0.5 0.2 0.3 0.8", "unknown-label"),
        ("-1 0.1 0.2 0.5 0.2 0.3 0.8", "unknown-label"),
        ("cat 0.1 0.2 0.5 0.2 0.3 0.8", "unreadable-region"),
        ("0.5 0.1 0.2 0.5 0.2 0.3 0.8", "unreadable-region"),
        ("0 0.1 0.2 0.5 0.2 0.3", "unreadable-region"),
        ("0 0.1 0.2 0.5 0.2 x 0.8", "unreadable-region"),
        ("0", "too-few-points"),
        ("0 0.1 0.2 0.5 0.2 nan 0.8", "bad-coordinates"),
        ("inf 0.1 0.2 0.5 0.2 0.3 0.8", "unreadable-region"),
        ("0 1.1 1.2 1.5 1.2 1.3 1.8", "outside-image"),
    ],
)
def test_wrong_lines_are_refused(tmp_path, line, code):
    folder = yolo(tmp_path / "set", {"a": f"1 0.5 0.5 0.5 0.5\n{line}\n"})
    with pytest.raises(LossError) as caught:
        convert(folder, tmp_path / "coco", "png", workers=1)
    refused = [(p.region, p.code) for p in caught.value.report.problems if p.severity == "refused"]
    assert refused == [(1, code)]


def test_labels_without_a_photograph(tmp_path):
    folder = yolo(tmp_path / "set", {"a": "0 0.5 0.5 0.5 0.5\n"})
    (folder / "labels/gone.txt").write_text("1 0.5 0.5 0.5 0.5\n1 0.2 0.2 0.1 0.1\n")
    with pytest.raises(LossError, match=r"gone\.jpg: no such file; its 2 regions are lost"):
        convert(folder, tmp_path / "masks", "png", workers=1)


def test_mistakes(tmp_path):
    line = {"a": "0 0.5 0.5 0.5 0.5\n"}
    for name, names, part in [
        ("none", None, "no names of classes; .* --classes"),
        ("gap", "names: {0: cat, 2: dog}\n", "numbered from 0"),
        ("text", "names: cat\n", "not a list of classes"),
    ]:
        folder = yolo(tmp_path / name, line, names=names)
        with pytest.raises(MaskwrightError, match=part):
            convert(folder, folder / "via.json", "via", workers=1)
