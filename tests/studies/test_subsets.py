"""Nested subsets of the training photographs, and their folders."""

from itertools import pairwise

import numpy as np
import pytest

from maskwright.photos.images import read_mask
from maskwright.photos.splits import read_classes, read_split
from maskwright.shared.errors import MaskwrightError
from maskwright.studies.groups import group_of_each
from maskwright.studies.subsets import SHARES, nested_subsets, write_subset
from maskwright.via.convert import convert_annotations
from maskwright.via.params import Annotations
from support.via_files import annotations, image, photo, rect


def test_subsets_are_nested_and_differ_by_seed():
    groups = [str(n) for n in range(40)]
    found = nested_subsets(groups, [True] * 40, SHARES, seed=0)
    assert [len(subset) for subset in found] == [5, 10, 20, 40]
    for small, large in pairwise(found):
        assert set(small.tolist()) < set(large.tolist())
    again, other = (nested_subsets(groups, [True] * 40, SHARES, seed=seed)[0].tolist() for seed in (0, 1))
    assert found[0].tolist() == again != other


def test_each_subset_has_an_object():
    has_object = [n == 17 for n in range(40)]
    for seed in range(10):
        assert 17 in nested_subsets([str(n) for n in range(40)], has_object, SHARES, seed)[0]


def test_groups_are_taken_whole():
    """Ten groups of four: an eighth of 40 is 5, and one group is nearer to it than two; a quarter is 10: 8 or 12."""
    groups = [str(n // 4) for n in range(40)]
    found = nested_subsets(groups, [True] * 40, SHARES, seed=3)
    assert [len(subset) for subset in found] == [4, 8, 20, 40]
    for subset in found:
        assert set(np.bincount(subset // 4).tolist()) <= {0, 4}


@pytest.mark.parametrize(
    ("groups", "has_object", "message"),
    [
        (
            ["a", "b", "c"],
            [True] * 3,
            "3 photographs to train on are too few for a learning curve of 4 sizes",
        ),
        (["a"] * 20 + ["b"] * 20, [True] * 40, "2 groups of photographs to train on are too few"),
        (["a", "b"], [False] * 2, "no training photograph has an object; label some first"),
    ],
)
def test_too_few(groups, has_object, message):
    with pytest.raises(MaskwrightError, match=message):
        nested_subsets(groups, has_object, SHARES, seed=0)


@pytest.mark.parametrize("absolute", [False, True])
def test_the_folder_of_a_subset(tmp_path, monkeypatch, absolute):
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        photo(tmp_path / f"photos/{number}.jpg", shade=number)
    listed = [image(f"{n}.jpg", rect(n, name="cat"), rect(9, name="dog"), day=f"d{n // 2}") for n in range(6)]
    annotations(tmp_path / "photos/a.json", *listed[:4])
    annotations(tmp_path / "photos/b.json", *listed[4:])
    root = tmp_path / "photos" if absolute else "photos"
    chosen = Annotations(root=str(root), train="a.json", validation="b.json", test="b.json", group="day")
    data = tmp_path / "data"
    convert_annotations(chosen, data)
    write_subset(data, np.array([1, 3]), tmp_path / "checkpoints/deep/subset")
    before, after = read_split(data / "train"), read_split(tmp_path / "checkpoints/deep/subset/train")
    assert [example.image.name for example in after] == [before[1].image.name, before[3].image.name]
    for example, place in zip(after, (1, 3), strict=True):
        assert example.image.resolve() == before[place].image.resolve()
        assert example.image.is_file()
        assert read_mask(example.mask).tolist() == read_mask(before[place].mask).tolist()
    assert len(read_split(tmp_path / "checkpoints/deep/subset/test")) == 2
    others = (tmp_path / f"checkpoints/deep/subset/{split}" for split in ("train", "validation", "test"))
    assert read_classes(data / "train", *others) == ["background", "cat", "dog"]
    # Groups are those of the annotation files, whichever folder names the photographs.
    groups = group_of_each(chosen, tmp_path / "checkpoints/deep/subset/train")
    assert groups == [f"group d{int(example.image.stem) // 2}" for example in after]
    alone = group_of_each(chosen.model_copy(update={"group": None}), data / "train")
    assert alone == [str(example.image.resolve()) for example in before]


def test_detection_reads_a_subset(tmp_path, monkeypatch):
    """The boxes of the photographs that were taken, in the order of the index."""
    from maskwright.experiments.detection.learn.batches import read_boxes

    monkeypatch.chdir(tmp_path)
    for number in range(4):
        photo(tmp_path / f"photos/{number}.jpg")
    annotations(tmp_path / "photos/a.json", *(image(f"{n}.jpg", rect(n, name="cat")) for n in range(4)))
    chosen = Annotations(root="photos", train="a.json", validation="a.json", test="a.json")
    convert_annotations(chosen, tmp_path / "data")
    write_subset(tmp_path / "data", np.array([0, 2]), tmp_path / "subset")
    found = read_boxes(tmp_path / "subset/train")
    assert [(example.image.name, example.truth.boxes[0, 0]) for example in found] == [("0.jpg", 0), ("2.jpg", 2)]
