"""Finding an annotation's image: inside its folder only, and with advice where it is not there."""

import os
import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from maskwright.via.labels import LabelRule
from maskwright.via.lint import check_image
from maskwright.via.model import CheckedImage, ImageEntry, Region

RULE = LabelRule(None, ("object",))
REGION = Region(0, "rect", {"x": 1, "y": 1, "width": 3, "height": 3})


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "photos"
    (folder / "inner").mkdir(parents=True)
    for path in (folder / "a.png", folder / "inner" / "b.png", tmp_path / "secret.png"):
        Image.new("RGB", (8, 6)).save(path)
    return folder


def check(
    folder: Path,
    filename: str,
    *,
    regions: tuple[Region, ...] = (REGION,),
    size: int = -1,
    drawn_on: tuple[int, int] | None = None,
) -> CheckedImage:
    entry = ImageEntry(f"{filename}{size}", filename, size, regions, drawn_on=drawn_on)
    return check_image(entry, file=folder / "via.json", folder=folder, rule=RULE)


@pytest.mark.parametrize(
    ("filename", "path"),
    [
        ("a.png", "a.png"),
        ("./a.png", "a.png"),
        ("inner/b.png", "inner/b.png"),
        ("inner\\b.png", "inner/b.png"),
        ("inner/../a.png", "a.png"),
        (" a.png ", "a.png"),
    ],
)
def test_found_inside_the_folder(folder, filename, path):
    checked = check(folder, filename)
    assert checked.usable
    assert checked.problems == ()
    assert checked.path.samefile(folder / path)
    assert checked.entry_name == filename
    assert (checked.height, checked.width) == (6, 8)


def test_accents_stored_apart_from_their_letters(folder):
    name = "caf\u00e9.png"
    (folder / "a.png").rename(folder / unicodedata.normalize("NFD", name))
    assert check(folder, name).usable


@pytest.mark.parametrize(
    "filename",
    [
        "../secret.png",
        "inner/../../secret.png",
        "..\\secret.png",
        "/etc/passwd",
        "C:\\photos\\secret.png",
        "\\\\server\\secret.png",
        "https://example.org/secret.png",
        "file:///etc/passwd",
        "link.png",
        "linked/secret.png",
    ],
)
def test_never_outside_the_folder(folder, filename):
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    (folder / "linked").symlink_to(folder.parent)
    checked = check(folder, filename)
    assert not checked.usable
    assert [(problem.severity, problem.code) for problem in checked.problems] == [("refused", "outside-folder")]
    assert "copy the image beside the annotation file" in checked.problems[0].advice
    assert "its region is lost" in checked.problems[0].message


def test_absolute_path_whose_image_is_here(folder):
    checked = check(folder, "C:\\Users\\x\\a.png")
    assert checked.problems[0].advice == "give only the file name, 'a.png': it is beside the annotation file"


def test_folder_that_is_a_link_itself(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert check(tmp_path / "link", "a.png").usable


@pytest.mark.parametrize(
    ("filename", "advice"),
    [
        ("A.PNG", "the folder has 'a.png', in other letter case; make the names equal"),
        ("a.jpg", "the folder has 'a.png'; make the names equal"),
        ("b.png", "it is in 'inner': put `images: inner` under annotations in params.yaml, or give --images"),
        ("images/a.png", "it is there without its folder, as 'a.png'; give only that name"),
        ("gone.png", "add the image, or delete its entry from the annotation file"),
    ],
)
def test_missing_image_comes_with_the_likely_reason(folder, filename, advice):
    checked = check(folder, filename)
    problem = checked.problems[0]
    assert (problem.severity, problem.code, problem.advice) == ("refused", "missing-image", advice)
    assert (checked.regions, checked.region_count, checked.height, checked.width) == ((), 1, 0, 0)


def test_missing_image_without_regions_loses_nothing(folder):
    problem = check(folder, "gone.png", regions=()).problems[0]
    assert (problem.severity, problem.message) == ("warning", "no such file; it has no regions")


@pytest.mark.parametrize(
    ("filename", "code"),
    [
        ("", "no-file-name"),
        ("  ", "no-file-name"),
        ("data:image/png;base64," + "A" * 9999, "embedded-image"),
        ("a\0.png", "bad-file-name"),
        ("\ud800.png", "bad-file-name"),
        ("x" * 5000, "bad-file-name"),
        ("loop", "bad-file-name"),
        ("inner", "not-a-file"),
        ("pipe", "not-a-file"),
        ("empty.png", "bad-image"),
        ("text.png", "bad-image"),
        ("cut.png", "bad-image"),
    ],
)
def test_unusable_names_and_files(folder, filename, code):
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("not an image")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:-30])
    checked = check(folder, filename)
    assert not checked.usable
    assert [(problem.severity, problem.code) for problem in checked.problems] == [("refused", code)]
    assert len(checked.problems[0].image or "") <= 200
    assert str(folder) not in checked.problems[0].message


def test_changed_size_in_bytes_is_a_warning(folder):
    size = (folder / "a.png").stat().st_size
    assert check(folder, "a.png", size=size).problems == ()
    assert check(folder, "a.png", size=0).problems == ()
    checked = check(folder, "a.png", size=size + 1)
    assert [(problem.severity, problem.code) for problem in checked.problems] == [("warning", "size-changed")]
    assert checked.usable


def test_image_without_regions_is_background_with_a_warning(folder):
    checked = check(folder, "a.png", regions=())
    assert [(problem.severity, problem.code) for problem in checked.problems] == [("warning", "no-regions")]
    assert checked.usable


def test_size_is_that_of_the_image_as_shown(folder):
    # EXIF orientation 6: shown turned by 90 degrees, so 8 x 6 becomes 6 wide and 8 high.
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6)).save(folder / "turned.jpg", exif=exif)
    checked = check(folder, "turned.jpg")
    assert (checked.height, checked.width) == (8, 6)


def test_image_of_the_annotated_size_and_of_none_given(folder):
    assert check(folder, "a.png", drawn_on=(6, 8)).problems == ()
    assert check(folder, "a.png", drawn_on=None).problems == ()


def test_outlines_of_a_resized_image_are_scaled_with_a_warning(folder):
    # Annotated at 16 x 12, and 8 x 6 now: everything is half as large.
    checked = check(folder, "a.png", drawn_on=(12, 16))
    assert [(problem.severity, problem.code) for problem in checked.problems] == [("warning", "image-resized")]
    assert "16 x 12 pixels, and 8 x 6 now: taken as resized, and the outlines are scaled by 0.5" in (
        checked.problems[0].message
    )
    assert checked.regions[0].geometry == {"x": 0.5, "y": 0.5, "width": 1.5, "height": 1.5}


def test_what_lies_outside_the_annotated_image_lies_outside_the_resized_one(folder):
    # Beyond a width of 16.
    region = Region(0, "rect", {"x": 17, "y": 1, "width": 3, "height": 3})
    checked = check(folder, "a.png", drawn_on=(12, 16), regions=(region,))
    assert [problem.code for problem in checked.problems] == ["image-resized", "outside-image"]


@pytest.mark.parametrize(
    ("drawn_on", "advice"),
    [
        ((8, 6), "annotate it as it is shown"),
        ((16, 12), "annotate it as it is shown"),
        ((12, 12), "use the photograph that was annotated"),
        ((0, 0), "keep the entry"),  # two entries of one image give different sizes
    ],
)
def test_image_that_is_not_the_annotated_one_is_refused(folder, drawn_on, advice):
    checked = check(folder, "a.png", drawn_on=drawn_on)
    assert not checked.usable
    assert [(problem.severity, problem.code) for problem in checked.problems] == [("refused", "image-size")]
    assert advice in checked.problems[0].advice
    # Background is background at any size.
    checked = check(folder, "a.png", drawn_on=drawn_on, regions=())
    assert checked.usable
    assert [problem.severity for problem in checked.problems] == ["warning", "warning"]


def test_video_of_a_project_loses_nothing_that_could_be_used(folder):
    (folder / "c.mp4").write_bytes(b"not an image")
    for name in ("c.mp4", "gone.mp4"):
        checked = check(folder, name, regions=(Region(0, "segment", {}),))
        assert not checked.usable
        (problem,) = checked.problems
        assert problem.severity == "warning"
        assert "segments in time or parts of a video, which are not used" in problem.message
