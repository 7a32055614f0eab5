"""A project that is copied, moved or renamed, and the store that several processes make at once."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from maskwright.tracking.locations import StoreUnavailable, location, relocate

ODD = "pct%20dir q?x=1 sp ace ümlaut"

RECORD = """
import sys
from pathlib import Path
from maskwright.tracking.store import open_store

store = open_store(Path.cwd(), "toy")
run = store.client.create_run(store.experiment)
Path("note.txt").write_text(sys.argv[1])
store.client.log_artifact(run.info.run_id, "note.txt")
"""


def database(root, artifacts):
    """What of MLflow's tables holds locations, with one run and one model of ours, and one run of somebody else's."""
    root.mkdir(parents=True, exist_ok=True)
    base = f"{artifacts.as_uri()}/toy"
    with closing(sqlite3.connect(root / "mlflow.db")) as connection, connection:
        connection.execute("CREATE TABLE experiments (name, artifact_location)")
        connection.execute("CREATE TABLE runs (artifact_uri)")
        connection.execute("CREATE TABLE logged_models (artifact_location)")
        connection.executemany(
            "INSERT INTO experiments VALUES (?, ?)",
            [("toy", base), ("Default", "/elsewhere/mlruns/0"), ("theirs", "s3://bucket/mlartifacts/theirs")],
        )
        connection.executemany(
            "INSERT INTO runs VALUES (?)", [(f"{base}/1/artifacts",), ("s3://bucket/mlartifacts/theirs/2",), (None,)]
        )
        connection.execute("INSERT INTO logged_models VALUES (?)", (f"{base}/models/m/artifacts",))


def places(root):
    with closing(sqlite3.connect(root / "mlflow.db")) as connection:
        return [
            [row[0] for row in connection.execute(f"SELECT {column} FROM {table} ORDER BY rowid")]
            for table, column in (
                ("experiments", "artifact_location"),
                ("runs", "artifact_uri"),
                ("logged_models", "artifact_location"),
            )
        ]


@pytest.mark.parametrize(
    "name", ["plain", "sp ace", "pct%20dir", "q?x=1", "ümlaut", "a'b\"c", "ha#sh", "under_score"]
)
def test_locations_follow_the_project(name, tmp_path):
    old, new = tmp_path / f"old {name}", tmp_path / name
    database(old, old / "mlartifacts")
    assert relocate(old) == []
    before = places(old)
    shutil.copytree(old, new)

    assert relocate(new) == [f"{(old / 'mlartifacts').as_uri()}/"]
    base = f"file://{quote(str(new))}/mlartifacts/toy"
    assert places(new) == [
        [base, "/elsewhere/mlruns/0", "s3://bucket/mlartifacts/theirs"],
        [f"{base}/1/artifacts", "s3://bucket/mlartifacts/theirs/2", None],
        [f"{base}/models/m/artifacts"],
    ]
    assert location(new, "toy") == base
    assert relocate(new) == []
    assert places(old) == before


def test_one_place_that_begins_like_another(tmp_path):
    old, new = tmp_path / "a", tmp_path / "ab"
    database(new, old / "mlartifacts")
    relocate(new)
    assert places(new)[1][0] == f"{new.as_uri()}/mlartifacts/toy/1/artifacts"
    assert relocate(new) == []


def test_a_damaged_database_is_named_and_what_is_none_is_left_alone(tmp_path):
    assert relocate(tmp_path) == []
    assert not (tmp_path / "mlflow.db").exists()
    (tmp_path / "mlflow.db").write_bytes(b"no database at all, but long enough to be read as one" * 10)
    with pytest.raises(StoreUnavailable, match=r"mlflow\.db: file is not a database; .*move it away"):
        relocate(tmp_path)


def record(root, text):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DVC"))}
    return subprocess.Popen([sys.executable, "-c", RECORD, text], cwd=root, env=environment, stderr=subprocess.PIPE)


def notes(root):
    return sorted(path.read_text() for path in root.glob("mlartifacts/toy/*/artifacts/note.txt"))


@pytest.mark.slow
def test_several_create_the_store_at_once_and_a_moved_and_copied_project_keeps_its_files(tmp_path):
    original = tmp_path / ODD
    original.mkdir()
    started = [record(original, str(number)) for number in range(2)]
    for process in started:
        assert process.communicate()[1].decode() == ""
        assert process.returncode == 0
    assert notes(original) == ["0", "1"]

    moved = tmp_path / "moved to %41"
    original.rename(moved)
    copy = tmp_path / "copy"
    shutil.copytree(moved, copy)
    assert record(copy, "copy").wait() == 0
    assert notes(copy) == ["0", "1", "copy"]
    assert notes(moved) == ["0", "1"]
    # Neither the old folder, nor one whose name is the quoted one, came back.
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["copy", "moved to %41"]
    assert all(f"{copy.as_uri()}/" in place for place in places(copy)[1])
