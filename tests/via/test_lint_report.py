"""Whole files: images named twice, the counts, and the report as table and JSON."""

import io
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from PIL import Image
from rich.console import Console

from maskwright.photos.images import IGNORE
from maskwright.via.labels import find_label_rule
from maskwright.via.lint import check_image, lint, merged_entries, start_report
from maskwright.via.read import AnnotationError, entries, open_annotations
from maskwright.via.report import Report, add_image, compare_classes, print_report, report_as_json
from support.via_strategies import all_writers, damaged_files, image_entries


def rect(x, name="dog", *, width=2):
    shape = {"name": "rect", "x": x, "y": 1, "width": width, "height": 2}
    return {"shape_attributes": shape, "region_attributes": {"name": name}}


def write(folder: Path, images: list[tuple[str, list]]) -> Path:
    """A VIA 2 file, and an 8 x 6 image for each name but those that start with `no`."""
    members = []
    for number, (name, regions) in enumerate(images):
        if not name.startswith("no"):
            Image.new("RGB", (8, 6)).save(folder / name)
        members.append(f'"{number}": {json.dumps({"filename": name, "size": -1, "regions": regions})}')
    path = folder / "via.json"
    path.write_text("{" + ",".join(members) + "}")
    return path


def printed(report: Report, width: int = 100) -> str:
    out = io.StringIO()
    print_report(report, Console(file=out, width=width))
    return out.getvalue()


def test_clean_file(tmp_path):
    report = lint(write(tmp_path, [("a.png", [rect(1), rect(4, "cat")])]))
    assert report.lossless
    assert report.problems == []
    text = printed(report)
    assert "VIA 2 annotations JSON: 1 image, 2 regions (numbered from 0, as in the file), label 'name'" in text
    assert "Regions that become masks: cat 1, dog 1" in text
    assert "2 of 2 regions used. Nothing would be lost." in text


def test_overlapping_regions_of_different_classes_are_a_warning(tmp_path):
    report = lint(write(tmp_path, [("a.png", [rect(1), rect(2, "cat"), rect(3, "cat")])]))
    (problem,) = report.problems
    assert (problem.severity, problem.code, problem.image, problem.region) == ("warning", "overlap", "a.png", 1)
    assert problem.message.startswith("shares 2 pixels with region 0: they count as 'cat'")
    assert report.lossless


def test_counts_and_json(tmp_path):
    regions = [rect(1), rect(1), rect(5, ""), rect(3, "cat", width=0)]
    point = {"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {}}
    report = lint(write(tmp_path, [("a.png", [*regions, point]), ("b.png", []), ("no.png", [rect(1, "cat")])]))
    assert not report.lossless
    found = report_as_json(report)
    assert json.loads(json.dumps(found)) == found
    problems = found.pop("problems")
    assert found == {
        "file": str(tmp_path / "via.json"),
        "variant": "VIA 2 annotations JSON",
        "label": "name",
        "lossless": False,
        "images": {"listed": 3, "unusable": 1, "without_regions": 1},
        "regions": {"listed": 6, "used": 1, "used_with_warning": 1, "not_used": 1, "refused": 3},
        "classes": {"cat": 0, "dog": 1},
    }
    assert [(item["image"], item["region"], item["severity"], item["code"]) for item in problems] == [
        ("a.png", 1, "warning", "repeated-region"),
        ("a.png", 2, "refused", "no-label"),
        ("a.png", 3, "refused", "zero-size"),
        ("a.png", 4, "warning", "point"),
        ("b.png", None, "warning", "no-regions"),
        ("no.png", None, "refused", "missing-image"),
    ]
    assert problems[1]["file"] == str(tmp_path / "via.json")
    text = printed(report, width=150)
    assert "2 of 6 regions used, 1 of them with a warning, 1 not used, 3 refused, 1 image cannot be used." in text
    assert "What is refused would be lost." in text
    assert text.index("0 x 2 pixels") < text.index("exactly the same")  # what is refused comes first


def test_equal_mentions_of_an_image_are_used_once(tmp_path):
    path = write(tmp_path, [("a.png", [rect(1)]), ("b.png", [rect(1)]), ("a.png", [rect(1)])])
    report = lint(path)
    assert [(problem.image, problem.code) for problem in report.problems] == [("a.png", "repeated-image")]
    assert "listed 2 times, always with the same regions (1); used once" in report.problems[0].message
    assert (report.images, report.regions, report.lossless) == (2, 2, True)


def test_different_mentions_of_an_image_are_used_together(tmp_path):
    path = write(tmp_path, [("a.png", [rect(1), rect(1)]), ("./a.png", [rect(1), rect(4, "cat")])])
    file = open_annotations(path)
    (entry,) = merged_entries(file)
    # The first mention's own repetition stays, for the check of the image to name it.
    assert [(region.number, region.geometry["x"], region.attributes["name"]) for region in entry.regions] == [
        (0, 1, "dog"),
        (1, 1, "dog"),
        (2, 4, "cat"),
    ]
    report = lint(path)
    assert [problem.code for problem in report.problems] == ["repeated-image", "repeated-region"]
    assert (
        "listed 2 times, with different regions (2 and 2); the 3 that differ are used" in report.problems[0].message
    )
    assert report.lossless


def test_scattered_rows_of_a_csv_are_one_mention(tmp_path):
    for name in ("a.png", "b.png"):
        Image.new("RGB", (8, 6)).save(tmp_path / name)
    path = tmp_path / "via.csv"
    header = "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    rows = [
        f'{name},-1,"{{}}",2,{number},"{{""name"":""circle"",""cx"":{x},""cy"":3,""r"":2}}","{{""name"":""dog""}}"'
        for name, number, x in (("a.png", 0, 2), ("b.png", 0, 2), ("a.png", 1, 5))
    ]
    path.write_text("\n".join([header, *rows]))
    report = lint(path)
    assert report.problems == []
    assert (report.images, report.regions) == (2, 3)


def test_thousands_of_equal_findings_stay_readable(tmp_path):
    path = write(tmp_path, [("a.png", [rect(1), *[rect(1, width=0)] * 5000])])
    report = lint(path)
    text = printed(report, width=150)
    assert len(text.splitlines()) < 30
    assert "... and 4,995 more of this kind" in text
    assert "5,000 findings; --json FILE has them all." in text
    assert len(report_as_json(report)["problems"]) == 5000


def test_text_from_the_file_cannot_control_the_terminal(tmp_path):
    path = write(tmp_path, [("a.png", [rect(1, "\x1b[31mred"), rect(3, "[bold]"), rect(5, "\ud800")])])
    report = lint(path, classes=["dog", "[bold]"])
    text = printed(report)
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text
    assert "[bold] 1" in text
    assert "\\ud800" in text
    json.dumps(report_as_json(report), ensure_ascii=False).encode("utf-8")


def test_classes_that_training_lacks(tmp_path):
    (tmp_path / "train").mkdir()
    training = lint(write(tmp_path / "train", [("a.png", [rect(1)])]), classes=["dog", "cat"])
    other = lint(write(tmp_path, [("a.png", [rect(1), rect(3, "cat")])]), classes=["dog", "cat"])
    (problem,) = compare_classes(training, other)
    assert (problem.file, problem.code) == (other.file, "class-not-trained")
    assert problem.message == "1 region of the class 'cat' here, and none in the training file"
    assert compare_classes(other, training) == []


def test_processes_give_the_same_report(tmp_path):
    images = [(f"{number}.png", [rect(number % 5)]) for number in range(300)]
    path = write(tmp_path, images)
    assert lint(path, workers=1) == lint(path, workers=2)


def check_file(path: Path) -> None:
    """Every region is accounted for, with its images missing and with an image that is there."""
    try:
        report = lint(path, workers=1)
    except AnnotationError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    check_counts(report)
    file = open_annotations(path)
    rule = find_label_rule(file, label=None, classes=None)
    Image.new("RGB", (600, 400)).save(path.parent / "image.png")
    found = start_report(file, rule)
    for entry in merged_entries(file):
        entry = replace(entry, filename="image.png", size=-1)
        checked = check_image(entry, file=path, folder=path.parent, rule=rule)
        add_image(found, checked)
        silent = {r.number for r in entry.regions} - {p.region for p in checked.problems}
        assert silent <= {r.number for r in checked.regions if r.class_index != IGNORE}
        for region in checked.regions:
            assert 1 <= region.class_index <= len(rule.classes) or region.class_index == IGNORE
            assert region.shape in ("polygon", "rect", "circle", "ellipse")
            assert np.isfinite(np.hstack(list(region.geometry.values()))).all()
    check_counts(found)


def check_counts(report: Report) -> None:
    assert report.used + report.warned + report.unused + report.refused == report.regions
    assert report.lossless <= (report.refused == 0)
    assert sum(report.per_class.values()) <= report.used + report.warned
    json.dumps(report_as_json(report), ensure_ascii=False, allow_nan=False).encode("utf-8")
    printed(report).encode("utf-8")


@settings(max_examples=100, deadline=None)
@given(damaged_files())
def test_damaged_files_are_reported_and_raise_nothing_else(data):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "via.json"
        path.write_bytes(data)
        check_file(path)


@settings(max_examples=80, deadline=None)
@given(image_entries(), all_writers)
def test_every_region_of_a_sound_file_is_accounted_for(images, writer):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text(writer(images), encoding="utf-8")
        file = open_annotations(path)
        assert sum(len(entry.regions) for entry in entries(file)) == sum(len(entry.regions) for entry in images)
        check_file(path)
