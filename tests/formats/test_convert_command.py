"""The command, in this process."""

import json

import pytest
from PIL import Image
from typer.testing import CliRunner

from maskwright.cli import app

SQUARE = {"name": "rect", "x": 2, "y": 3, "width": 10, "height": 8}


@pytest.fixture
def source(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "a.jpg")
    regions = [
        {"shape_attributes": SQUARE, "region_attributes": {"kind": "cat"}},
        {"shape_attributes": {**SQUARE, "x": 20}, "region_attributes": {"kind": "dgo"}},
    ]
    (tmp_path / "via.json").write_text(json.dumps({"a.jpg": {"filename": "a.jpg", "size": -1, "regions": regions}}))
    return tmp_path / "via.json"


def test_written(source, tmp_path):
    done = CliRunner().invoke(app, ["convert", str(source), str(tmp_path / "yolo"), "--to", "yolo"])
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f"Written to {tmp_path / 'yolo'}\n")
    assert (tmp_path / "yolo/labels/a.txt").read_text().count("\n") == 2


def test_a_loss_shows_the_findings_and_one_line(source, tmp_path):
    arguments = ["convert", str(source), str(tmp_path / "new"), "--to", "png", "--classes", "cat,dog"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "did you mean 'dog'?" in " ".join(done.stdout.split())
    assert done.stderr.startswith("maskwright: error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()
    done = CliRunner().invoke(app, [*arguments, "--skip"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "new/masks/a.png").is_file()
