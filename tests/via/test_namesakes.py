"""Two photographs of one name: VIA tells them apart by their sizes in bytes."""

import csv
from itertools import permutations

import numpy as np
import pytest

from maskwright.photos.images import read_mask
from maskwright.via.convert import convert_file
from maskwright.via.lint import lint
from support.via_files import annotations, image, photo, rect


@pytest.fixture
def size(tmp_path):
    return photo(tmp_path / "img.jpg")


def refused(report):
    return [
        (problem.image, problem.code, problem.message) for problem in report.problems if problem.severity == "refused"
    ]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_entry_whose_size_fits_is_used_and_the_other_one_refused(tmp_path, size, order):
    listed = [image("img.jpg", rect(0, name="cat"), size=size), image("img.jpg", rect(9, name="dog"), size=987654)]
    path = annotations(tmp_path / "v.json", *(listed[n] for n in order))
    report = lint(path)
    ((name, code, message),) = refused(report)
    assert (name, code) == ("img.jpg", "other-photograph")
    assert message.startswith(
        f"this entry means a photograph of 987,654 bytes; the file of this name has {size:,} and"
    )
    assert (report.images, report.images_unusable, report.used, report.refused) == (2, 1, 1, 1)
    assert report.per_class == {"cat": 1}
    convert_file(path, tmp_path / "out", on_error="skip")
    with (tmp_path / "out/masks/index.csv").open() as file:
        assert [row["mask"] for row in csv.DictReader(file)] == ["masks/img.png"]
    mask = read_mask(tmp_path / "out/masks/masks/img.png")
    assert mask[:5, :5].min() == 1  # the cat, class 1
    assert mask.sum() == 25


def test_neither_size_fits(tmp_path, size):
    listed = [image("img.jpg", rect(n, name="cat"), size=size + n) for n in (1, 2)]
    report = lint(annotations(tmp_path / "v.json", *listed))
    assert [code for _, code, _ in refused(report)] == ["other-photograph"] * 2
    assert "another one of the list" not in refused(report)[0][2]


def test_without_regions_nothing_is_lost(tmp_path, size):
    listed = [image("img.jpg", rect(name="cat"), size=size), image("img.jpg", size=5)]
    report = lint(annotations(tmp_path / "v.json", *listed))
    assert report.lossless
    assert [p.code for p in report.problems] == ["other-photograph"]


def test_an_entry_without_a_size_among_several_photographs(tmp_path, size):
    listed = [image("img.jpg", rect(n, name="cat"), size=s) for n, s in ((1, size), (2, 77), (3, -1))]
    codes = {"other-photograph": 1, "which-photograph": 1}
    for order in permutations(listed):
        report = lint(annotations(tmp_path / "v.json", *order))
        found = [code for _, code, _ in refused(report)]
        assert {code: found.count(code) for code in set(found)} == codes
        assert report.used == 1


def test_entries_of_one_size_or_without_one_are_one_photograph(tmp_path, size):
    listed = [image("img.jpg", rect(1, name="cat")), image("img.jpg", rect(9, name="cat"), size=size)]
    report = lint(annotations(tmp_path / "v.json", *listed))
    assert (report.images, report.regions, report.lossless) == (1, 2, True)
    assert [p.code for p in report.problems] == ["repeated-image"]
    # The size is known from one of the two.
    listed[1]["size"] = size + 1
    report = lint(annotations(tmp_path / "v.json", *listed))
    assert [p.code for p in report.problems] == ["repeated-image", "size-changed"]


def test_both_photographs_are_there_in_different_folders(tmp_path, size):
    other = photo(tmp_path / "more/img.jpg", (40, 40))
    listed = [image("img.jpg", rect(0, name="cat"), size=size), image("img.jpg", rect(9, name="dog"), size=other)]
    path = annotations(tmp_path / "v.json", *listed)
    report = convert_file(path, tmp_path / "out", images=tmp_path / "more", onehot=tmp_path / "m.npz")
    assert report.lossless
    with (tmp_path / "out/masks/index.csv").open() as file:
        rows = [(row["mask"], row["width"]) for row in csv.DictReader(file)]
    assert rows == [("masks/img.png", "30"), ("masks/img.jpg.png", "40")]
    with np.load(tmp_path / "m.npz", allow_pickle=False) as archive:
        assert {name: archive[name].shape for name in archive.files} == {
            "img.jpg": (20, 30, 3),
            "more/img.jpg": (40, 40, 3),
        }
