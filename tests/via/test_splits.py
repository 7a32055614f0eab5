"""Several files in a split, groups that stay together, and labelled photographs that fall into other splits."""

import json
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.photos.images import read_mask
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_annotations
from maskwright.via.groups import groups_of
from maskwright.via.params import Annotations
from maskwright.via.read import open_annotations
from maskwright.via.splits import split_names
from support.via_files import annotations, image, photo, rect


def listed(out, split):
    contents = json.loads((out / split / "boxes.coco.json").read_text())
    return [item["file_name"] for item in contents["images"]]


def codes(report):
    return [problem.code for problem in report.problems]


@pytest.fixture
def root(tmp_path):
    """Ten photographs: 0 to 4 in one.json with cats, 5 to 9 in two.json with dogs."""
    for number in range(10):
        photo(tmp_path / f"{number}.jpg")
    annotations(tmp_path / "one.json", *(image(f"{n}.jpg", rect(name="cat"), patient=f"p{n // 2}") for n in range(5)))
    annotations(
        tmp_path / "two.json", *(image(f"{n}.jpg", rect(name="dog"), patient=f"p{n // 2}") for n in range(5, 10))
    )
    return tmp_path


def test_training_files_have_their_classes_together(root, tmp_path):
    chosen = Annotations(root=str(root), train=["one.json", "two.json"])
    reports = convert_annotations(chosen, tmp_path / "out")
    assert {split: report.images for split, report in reports.items()} == {"train": 6, "validation": 2, "test": 2}
    found = sorted(name for split in reports for name in listed(tmp_path / "out", split))
    assert found == [f"{n}.jpg" for n in range(10)]
    assert json.loads((tmp_path / "out/train/classes.json").read_text()) == ["background", "cat", "dog"]
    assert sum(codes(report).count("unused-class") for report in reports.values()) == 0
    assert reports["train"].file == f"{root}/one.json, {root}/two.json"
    # The same images are in the same splits when they stand in one file.
    together = [
        *json.loads((root / "one.json").read_text()).values(),
        *json.loads((root / "two.json").read_text()).values(),
    ]
    annotations(root / "all.json", *together)
    convert_annotations(Annotations(root=str(root), train="all.json"), tmp_path / "out2")
    for split in reports:
        assert sorted(listed(tmp_path / "out", split)) == sorted(listed(tmp_path / "out2", split))


def test_lists_for_validation_and_test(root, tmp_path):
    annotations(root / "three.json", image("4.jpg", rect(name="cat")))
    chosen = Annotations(
        root=str(root), train=["one.json", "two.json"], validation=["three.json"], test=["one.json", "two.json"]
    )
    reports = convert_annotations(chosen, tmp_path / "out")
    assert {split: report.images for split, report in reports.items()} == {"train": 10, "validation": 1, "test": 10}
    # That a class is unused is said where no file of the split has it.
    assert [codes(reports[split]).count("unused-class") for split in ("train", "validation", "test")] == [0, 1, 0]
    assert codes(reports["test"]).count("in-two-splits") == 10


def test_files_with_different_attributes_and_without(root, tmp_path):
    annotations(root / "two.json", *(image(f"{n}.jpg", rect(**{"Class Name": "cat"})) for n in range(5, 8)))
    annotations(root / "three.json", *(image(f"{n}.jpg", rect()) for n in range(8, 10)))
    files = ["one.json", "two.json", "three.json"]
    with pytest.raises(MaskwrightError, match=r"one\.json, .*three\.json: the class could be in any of several"):
        convert_annotations(Annotations(root=str(root), train=files), tmp_path / "out")
    reports = convert_annotations(Annotations(root=str(root), train=files, label="name"), tmp_path / "out")
    assert sum((report.per_class for report in reports.values()), Counter()) == {"cat": 10}


def test_one_photograph_in_two_files_of_a_split_is_one_image(root, tmp_path):
    """With the regions of both, each read by its own attribute."""
    annotations(root / "sub/more.json", image("../0.jpg", rect(0, name="cat"), rect(20, name="cat")))
    annotations(
        root / "two.json", image("0.jpg", rect(9, Name="dog"), rect(0, Name="cat")), image("5.jpg", rect(Name="dog"))
    )
    chosen = Annotations(
        root=str(root), train=["one.json", "two.json", "sub/more.json"], validation="one.json", test="one.json"
    )
    report = convert_annotations(chosen, tmp_path / "out")["train"]
    assert sorted(listed(tmp_path / "out", "train")) == [*(f"{n}.jpg" for n in range(6))]
    mask = read_mask(tmp_path / "out/train/masks/0.png")
    assert mask[0, [0, 9, 20]].tolist() == [1, 2, 1]
    (problem,) = [p for p in report.problems if p.code == "repeated-image"]
    assert problem.image == "0.jpg"
    assert problem.message == (
        f"listed in {root}/one.json and {root}/two.json and {root}/sub/more.json, with different regions "
        "(1 and 2 and 2); the 3 that differ are used together, numbered from 0 to 2"
    )


def test_files_of_one_list_that_cannot_be_read_are_all_named(root, tmp_path):
    chosen = Annotations(root=str(root), train=["one.json", "gone.json", "lost.json"])
    with pytest.raises(MaskwrightError, match=r"gone\.json: no such file; .*lost\.json: no such file"):
        convert_annotations(chosen, tmp_path / "out")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "an empty list; name a file in it"),
        (["a.json", "b.json", "a.json"], "names a.json more than once"),
        ([3], "name a file, or a list of files"),
        ({"a": "b"}, "name a file, or a list of files"),
    ],
)
def test_lists_that_make_no_sense(files, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Annotations(root="x", train=files)


@pytest.mark.parametrize("group", ["patient", " Patient ", r"^(\d)", r"p\d+"])
def test_what_a_group_is(tmp_path, group):
    names = ["3_a.jpg", "3_b.jpg", "4_a.jpg"]
    path = annotations(tmp_path / "v.json", *(image(n, patient=f"p{n[0]}") for n in names))
    if group == r"p\d+":
        path = annotations(tmp_path / "v.json", *(image(f"p{n}") for n in names))
    groups, problems = groups_of([open_annotations(path)], group)
    assert problems == []
    assert sorted(Counter(groups.values()).values()) == [1, 2]


def test_images_without_a_group_are_by_themselves(tmp_path):
    path = annotations(tmp_path / "v.json", image("a.jpg", patient="x"), image("b.jpg"), image("c.jpg", patient=" "))
    groups, (problem,) = groups_of([open_annotations(path)], "patient")
    assert groups == {"a.jpg": "x"}
    assert (problem.code, problem.message) == ("no-group", "2 images have no 'patient'; each is by itself")


@pytest.mark.parametrize(
    ("group", "message"),
    [
        ("patinet", "no image has the file attribute 'patinet', and no file name matches it as a pattern"),
        ("(", "no image has the file attribute '(', and it is no pattern: "),
    ],
)
def test_a_group_that_is_nothing(tmp_path, group, message):
    path = annotations(tmp_path / "v.json", image("a.jpg", patient="x"))
    with pytest.raises(MaskwrightError, match=re.escape(message)):
        groups_of([open_annotations(path)], group)


def test_a_group_stays_in_one_split(root, tmp_path):
    for seed in range(4):
        chosen = Annotations(root=str(root), train=["one.json", "two.json"], group="patient", seed=seed)
        out = tmp_path / f"out{seed}"
        convert_annotations(chosen, out)
        homes = {int(name[0]) // 2: split for split in ("train", "validation", "test") for name in listed(out, split)}
        for split in ("train", "validation", "test"):
            assert all(homes[int(name[0]) // 2] == split for name in listed(out, split))
        assert [len(listed(out, split)) for split in ("train", "validation", "test")] == [6, 2, 2]


def test_a_group_that_files_divide_is_a_warning(root, tmp_path):
    chosen = Annotations(
        root=str(root),
        train="one.json",
        validation="two.json",
        test="two.json",
        group="patient",
        classes=["cat", "dog"],
    )
    reports = convert_annotations(chosen, tmp_path / "out")
    # p2 is 4.jpg in one.json and 5.jpg in two.json; p3 and p4 are in both validation and test.
    found = {split: [p.message for p in reports[split].problems if p.code == "divided-group"] for split in reports}
    assert found == {
        "train": [],
        "validation": ["the group 'p2' is in the train split too"],
        "test": [
            "the group 'p2' is in the train split too",
            "the group 'p3' is in the validation split too",
            "the group 'p4' is in the validation split too",
        ],
    }


def test_too_few_groups(root, tmp_path):
    with pytest.raises(MaskwrightError, match="1 group of images cannot be divided into 3 splits"):
        convert_annotations(Annotations(root=str(root), train="one.json", group=r"\.jpg"), tmp_path / "out")


def test_shares_of_groups():
    """Ten images in groups of 4, 3, 2 and 1: a test share of 0.3 takes groups until it is as near to 3 as can be."""
    sizes = {"a": 4, "b": 3, "c": 2, "d": 1}
    groups = {f"{group}{n}": group for group, size in sizes.items() for n in range(size)}
    for seed in range(10):
        shares = split_names(groups, seed=seed, validation=None, test=0.3, groups=groups)
        parts = [{groups[name] for name in share} for share in shares.values()]
        assert not parts[0] & parts[1]
        assert parts[0]
        # No group fewer (unless it is the only one) would be nearer.
        taken = sorted(sizes[group] for group in parts[1])
        assert len(taken) == 1 or all(abs(sum(taken) - size - 3) >= abs(sum(taken) - 3) for size in taken[-1:])


groupings = st.dictionaries(st.text(min_size=1, max_size=4), st.sampled_from("abcdefg"), min_size=8, max_size=40)


@settings(deadline=None, max_examples=50)
@given(groupings, st.integers(0, 5), st.floats(0.01, 0.9), st.floats(0.01, 0.9))
def test_groups_are_never_divided(groups, seed, validation, test):
    if len(set(groups.values())) < 3:
        with pytest.raises(ValueError, match="cannot be divided"):
            split_names(groups, seed=seed, validation=validation, test=test, groups=groups)
        return
    shares = split_names(groups, seed=seed, validation=validation, test=test, groups=groups)
    assert sorted(name for share in shares.values() for name in share) == sorted(groups)
    homes = {}
    for split, share in shares.items():
        assert share
        for name in share:
            assert homes.setdefault(groups[name], split) == split


def labelled_in(root, where):
    """A file of 20 photographs, of which only those of one split, by seed 0, have a region."""
    names = [f"{n}.jpg" for n in range(20)]
    shares = split_names(names, seed=0, validation=0.2, test=0.2)
    for name in names:
        photo(root / name)
    annotations(root / "v.json", *(image(n, *([rect(name="cat")] if n in shares[where] else [])) for n in names))
    return Annotations(root=str(root), train="v.json")


def test_labelled_photographs_that_all_fell_into_another_split(tmp_path):
    expected = (
        "v.json: all 4 labelled photographs fell into the validation split, and none into training; label more "
        "photographs, give annotations.seed another number, or name files in annotations.validation"
    )
    with pytest.raises(MaskwrightError, match=re.escape(expected)):
        convert_annotations(labelled_in(tmp_path / "data", "validation"), tmp_path / "out")
    reports = convert_annotations(labelled_in(tmp_path / "data", "train"), tmp_path / "out")
    for split in ("validation", "test"):
        (problem,) = [p for p in reports[split].problems if p.code == "unlabelled-share"]
        assert problem.message == "all 12 labelled photographs fell into the train split, and none into this one"
        assert problem.advice.endswith(f"or name a file in annotations.{split}")
