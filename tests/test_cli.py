"""The command: exit codes, one line for each mistake, and no TensorFlow where none is needed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from maskwright.catalogue import EXPERIMENTS
from maskwright.params import load_params
from maskwright.shared.identity import content_hash

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
    commands = (
        "generate masks lint convert train evaluate export predict sweep effects preset claims differences sync"
    )
    for command in commands.split():
        assert f" {command} " in done.stdout


def test_effects_of_a_sweep(folder):
    table = folder / "results/sweep/detection/trials.csv"
    table.parent.mkdir(parents=True)
    measures = "sources_miou,sources_precision,sources_recall,ap50"
    lines = [f"trial,offsets,loss.offsets,loss.classes,seed,{measures},status,reason"]
    for number, (offsets, loss) in enumerate([("raw", "l1"), ("raw", "smooth_l1"), ("normalised", "l1")]):
        for seed in (0, 1):
            miou, others, ap50 = 0.5 + number / 10 + seed / 100, f"0.{number}{seed + 1},0.{seed}{number + 1}", 0.9
            scores = f"{miou},{others},{ap50 - number / 10 + seed / 50}"
            lines.append(f"{number}{seed},{offsets},{loss},cross_entropy,{seed},{scores},finished,")
    table.write_text("\n".join(lines) + "\n")

    def written(*options):
        done = run("effects", "detection", *options, cwd=folder)
        assert done.returncode == 0, done.stderr
        lines = [line for line in done.stdout.splitlines() if line.startswith("Written to ")]
        return [line.removeprefix("Written to ").split(";")[0] for line in lines]

    # The pipeline's own analyses, each in its place; one that was asked for otherwise must not take it.
    responses = ["sources_miou", "sources_precision", "sources_recall", "ap50"]
    assert written() == [f"results/effects/detection/tables/{response}" for response in responses]
    for response in responses:
        assert (folder / f"results/effects/detection/tables/{response}/summary.txt").is_file()
        assert (folder / f"results/effects/detection/plots/{response}/forest.png").is_file()
    before = content_hash(folder / "results")
    assert written("--response", "ap50", "--logit") == ["effects/detection/ap50"]
    assert written("--logit", "--out", "mine") == [f"mine/{response}" for response in responses]
    assert content_hash(folder / "results") == before
    assert_one_line_error(
        run("effects", "detection", "--response", "accuracy", cwd=folder), "accuracy", "results/sweep/detection"
    )


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
    "arguments",
    [
        ("nonsense",),
        ("train",),
        ("lint",),
        ("masks", "--nonsense"),
        ("masks", "--label", "kind"),
        ("masks", "--skip"),
        (),
    ],
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


@pytest.mark.parametrize("arguments", [("generate", "drinks"), ("masks",)])
def test_outside_the_project(tmp_path, arguments):
    done = run(*arguments, cwd=tmp_path)
    assert_one_line_error(done, "params.yaml: no such file", "folder that holds params.yaml")
    assert list(tmp_path.iterdir()) == []


def test_a_negative_size_names_its_key_and_leaves_nothing_behind(folder):
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("size: [240, 320]", "size: [-240, 320]"))
    done = run("generate", "drinks", cwd=folder)
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


def test_masks_of_one_file_stop_at_a_loss_unless_told_to_skip_it(folder):
    Image.new("RGB", (20, 10)).save(folder / "a.png")
    square = {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [1, 1, 6, 6]}
    line = {"name": "polygon", "all_points_x": [2, 8], "all_points_y": [1, 6]}
    regions = [{"shape_attributes": shape, "region_attributes": {"kind": "cat"}} for shape in (square, line)]
    (folder / "via.json").write_text(json.dumps({"a.png-1": {"filename": "a.png", "size": -1, "regions": regions}}))
    assert_one_line_error(run("masks", "via.json", "--out", "out", cwd=folder), "a.png, region 1", "with `--skip`")
    assert not (folder / "out").exists()
    done = run("masks", "via.json", "--out", "out", "--skip", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "via.json: 1 masks; 1 cat; findings: 1, see out/report.json\n"
    assert json.loads((folder / "out/masks/classes.json").read_text()) == ["background", "cat"]


def test_sync_before_anything_was_trained(folder):
    done = run("sync", cwd=folder)
    assert done.returncode == 0
    sweeps = [f"sweep {name}: not run" for name in load_params(ROOT / "params.yaml").sweeps.entries]
    assert done.stdout.splitlines() == [*(f"{name}: not trained" for name in EXPERIMENTS), *sweeps]
    assert not (folder / "mlflow.db").exists()


def test_a_file_where_a_folder_must_go(folder):
    (folder / "data").write_text("")
    done = run("generate", "drinks", cwd=folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert "data" in done.stderr
