"""Photographs in folds: each is tested once, groups stay together, and each class is spread evenly."""

import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_annotations
from maskwright.via.folds import assign_folds, fold_names
from maskwright.via.params import Annotations
from support.via_files import annotations, image, photo, rect


def listed(out, split):
    contents = json.loads((out / split / "boxes.coco.json").read_text())
    return {item["file_name"] for item in contents["images"]}


@pytest.fixture
def root(tmp_path):
    """Twelve photographs: 0 to 8 with cats, 9 to 11 with dogs; patients 0 to 5 have two each."""
    for number in range(12):
        photo(tmp_path / f"{number}.jpg")
    annotations(
        tmp_path / "v.json",
        *(image(f"{n}.jpg", rect(name="cat" if n < 9 else "dog"), patient=f"p{n // 2}") for n in range(12)),
    )
    return tmp_path


def splits(root, **changes):
    """Return the photographs of each split."""
    out = root / "out"
    convert_annotations(Annotations(root=str(root), train="v.json", **changes), out)
    return {split: listed(out, split) for split in ("train", "validation", "test")}


def test_each_photograph_is_tested_once_and_validated_in_the_fold_before(root):
    found = [splits(root, folds=3, fold=fold) for fold in range(3)]
    everything = {f"{n}.jpg" for n in range(12)}
    assert set.union(*(each["test"] for each in found)) == everything
    for fold, each in enumerate(found):
        # 12 photographs in 3 folds are 4 each; of 9 cats, 3 are in each fold, and of 3 dogs, 1.
        assert {split: len(names) for split, names in each.items()} == {"train": 4, "validation": 4, "test": 4}
        assert len(each["test"] & {"9.jpg", "10.jpg", "11.jpg"}) == 1
        assert set.union(*each.values()) == everything
        assert each["validation"] == found[(fold + 1) % 3]["test"]
    assert splits(root, folds=3, fold=1) == found[1]
    assert splits(root, folds=3, fold=1, seed=1) != found[1]


def test_groups_stay_together(root):
    for fold in range(3):
        for names in splits(root, folds=3, fold=fold, group="patient").values():
            assert set(Counter(int(name.removesuffix(".jpg")) // 2 for name in names).values()) == {2}


def test_a_validation_file_stays_the_validation(root):
    photo(root / "other.jpg")
    annotations(root / "w.json", image("other.jpg", rect(name="cat")))
    found = splits(root, folds=2, fold=1, validation="w.json")
    assert found["validation"] == {"other.jpg"}
    assert {split: len(found[split]) for split in ("train", "test")} == {"train": 6, "test": 6}


def test_by_hand():
    """The example of `assign_folds`."""
    found = assign_folds({"a": {1}, "b": {1}, "c": {2}, "d": set()}, {}, folds=2, seed=0)
    assert (found["c"], found["d"]) == (0, 1)
    assert sorted([found["a"], found["b"]]) == [0, 1]


@given(
    st.lists(st.frozensets(st.integers(1, 3), max_size=2), min_size=3, max_size=30),
    st.integers(1, 4),
    st.integers(2, 5),
    st.integers(0, 3),
)
@settings(max_examples=100, deadline=None)
def test_no_fold_is_empty_or_without_an_object(classes, size, folds, seed):
    names = {f"{n}.jpg": each for n, each in enumerate(classes)}
    groups = {f"{n}.jpg": f"g{n // size}" for n in range(len(classes))} if size > 1 else {}
    labelled = {groups.get(name, name) for name, each in names.items() if each}
    if len(labelled) < folds:
        with pytest.raises(MaskwrightError, match=r"annotations\.folds: "):
            assign_folds(names, groups, folds=folds, seed=seed)
        return
    found = assign_folds(names, groups, folds=folds, seed=seed)
    assert found.keys() == names.keys()
    for fold in range(folds):
        assert any(names[name] for name, of in found.items() if of == fold)
    for group in set(groups.values()):
        assert len({found[name] for name, of in groups.items() if of == group}) == 1


def test_classes_are_spread_evenly_over_single_photographs():
    """30 photographs with class 1, 10 of them with class 2 too: 6 and 2 in each of 5 folds."""
    names = {f"{n}.jpg": {1, 2} if n < 10 else {1} for n in range(30)}
    for seed in range(5):
        found = assign_folds(names, {}, folds=5, seed=seed)
        for fold in range(5):
            inside = [name for name, of in found.items() if of == fold]
            assert (len(inside), sum(2 in names[name] for name in inside)) == (6, 2)


def test_the_last_fold_is_followed_by_the_first():
    names = {f"{n}.jpg": {1} for n in range(4)}
    last, first = (fold_names(names, {}, folds=4, fold=fold, seed=0, validation=True) for fold in (3, 0))
    assert last["validation"] == first["test"]
    assert len(last["train"]) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": 13}, "annotations.folds: 12 images cannot be divided into 13 folds; lower it"),
        ({"folds": 7, "group": "patient"}, "annotations.folds: 6 groups of images cannot be divided into 7 folds"),
        (
            {"folds": 4, "rename": {"cat": None}},
            "annotations.folds: only 3 images of 12 have an object, so one of 4 folds would have none; lower it",
        ),
    ],
)
def test_too_few_photographs(root, changes, message):
    with pytest.raises(MaskwrightError) as error:
        splits(root, **changes)
    assert str(error.value).startswith(message)
    assert not (root / "out").exists()


def test_a_class_with_one_object_is_a_warning(root):
    annotations(root / "v.json", *(image(f"{n}.jpg", rect(name="dog" if n == 5 else "cat")) for n in range(12)))
    reports = convert_annotations(Annotations(root=str(root), train="v.json", folds=3), root / "out")
    (problem,) = [p for report in reports.values() for p in report.problems if p.code == "rare-class"]
    assert problem.severity == "warning"
    assert problem.message == ("the class 'dog' is in 1 image: where it is tested, the training may have none")
    annotations(root / "v.json", *(image(f"{n}.jpg", rect(name="dog" if n < 3 else "cat")) for n in range(12)))
    reports = convert_annotations(Annotations(root=str(root), train="v.json", folds=3), root / "out")
    assert not [p for report in reports.values() for p in report.problems if p.code == "rare-class"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": 1}, "fold is 1, and folds is null"),
        ({"folds": 5, "test": "t.json"}, "each photograph is tested in turn, but test names a file"),
        ({"folds": 2}, "folds is 2; with validation: null it must be at least 3"),
        ({"folds": 4, "fold": 4}, "fold is 4, and the 4 folds are 0 to 3"),
    ],
)
def test_settings_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=message):
        Annotations(root="x", train="v.json", **changes)
