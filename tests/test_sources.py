"""docs/sources.md: what it points to is there, and every source's settings are presets."""

import ast
import re
from pathlib import Path

import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.presets import SOURCE, presets_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
PLACES = sorted(set(re.findall(r"`([\w/]+\.py):(\w+)`", PAGE)))


@pytest.mark.parametrize(("module", "name"), PLACES)
def test_what_a_row_points_to_is_there(module, name):
    tree = ast.parse((ROOT / "src/maskwright" / module).read_text(encoding="utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    defined |= {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert name in defined


def test_rows_have_four_cells():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    assert len(rows) > 60
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows if not row.startswith("| NAME")} <= {4, 6}


def test_the_presets_are_named():
    named = re.search(r"NAME is ([^.]+)\.", PAGE.replace("\n", " "))
    assert named is not None
    presets = {name for name in EXPERIMENTS if SOURCE in presets_of(name)}
    assert set(re.split(r", | or ", named[1])) == presets
