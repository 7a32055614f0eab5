"""What differs from the defaults, and how names and numbers are written."""

import pytest

from maskwright.report.settings import changed_settings
from maskwright.report.wording import breakable, heading, label, number


def test_changed_settings_are_written_as_texts():
    here = {"a": {"b": True, "c": 4}, "d": None, "e": [1, "x"], "f": "ä <b>", "g": {"cot": "cat"}}
    there = {"a": {"b": 1, "c": 4}, "d": "photos", "e": [1], "f": "b", "g": None, "h": 2}
    assert [tuple(setting) for setting in changed_settings(here, there)] == [
        ("a.b", "true", "1"),
        ("d", "null", "photos"),
        ("e", '[1, "x"]', "[1]"),
        ("f", "ä <b>", "b"),
        ("g", '{"cot": "cat"}', "null"),
        ("h", "–", "2"),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.93245, "0.932"),
        (1, "1"),
        (5119689, "5,119,689"),
        (0.0, "0.000"),
        (0.0049, "0.0049"),
        (-0.00489208, "-0.00489"),
        (3.2e-7, "3.2e-07"),
        (123.456, "123.5"),
        (1234567.0, "1,234,567.0"),
        (float("inf"), "inf"),
        (None, ""),
        ("", ""),
    ],
)
def test_numbers(value, expected):
    assert number(value) == expected


def test_names():
    assert label("val_miou_per_image") == "val mIoU per image"
    assert label("sources_miou") == "sources mIoU"
    assert heading("xor") == "XOR"
    assert heading("masked_digits") == "Masked digits"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("seed", "seed"),
        ("masked_digits.control_epochs", "masked_<wbr>digits.<wbr>control_<wbr>epochs"),
        ("a._b__c_", "a._<wbr>b__<wbr>c_"),
        ("merge.<b>&_", "merge.<wbr>&lt;b&gt;&amp;_"),
    ],
)
def test_a_line_may_end_only_between_the_words_of_a_name(name, expected):
    assert breakable(name) == expected
