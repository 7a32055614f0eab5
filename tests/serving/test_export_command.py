"""The command, in this process."""

import pytest
from typer.testing import CliRunner

from maskwright.cli import app


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("xor", "does not take photographs; there is segmentation, detection, instances"),
        ("segmentation", "models/segmentation: no such folder; run `maskwright train segmentation` first"),
        ("nothing", "no such experiment"),
    ],
)
def test_mistakes(tmp_path, monkeypatch, name, part):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["export", name, "--to", "litert"])
    assert done.exit_code == 1
    assert part in done.stderr
    assert done.stderr.count("\n") == 1
