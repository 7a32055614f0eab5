"""YAML files that somebody else wrote: each is read, or refused in one line, in little time and memory."""

import re
import sys
import tracemalloc
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwright.shared.errors import MaskwrightError
from maskwright.shared.yaml_file import parse_yaml, read_yaml
from support.refusals import refusal


def bomb(levels, width=10):
    """`width` to the power of `levels` values, in a few lines."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels + 1)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (bomb(9), r"x\.yaml, line 6: more than 50,000 values, or .* with what aliases repeat; shorten it"),
        # The same, as keys that are merged, and as texts, of which few are long.
        ("a: &a {b: 1}\n" + bomb(9).replace("[x]", "{<<: *a}"), "line 6: more than 50,000 values"),
        (f"a: &a {'y' * 100_000}\nb: [{', '.join(['*a'] * 50)}]\n", "or 4,000,000 characters in them"),
        (bomb(3, width=40) + "\n", "line 4: more than 50,000 values"),
        ("a: &a [*a]\n", r"line 1: \*a stands within itself; remove it"),
        ("a: &a {b: {c: *a}}\n", r"line 1: \*a stands within itself"),
        ("[" * 51 + "]" * 51, "line 1: more than 50 levels of nesting"),
        ("[" * 100_000, "line 1: more than 50 levels of nesting"),
        ("- " * 100_000, "line 1: more than 50 levels of nesting"),
        ("? " * 100_000, "line 1: more than 50 levels of nesting"),
        ("{a: " * 100_000, "line 1: more than 50 levels of nesting"),
        ("- x\n" * 60_000, "line 50000: more than 50,000 values"),
        ("#" * 1_000_001, "more than 1 MB; is it the right file?"),
        ("a: !!int foo\n", "not YAML: invalid literal for int"),
        ("a: !!float foo\n", "not YAML: could not convert string to float: 'foo'; put texts in quotes"),
        (f"a: {'9' * 5000}\n", "not YAML: a number with thousands of digits; put texts in quotes"),
        (f"a: !{'t' * 5000}\n", "not YAML: could not determine a constructor"),
    ],
)
def test_what_is_refused(tmp_path, content, expected):
    path = tmp_path / "x.yaml"
    path.write_text(content)
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += 1

    tracemalloc.start()
    sys.setprofile(count)
    try:
        with pytest.raises(MaskwrightError) as caught:
            read_yaml(path)
    finally:
        sys.setprofile(None)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 100e6
    # The longest list that is read up to its limit takes 16 calls a value.
    assert calls < 1e6
    assert re.search(expected, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_aliases_that_people_use(tmp_path):
    text = "a: &a {b: [1, 2], c: x}\nd: {<<: *a, c: y}\ne: *a\nf: &n 5\ng: [*n, *n]\n"
    a = {"b": [1, 2], "c": "x"}
    assert parse_yaml(text, tmp_path) == {"a": a, "d": {"b": [1, 2], "c": "y"}, "e": a, "f": 5, "g": [5, 5]}
    assert parse_yaml("[" * 49 + "]" * 49, tmp_path) is not None


def test_an_endless_file(tmp_path):
    (tmp_path / "x.yaml").symlink_to("/dev/zero")
    with pytest.raises(MaskwrightError, match=r"x\.yaml: more than 1 MB"):
        read_yaml(tmp_path / "x.yaml")


WORDS = (
    "a b 1 0x 1e5 .inf 2020-13-45 ~ \\ud800 \\0 é \u202e \x1b \ufeff [ ] { } | > # ' \" \\ ! *a &a_ <<:_ :_ ,_ -_ ?_ "
    "!<x>_ !!int_ !!binary_ !!set_ !!omap_ !!timestamp_"
)
"""Of which YAML is made; `_` stands for a blank."""
PIECES = st.sampled_from(
    [word.replace("_", " ") for word in WORDS.split()] + ["\n", "\n  ", "\t", "---\n", "...\n", "%YAML 1.1\n"]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=40))
def test_any_text_is_read_or_refused_in_one_line(tmp_path, text):
    path = tmp_path / "x.yaml"
    message = refusal(parse_yaml, text, path)
    assert message is None or message.startswith(f"{path}")
