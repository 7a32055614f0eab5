"""Pages: what is filled in is escaped, a script is allowed by its own hash, and things stand in lines."""

import base64
import hashlib
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from maskwright.pages.lettering import in_lines
from maskwright.pages.template import render, script

PACKAGE = Path(__file__).parents[2] / "src/maskwright"


def test_a_script_and_its_hash():
    text, allowed = script("maskwright.report", "page.js")
    content = (PACKAGE / "report/page.js").read_bytes()
    assert text == content.decode()
    assert allowed == f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
    assert "</script" not in text


def test_what_is_filled_in_is_escaped_and_may_not_be_missing():
    assert "<script>&lt;/script&gt;&#34;&amp;</script>" in render(
        "maskwright.pages", "plots.html.jinja", script='</script>"&'
    )
    with pytest.raises(UndefinedError, match="script"):
        render("maskwright.pages", "plots.html.jinja")


@pytest.mark.parametrize(
    ("widths", "places", "height"),
    [
        ([], [], 10),
        ([40], [(5, 0)], 10),
        ([40, 40], [(5, 0), (45, 0)], 10),
        ([40, 60, 10], [(5, 0), (5, 10), (65, 10)], 20),
        ([200, 10], [(5, 0), (5, 10)], 20),  # what no line holds gets one of its own
    ],
)
def test_in_lines(widths, places, height):
    assert in_lines(widths, width=100, height=10, left=5) == (places, height)
