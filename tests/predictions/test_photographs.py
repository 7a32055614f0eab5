"""The photographs of a prediction: which are found, what they are called, and what is refused."""

import os
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskwright.predictions.photographs import (
    find_photographs,
    overlay_size,
    passed_over,
    predicted_with_images,
    summary,
    via_entry,
)
from maskwright.shared.errors import MaskwrightError

ROOT = Path(__file__).parents[2]


def photo(path, height=20, width=30, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path, **options)
    return path


def find(*paths, out="out", via=None, **how):
    return find_photographs([Path(path) for path in paths], out=Path(out), via=via and Path(via), **how)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_stands_for_the_images_in_it_sorted_and_none_counts_twice(here):
    for name in ("b.JPG", "a.png", "inner/c.jpg"):
        photo(Path("photos") / name)
    for name in ("notes.txt", "via.json", "._a.png"):
        (here / "photos" / name).write_text("x")
    shutil.copy("photos/b.JPG", "last.jpg")
    found = find("last.jpg", "photos", "photos/../photos/a.png")
    assert [photograph.path.as_posix() for photograph in found] == ["last.jpg", "photos/a.png", "photos/b.JPG"]
    assert {(photograph.height, photograph.width) for photograph in found} == {(20, 30)}


def test_a_folder_without_images_is_refused(here):
    photo(Path("photos/inner/c.jpg"))
    with pytest.raises(MaskwrightError, match=r"^photos: no image in it .*; --recursive takes those in its folders$"):
        find("photos")
    with pytest.raises(MaskwrightError, match=r"^photos: no image in it \([^;]*\)$"):
        find("photos", out="photos/inner", recursive=True)


def test_folders_in_folders_are_taken_when_asked_for_and_named_otherwise(here):
    for name in ("a.jpg", "x/b.jfif", "x/deep/c.tif", "y/d.png", "z/only.webp", "out/a_overlay.jpg", ".old/e.jpg"):
        photo(Path("photos") / name, format="JPEG" if name.endswith("jfif") else None)
    for name in ("IMG_1.HEIC", "IMG_2.heic", "IMG_3.heic", "IMG_4.heic", "via.json", "x/f.avif", ".DS_Store"):
        (here / "photos" / name).write_text("x")
    (here / "photos/x/deep/circle").symlink_to("../..")
    out = Path("photos/out")
    files = "photos: passed over 5 files (IMG_1.HEIC, via.json, IMG_2.heic, IMG_3.heic, 1 more)"
    cure = "; export photographs of other kinds as JPEG"
    assert passed_over([Path("photos"), Path("photos/a.jpg")], out=out) == [
        f"{files} and 3 folders (x, y, z){cure}; --recursive takes the photographs in folders"
    ]
    assert [photograph.path.name for photograph in find("photos")] == ["a.jpg"]
    # With folders: an earlier prediction, hidden folders and what is there a second time are left out.
    assert passed_over([Path("photos")], out=out, recursive=True) == [
        files + cure,
        f"photos/x: passed over 1 file (f.avif){cure}",
    ]
    names = ["a.jpg", "x/b.jfif", "x/deep/c.tif", "y/d.png", "z/only.webp"]
    found = find("photos", recursive=True)
    assert [photograph.path.as_posix() for photograph in found] == [
        f"photos/{name}" for name in ("a.jpg", "out/a_overlay.jpg", *names[1:])
    ]
    shutil.rmtree("photos/out")
    found = find("photos", out=out, recursive=True)
    assert [photograph.path.as_posix() for photograph in found] == [f"photos/{name}" for name in names]
    assert passed_over([Path("photos/y")], out=out) == []


def test_an_earlier_prediction_among_the_photographs_is_replaced(here):
    photo(Path("photos/a.jpg"))
    photo(Path("photos/out/a_overlay.jpg"))
    (here / "photos/out/index.csv").write_text("image,overlay,height,width\na.jpg,a_overlay.jpg,20,30\n")
    assert [found.path.name for found in find("photos", out="photos/out", recursive=True)] == ["a.jpg"]


def test_names_in_folders_cannot_command_the_terminal(here):
    photo(Path("photos/a.jpg"))
    (here / "photos/\x1b[31m\n.heic").write_text("x")
    (line,) = passed_over([Path("photos")], out=Path("out"))
    assert "(\\x1b[31m\\n.heic)" in line
    assert line.isprintable()


def test_a_photograph_above_the_limit_is_refused_with_the_cure(here):
    photo(Path("a.png"), 1000, 1500)
    message = (
        r"^a\.png: 1500 x 1000 pixels are too large \(over 1 megapixels\); scale it down, or set "
        r"annotations\.megapixels: 2 in params\.yaml; nothing was written"
    )
    with pytest.raises(MaskwrightError, match=message):
        find("a.png", megapixels=1.0)
    assert len(find("a.png", megapixels=2.0)) == 1


def test_scaled_values_are_named(here):
    Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)).save("a.png")
    found = find("a.png", photo(Path("b.png")))
    assert summary(found, Path("out"), None).endswith(
        "; 1 had values from 0 to 4,095, scaled to 8 bits: 0 is black, 4,095 white"
    )


def test_equal_names_are_numbered_and_leave_other_names_alone(here):
    paths = [photo(Path(name)) for name in ("x/a.jpg", "y/a.jpg", "y/A.png", "y/a_2.jpg", "y/b.jpg")]
    found = find(*paths)
    # a_2 is the fourth image's own, so the second and third go on from 3.
    assert [photograph.name for photograph in found] == ["a", "a_3", "A_4", "a_2", "b"]
    assert summary(found, Path("out"), None) == (
        "5 images: masks and overlays in out (2 numbered, since another has the name: see index.csv)"
    )


def test_a_rotated_photograph_has_its_size_as_shown(here):
    exif = Image.Exif()
    exif[0x0112] = 6
    photo(Path("a.jpg"), 20, 30, exif=exif)
    (found,) = find("a.jpg")
    assert (found.height, found.width) == (30, 20)


def test_every_image_that_cannot_be_read_is_named(here):
    good = photo(here / "good.png", 64, 64)
    (here / "cut.png").write_bytes(good.read_bytes()[:-40])
    (here / "text.jpg").write_text("not an image")
    with pytest.raises(MaskwrightError) as caught:
        find("missing.jpg", "good.png", "cut.png", "text.jpg")
    first, *lines = str(caught.value).split("\n")
    assert first.startswith("3 of 4 images cannot be used")
    assert [line.split(":")[0] for line in lines] == ["  missing.jpg", "  cut.png", "  text.jpg"]
    with pytest.raises(MaskwrightError, match=r"^missing\.jpg: no such file; nothing was written") as caught:
        find("missing.jpg", "good.png")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_earlier_prediction_are_kept(here):
    photo(Path("a.jpg"))
    Path("out/.hidden").mkdir(parents=True)
    with pytest.raises(MaskwrightError, match=r"^out: holds '\.hidden', which is not an earlier prediction"):
        find("a.jpg")
    Path("file").write_text("")
    with pytest.raises(MaskwrightError, match=r"^file: a file, not a folder"):
        find("a.jpg", out="file")


@pytest.mark.parametrize("out", [".", "photos", "photos/.."])
def test_no_photograph_is_replaced(here, out):
    photo(Path("photos/a.jpg"))
    with pytest.raises(MaskwrightError, match=r"^photos/a\.jpg: lies in "):
        find("photos", out=out)


def test_a_corrected_project_is_not_overwritten(here):
    photo(Path("photos/a.jpg"))
    Path("photos/via.json").write_text("hours of work")
    with pytest.raises(MaskwrightError, match=r"^photos/via\.json: is there already, and may hold corrections"):
        find("photos", via="photos/via.json")
    with pytest.raises(MaskwrightError, match=r"^out/via\.json: lies in out, which is replaced"):
        find("photos", via="out/via.json")
    with pytest.raises(MaskwrightError, match=r"^nowhere: no such folder"):
        find("photos", via="nowhere/via.json")


def test_a_project_away_from_the_photographs_is_refused_and_the_advice_helps(here):
    photo(Path("more photos/x/a.jpg"))
    photo(Path("more photos/y/b.jpg"))
    Path("elsewhere").mkdir()
    with pytest.raises(MaskwrightError, match=r"^elsewhere/via\.json: more photos/x/a\.jpg does not lie") as caught:
        find("more photos/x", "more photos/y", via="elsewhere/via.json")
    assert str(caught.value).endswith("--via 'more photos/via.json'")
    found = find("more photos/x", "more photos/y", via="more photos/via.json")
    assert [photograph.listed for photograph in found] == ["x/a.jpg", "y/b.jpg"]


def test_photographs_behind_a_link(here):
    photo(Path("disk/a.jpg"))
    Path("photos").symlink_to("disk")
    assert [p.listed for p in find("photos", via="photos/via.json")] == ["a.jpg"]
    assert [p.listed for p in find("photos", via="disk/via.json")] == ["a.jpg"]
    assert [p.listed for p in find("disk", via="photos/via.json")] == ["a.jpg"]


def test_each_photograph_is_given_with_its_prediction_and_as_it_is_shown(here):
    sizes = [(20, 30), (1, 4096), (7, 5)]
    found = find(*(photo(Path(f"{index}.png"), *size) for index, size in enumerate(sizes)), via="via.json")

    def two_at_a_time(images):
        images = iter(images)
        while batch := list(islice(images, 2)):
            yield from (image.shape[:2] for image in batch)

    results = list(predicted_with_images(found, two_at_a_time))
    assert [photograph for photograph, _, _ in results] == found
    assert [shape for _, _, shape in results] == sizes
    assert [image.shape for _, image, _ in results] == [(20, 30, 3), (1, 2048, 3), (7, 5, 3)]
    assert overlay_size(results[1][1]) == (1, 2048)
    entry = via_entry(found[0], [])
    size = Path("0.png").stat().st_size
    assert (entry.key, entry.filename, entry.size, entry.regions) == (f"0.png{size}", "0.png", size, ())


def test_checking_imports_no_tensorflow(here):
    modules = "maskwright.predictions.photographs, maskwright.experiments.segmentation.predict"
    code = f"import sys, {modules}; print({{'tensorflow', 'keras'}} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "set()\n", done.stderr
