"""In which settings two mappings differ."""

import pytest

from maskwright.shared.changes import ABSENT, changes


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": True}, {"a": 1}, [("a", True, 1)]),
        ({"a": {"b": 2, "c": 3}}, {"a": {"b": 2, "c": 4}}, [("a.c", 3, 4)]),
        (
            {"a": {"b": {"c": [2], "d": 0}}},
            {"a": {"b": {"c": [1], "d": None}}},
            [("a.b.c", [2], [1]), ("a.b.d", 0, None)],
        ),
        ({"a": None}, {"a": "photos"}, [("a", None, "photos")]),
        ({"a": {"cot": "cat"}}, {"a": None}, [("a", {"cot": "cat"}, None)]),
        ({"a": None}, {"a": {"b": 1}}, [("a", None, {"b": 1})]),
        ({"a": {}}, {"a": {}}, []),
        ({"a": {}}, {"a": {"b": 1}}, [("a.b", ABSENT, 1)]),
        ({"a": {"b": 1}}, {"a": {}}, [("a.b", 1, ABSENT)]),
        ({"b": 1}, {"a": 2}, [("b", 1, ABSENT), ("a", ABSENT, 2)]),
    ],
)
def test_changes(here, there, expected):
    assert [tuple(change) for change in changes(here, there)] == expected
