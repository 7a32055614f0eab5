"""Which attribute holds the class, and which classes there are."""

import json
import re

import pytest

from maskwright.via.labels import LabelRule, find_label_rule
from maskwright.via.read import AnnotationError, open_annotations


@pytest.fixture
def rule(tmp_path):
    def find(*attributes, label=None, classes=None) -> LabelRule:
        shape = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
        regions = [{"shape_attributes": shape, "region_attributes": said} for said in attributes]
        path = tmp_path / "via.json"
        path.write_text(json.dumps({"a": {"filename": "a.png", "size": 1, "regions": regions}}))
        return find_label_rule(open_annotations(path), label=label, classes=classes)

    return find


def codes(rule: LabelRule) -> list[str]:
    return [problem.code for problem in rule.problems]


def test_the_only_attribute_with_labels_is_taken_and_its_labels_sorted(rule):
    found = rule({"kind": "dog", "note": ""}, {"kind": "cat"}, {"kind": " cat "})
    assert found == LabelRule("kind", ("cat", "dog"))
    assert found.problems == ()


def test_numbers_are_sorted_by_value_and_before_words(rule):
    assert rule({"c": "10"}, {"c": 9}, {"c": "a"}, {"c": "2"}).classes == ("2", "9", "10", "a")


def test_the_defaults_of_vias_demonstration_are_no_labels(rule):
    quality = {"good": True, "frontal": True, "good_illumination": True}
    found = rule(
        {"name": "not_defined", "type": "unknown", "image_quality": quality, "class": "cup"},
        {"name": "not_defined", "type": "unknown", "image_quality": quality, "class": "can"},
    )
    assert found == LabelRule("class", ("can", "cup"))


def test_checkboxes_with_one_option_checked(rule):
    found = rule({"kind": {"dog": True}}, {"kind": {"cat": True, "dog": False}}, {"kind": {"cat": True, "dog": True}})
    assert found == LabelRule("kind", ("cat", "dog"))


def test_of_several_attributes_the_one_with_options_is_taken(tmp_path):
    shape = {"name": "rect", "x": 1, "y": 1, "width": 3, "height": 3}
    region = {"shape_attributes": shape, "region_attributes": {"score": "0.9", "kind": "cat"}}
    options = {"kind": {"type": "dropdown", "options": {"cat": "cat"}}, "score": {"type": "text"}}
    project = {
        "_via_settings": {},
        "_via_attributes": {"region": options, "file": {}},
        "_via_img_metadata": {"a": {"filename": "a.png", "size": 1, "regions": [region], "file_attributes": {}}},
    }
    path = tmp_path / "via.json"
    path.write_text(json.dumps(project))
    assert find_label_rule(open_annotations(path), label=None, classes=None) == LabelRule("kind", ("cat",))


def test_several_attributes_are_a_choice_for_the_user(rule):
    expected = (
        "any of several attributes: kind (dog, cat); colour (red). Set annotations.label (or --label) to one of them"
    )
    with pytest.raises(AnnotationError, match=re.escape(expected)):
        rule({"kind": "dog", "colour": "red"}, {"kind": "cat", "colour": "red"})


def test_given_classes_tell_the_attribute(rule):
    assert rule({"kind": "dog", "colour": "red"}, classes=["cat", "dog"]) == LabelRule("kind", ("cat", "dog"))


def test_the_attribute_that_is_asked_for(rule):
    assert rule({"kind": "dog", "colour": "red"}, label="colour") == LabelRule("colour", ("red",))
    with pytest.raises(
        AnnotationError,
        match=r"no region has the attribute 'name'; set annotations.label \(or --label\) to one of: kind",
    ):
        rule({"kind": "dog"}, label="name")
    with pytest.raises(AnnotationError, match="no region has the attribute 'name'; label them in VIA"):
        rule({}, label="name")


def test_spellings_of_an_attribute_are_one(rule):
    found = rule({"Colour": "red"}, {"Colour": "red"}, {"colour": "blue"})
    assert found == LabelRule("Colour", ("blue", "red"))
    assert codes(found) == ["attribute-spelling"]
    found = rule({"Colour": "red"}, label="colour")
    assert found == LabelRule("Colour", ("red",))
    assert "written 'Colour' here, not 'colour'" in found.problems[0].message


def test_no_labels_at_all_mean_one_class(rule):
    found = rule({}, {"name": "not_defined"})
    assert found == LabelRule(None, ("object",))
    assert codes(found) == ["no-labels"]
    assert rule({}, classes=["leaf"]).classes == ("leaf",)
    with pytest.raises(AnnotationError, match=r"no region has a label, but there are 2 classes \(a, b\)"):
        rule({}, classes=["a", "b"])


def test_no_region_at_all(rule):
    with pytest.raises(AnnotationError, match="no image has a region"):
        rule()
    assert rule(label="name", classes=["dog"]) == LabelRule("name", ("dog",))


def test_asked_for_attribute_without_one_value(rule):
    with pytest.raises(AnnotationError, match="no region has exactly one value of 'kind'"):
        rule({"kind": ""}, {"kind": {"a": True, "b": True}}, label="kind")


def test_class_without_a_region_is_a_warning(rule):
    found = rule({"kind": "dog"}, classes=["dog", "cat"])
    assert found == LabelRule("kind", ("dog", "cat"))
    assert codes(found) == ["unused-class"]


def test_rare_label_that_looks_misspelt(rule):
    found = rule(*[{"kind": "cell"}] * 5, {"kind": "cel"}, {"kind": "part1"}, *[{"kind": "part2"}] * 5)
    assert found.classes == ("cel", "cell", "part1", "part2")
    assert codes(found) == ["rare-label"]
    assert found.problems[0].message.startswith("the label 'cel' (1 region) looks like a misspelt 'cell' (5)")


@pytest.mark.parametrize("rare", ["Dog", "dgo", "dogs", "do g"])
def test_rare_labels_of_other_case_or_with_swapped_letters(rule, rare):
    assert codes(rule(*[{"kind": "dog"}] * 3, {"kind": rare})) == ["rare-label"]


@pytest.mark.parametrize("rare", ["cat", "dingo", "fog"])
def test_rare_labels_that_are_words_of_their_own(rule, rare):
    assert codes(rule(*[{"kind": "dog"}] * 3, {"kind": rare})) == []


def test_background_is_no_class_of_regions(rule):
    assert rule({"kind": "dog"}, {"kind": "Background"}).classes == ("dog",)


def test_an_attribute_with_too_many_values_cannot_hold_the_class(rule):
    many = [{"id": f"{number}", "kind": "dog"} for number in range(255)]
    assert rule(*many) == LabelRule("kind", ("dog",))
    with pytest.raises(
        AnnotationError, match=r"no attribute gives each region one of at most 254 classes: id \(0, 1, 2"
    ):
        rule(*[{"id": said["id"]} for said in many])
    with pytest.raises(AnnotationError, match="more than 254 different labels in 'id'"):
        rule(*many, label="id")
    # Classes that come late in the file are found all the same.
    assert rule(*many, {"id": "last"}, label="id", classes=["last"]).problems == ()


def test_as_many_labels_as_there_may_be_classes(rule):
    """A mask's byte has room for 254: 0 is the background, and 255 is unknown."""
    names = [f"{number:03}" for number in range(254)]
    for label in (None, "id"):
        assert rule(*[{"id": name} for name in names], label=label) == LabelRule("id", tuple(names))


def test_how_rare_a_misspelt_label_must_be(rule):
    """One in three for a label on one or two regions, and one in ten for others."""
    for rare, frequent, expected in ((2, 6, ["rare-label"]), (2, 5, []), (3, 30, ["rare-label"]), (3, 29, [])):
        assert codes(rule(*[{"kind": "cell"}] * frequent, *[{"kind": "cel"}] * rare)) == expected


def test_how_alike_a_misspelt_label_must_be(rule):
    # Four of five letters agree: 2 * 4 / (5 + 5) = 0.8; three of four: 0.75.
    assert codes(rule(*[{"kind": "abcde"}] * 3, {"kind": "abcdx"})) == ["rare-label"]
    assert codes(rule(*[{"kind": "abcd"}] * 3, {"kind": "abcx"})) == []


def test_an_attribute_is_shown_by_its_most_frequent_labels(rule):
    shown = r"any of several attributes: kind \(a, b, c\); sort \(d, a, b\.\.\.\)\. Set"
    said = [{"kind": k, "sort": s} for k, s in (("a", "d"), ("a", "d"), ("b", "a"), ("c", "b"), ("b", "c"))]
    with pytest.raises(AnnotationError, match=shown):
        rule(*said)
    with pytest.raises(AnnotationError, match=r"at most 254 classes: kind \(several checked\)\. Label the regions"):
        rule({"kind": {"a": True, "b": True}})
