"""The command: exit codes, one line for each mistake, and no TensorFlow where none is needed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*arguments, cwd, **environment):
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "src"), **environment}
    variables.pop("DVC_ROOT", None)
    return subprocess.run(
        [sys.executable, "-m", "maskwright", *arguments], cwd=cwd, env=variables, capture_output=True, text=True
    )


def assert_one_line_error(done, *parts):
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("maskwright: error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    for part in parts:
        assert part in done.stderr


@pytest.fixture
def folder(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_help_lists_the_commands(tmp_path):
    done = run("--help", cwd=tmp_path)
    assert done.returncode == 0
    for command in ("drinks", "masks", "lint", "train", "evaluate", "sync"):
        assert f" {command} " in done.stdout


def test_importing_the_command_imports_nothing_heavy(tmp_path):
    heavy = {"tensorflow", "keras", "mlflow", "pandas", "matplotlib", "skimage"}
    code = f"import sys, maskwright.cli; print({heavy} & {{*sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize(
    "arguments", [("nonsense",), ("train",), ("lint",), ("masks", "--nonsense"), ("masks", "--label", "kind"), ()]
)
def test_wrong_usage_exits_2(folder, arguments):
    done = run(*arguments, cwd=folder)
    assert done.returncode == 2
    assert "Usage: " in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_an_unknown_experiment_lists_those_that_exist(folder, command):
    done = run(command, "segmentatoin", cwd=folder)
    assert_one_line_error(done, "segmentatoin: no such experiment", "segmentation")


@pytest.mark.parametrize("arguments", [("drinks",), ("masks",)])
def test_outside_the_project(tmp_path, arguments):
    done = run(*arguments, cwd=tmp_path)
    assert_one_line_error(done, "params.yaml: no such file", "folder that holds params.yaml")
    assert list(tmp_path.iterdir()) == []


def test_a_negative_size_names_its_key_and_leaves_nothing_behind(folder):
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("size: [240, 320]", "size: [-240, 320]"))
    done = run("drinks", cwd=folder)
    assert_one_line_error(done, "params.yaml: drinks.size.0: ", "(got -240)")
    assert [path.name for path in folder.iterdir()] == ["params.yaml"]


def test_missing_annotations_are_one_line_and_leave_no_masks(folder):
    done = run("masks", cwd=folder)
    assert_one_line_error(done, "data/drinks")
    assert not (folder / "data" / "masks").exists()


def test_lint_of_a_file_that_is_no_annotation_file(folder):
    (folder / "notes.json").write_text('{"hello": [1, 2]}')
    done = run("lint", "notes.json", cwd=folder)
    assert done.returncode == 1
    assert "notes.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_sync_before_anything_was_trained(folder):
    done = run("sync", cwd=folder)
    assert done.returncode == 0
    assert done.stdout == "segmentation: not trained\n"
    assert not (folder / "mlflow.db").exists()


def test_a_file_where_a_folder_must_go(folder):
    (folder / "data").write_text("")
    done = run("drinks", cwd=folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert "data" in done.stderr
