"""Labels of validation and test files that differ from those of training; one class for all; renaming."""

import json
import re

import pytest

from maskwright.photos.images import read_mask
from maskwright.via.convert import convert_annotations, convert_file
from maskwright.via.labels import LabelRule, find_label_rule
from maskwright.via.lint import lint
from maskwright.via.params import Annotations
from maskwright.via.read import AnnotationError, open_annotations
from support.via_files import annotations, image, photo, project, rect


@pytest.fixture
def rule(tmp_path):
    def find(*attributes, label=None, classes=None, renames=None) -> LabelRule:
        regions = [rect(n, **said) for n, said in enumerate(attributes)]
        path = annotations(tmp_path / "v.json", image("a.jpg", *regions))
        return find_label_rule(open_annotations(path), label=label, classes=classes, renames=renames)

    return find


def codes(rule):
    return [problem.code for problem in rule.problems]


def three_files(root, *, train, others):
    """Training regions, and those of validation and test, one photograph each."""
    for split, regions in {"train": train, "validation": others, "test": others}.items():
        photo(root / split / f"{split}.jpg")
        annotations(root / split / "v.json", image(f"{split}.jpg", *regions))
    return Annotations(root=str(root), **{split: f"{split}/v.json" for split in ("train", "validation", "test")})


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({}, ["no-labels"]),
        ({"name": ""}, ["unused-class", "no-label"]),
        ({"name": "not_defined", "type": "unknown"}, ["unused-class", "no-label"]),
    ],
)
def test_the_only_class_is_taken_where_another_file_has_no_label(tmp_path, said, found):
    chosen = three_files(tmp_path, train=[rect(name="cat")], others=[rect(**said)])
    reports = convert_annotations(chosen, tmp_path / "out")
    for split in ("validation", "test"):
        assert reports[split].per_class == {"cat": 1}
        assert [(p.severity, p.code) for p in reports[split].problems] == [("warning", code) for code in found]


@pytest.mark.parametrize("other", ["Name", "name ", "NAME", "na-me", "Class Name"])
def test_the_attribute_has_another_name_in_another_file(tmp_path, other):
    train = [rect(0, name="cat"), rect(9, name="dog")]
    chosen = three_files(tmp_path, train=train, others=[rect(9, **{other: "dog"}, note="x")])
    report = convert_annotations(chosen, tmp_path / "out")["test"]
    assert report.per_class == {"dog": 1}
    assert "attribute-spelling" in [p.code for p in report.problems]


def test_other_spellings_of_an_attribute_are_found_by_their_letters(rule):
    found = rule({"class_name": "fox"}, label="Class Name", classes=["cat", "dog"])
    assert found.attribute == "class_name"  # though none of its labels is a class: each region says so


def test_an_attribute_that_may_not_be_meant_is_named(rule):
    expected = (
        "no region has the attribute 'name'; set annotations.label (or --label) to one of: kind (fox); "
        "in a file with classes from elsewhere, rename its attribute to 'name'"
    )
    for classes in (["cat"], ["cat", "dog"]):  # what is called a fox is not a cat for want of another class
        with pytest.raises(AnnotationError, match=re.escape(expected)):
            rule({"kind": "fox"}, label="name", classes=classes)
    with pytest.raises(AnnotationError, match=r"'name'; set .* kind \(cat\); sort \(dog\)"):
        rule({"kind": "cat", "sort": "dog"}, label="name", classes=["cat", "dog"])
    with pytest.raises(AnnotationError, match="no region has the attribute 'name'; label them in VIA"):
        rule({}, label="name", classes=["cat", "dog"])


QUALITY = {"good": True, "frontal": True, "good_illumination": True}


@pytest.mark.parametrize("name", ["not_defined", ""])
def test_vias_demonstration_attributes_at_their_defaults_are_no_labels(rule, name):
    said = {"name": name, "type": "unknown", "image_quality": QUALITY}
    assert rule(said, said) == LabelRule(None, ("object",))
    assert rule(said, classes=["leaf"]) == LabelRule(None, ("leaf",))
    assert rule(said, {**said, "type": "bird"}) == LabelRule("type", ("bird",))


def test_vias_demonstration_attributes_in_a_project(tmp_path):
    """A project file gives the options' labels."""
    photo(tmp_path / "a.jpg")
    options = {
        "name": {"type": "text", "default_value": "not_defined"},
        "type": {"type": "dropdown", "options": {"bird": "Bird", "unknown": "Unknown (object)"}},
        "image_quality": {
            "type": "checkbox",
            "options": {
                "blur": "Blurred region",
                "good_illumination": "Good Illumination",
                "frontal": "Object in Frontal View",
            },
        },
    }
    regions = rect(name="not_defined", type="unknown", image_quality=QUALITY)
    report = lint(project(tmp_path / "p.json", image("a.jpg", regions), options=options))
    assert (report.attribute, report.classes, report.lossless) == (None, ("object",), True)


def test_a_quality_that_somebody_chose_is_not_the_default(rule):
    found = rule({"image_quality": {"blur": True}}, {"image_quality": QUALITY})
    assert found == LabelRule("image_quality", ("blur",))


def test_one_class_means_everything_where_no_label_is_usable(rule):
    checked = {"kind": {"a": True, "b": True}}
    assert rule(checked, classes=["leaf"]) == LabelRule(None, ("leaf",))
    assert rule(*[{"id": str(n)} for n in range(300)], classes=["leaf"]) == LabelRule(None, ("leaf",))
    with pytest.raises(AnnotationError, match="no attribute gives each region one of"):
        rule(checked, classes=["leaf", "stem"])
    # Labels that are there are not overruled: this may be a class misspelt.
    assert rule({"kind": "Leaf"}, classes=["leaf"]) == LabelRule("kind", ("leaf",))


def test_renaming_corrects_merges_and_drops(rule):
    renames = {"cot": "cat", "kitten": "cat", "shadow": None}
    said = [{"kind": name} for name in ("cat", "cot", "cot", " kitten ", "dog", "shadow")]
    found = rule(*said, renames=renames)
    assert found == LabelRule("kind", ("cat", "dog"), renames)
    assert [(p.code, p.message) for p in found.problems] == [
        ("renamed", "the label 'cot' (2 regions) is read as 'cat'"),
        ("renamed", "the label 'kitten' (1 region) is read as 'cat'"),
        ("renamed", "the label 'shadow' (1 region) is left out"),
    ]
    assert found.unmet == frozenset()
    assert rule({"kind": "cat"}, renames=renames).unmet == {"cot", "kitten", "shadow"}


def test_renaming_is_done_once(rule):
    """a and b change places."""
    assert rule({"kind": "a"}, {"kind": "b"}, {"kind": "c"}, renames={"a": "b", "b": "a"}).classes == ("a", "b", "c")


def test_renaming_makes_several_checked_options_one(rule):
    found = rule(
        {"kind": {"cot": True, "cat": True}}, {"kind": {"cat": True, "x": True}}, renames={"cot": "cat", "x": None}
    )
    assert found.classes == ("cat",)


def test_renaming_gives_a_default_a_meaning(rule):
    assert rule({"kind": "unknown"}, renames={"unknown": "cup"}).classes == ("cup",)


def test_masks_after_renaming(tmp_path):
    train = [rect(0, name="cot"), rect(6, name="shadow"), rect(12, name="dog")]
    chosen = three_files(tmp_path, train=train, others=[rect(0, name="cat")])
    chosen = chosen.model_copy(update={"rename": {"cot": "cat", "shadow": None, "ghost": None}})
    reports = convert_annotations(chosen, tmp_path / "out")
    assert json.loads((tmp_path / "out/train/classes.json").read_text()) == ["background", "cat", "dog"]
    mask = read_mask(tmp_path / "out/train/masks/train.png")
    # What is dropped is background, not unknown.
    assert mask[0, [0, 4, 6, 10, 12, 16]].tolist() == [1, 1, 0, 0, 2, 2]
    report = reports["train"]
    assert (report.used, report.unused, report.dropped, report.refused, report.regions) == (2, 1, 1, 0, 3)
    assert report.lossless
    codes = [p.code for p in report.problems]
    assert codes == ["renamed", "renamed", "nothing-to-rename", "dropped"]
    assert report.problems[2].message == "no region has the label 'ghost'"
    assert "nothing-to-rename" not in [p.code for p in reports["test"].problems]


def test_a_dropped_region_cannot_be_refused(tmp_path):
    photo(tmp_path / "a.jpg")
    outside = rect(500, name="shadow")
    path = annotations(tmp_path / "v.json", image("a.jpg", outside, rect(name="cat")))
    assert not lint(path).lossless
    chosen = Annotations(
        root=str(tmp_path), train="v.json", validation="v.json", test="v.json", rename={"shadow": None}
    )
    assert convert_annotations(chosen, tmp_path / "out")["train"].lossless


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        ({"x": "background"}, "rename makes x background; null leaves its regions out"),
        ({"x": ""}, "rename has an empty name"),
        ({" ": "x"}, "rename has an empty name"),
        ({"x ": "y"}, "rename: 'x ': leave out the spaces around it"),
    ],
)
def test_renames_that_make_no_sense(rename, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Annotations(root="x", train="v.json", rename=rename)


def test_a_class_with_a_comma(tmp_path):
    photo(tmp_path / "a.jpg")
    path = annotations(tmp_path / "v.json", image("a.jpg", rect(0, name="cat, big"), rect(9, name="dog")))
    assert convert_file(path, tmp_path / "out", classes=["cat, big", "dog"]).per_class == {"cat, big": 1, "dog": 1}
    (problem,) = [p for p in lint(path, classes=["dog"]).problems if p.severity == "refused"]
    assert problem.advice.endswith("; a name with a comma stands in double quotes in --classes")
