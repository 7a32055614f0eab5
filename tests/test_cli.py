"""The command: exit codes, one line for each mistake, and no TensorFlow where none is needed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from maskwright import __version__
from maskwright.catalogue import EXPERIMENTS
from maskwright.cli import app, upkeep
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.identity import content_hash
from maskwright.tracking.locations import StoreUnavailable

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
        "generate masks lint look convert train evaluate export predict sweep effects preset claims register ui "
        "differences sync mend crossvalidate learning-curve next"
    )
    for command in commands.split():
        assert f" {command} " in done.stdout


def test_the_version_is_the_packages(tmp_path):
    done = run("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout == f"maskwright {__version__}\n"


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


def test_a_store_that_is_not_there_is_not_made(folder):
    there = sorted(folder.iterdir())
    assert_one_line_error(run("register", "xor", cwd=folder), "xor: its trainings have no validation score")
    assert_one_line_error(run("register", "segmentation", cwd=folder), "no model with a validation score is recorded")
    for options in ((), ("--response", "loss", "--factors", "lr")):
        done = run("effects", "--mlflow-experiment", "theirs", *options, cwd=folder)
        assert_one_line_error(done, "no mlflow.db and no mlruns here; set MLFLOW_TRACKING_URI")
    assert sorted(folder.iterdir()) == there


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
        ("look", "--label", "kind"),
        ("look", "--most", "0"),
        ("effects", "--mlflow-experiment", "theirs", "--factors", "lr"),
        ("ui", "--port", "0"),
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


@pytest.mark.parametrize("arguments", [("generate", "drinks"), ("masks",), ("look",), ("sync",)])
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
    assert done.stdout == "via.json: 1 mask; 1 cat; findings: 1, see out/report.json\n"
    assert json.loads((folder / "out/masks/classes.json").read_text()) == ["background", "cat"]


def test_the_limit_on_photographs_is_the_same_for_every_command(folder):
    params = folder / "params.yaml"
    params.write_text(params.read_text().replace("megapixels: 100 ", "megapixels: 1e-4 "))
    Image.new("RGB", (20, 10)).save(folder / "a.png")
    shape = {"name": "rect", "x": 2, "y": 1, "width": 5, "height": 4}
    region = {"shape_attributes": shape, "region_attributes": {"kind": "cat"}}
    (folder / "via.json").write_text(json.dumps({"a": {"filename": "a.png", "size": -1, "regions": [region]}}))
    cure = "set annotations.megapixels: 1 in params.yaml"
    assert run("lint", "via.json", "--json", "out.json", cwd=folder).returncode == 1
    assert cure in (folder / "out.json").read_text()
    (folder / "out.json").unlink()
    assert_one_line_error(run("masks", "via.json", "--out", "out", cwd=folder), cure)
    predict = run("predict", "segmentation", ".", cwd=folder)
    assert predict.returncode == 1
    passed, error = predict.stderr.splitlines()
    assert passed == ".: passed over 2 files (params.yaml, via.json)"
    assert cure in error
    params.write_text(params.read_text().replace("megapixels: 1e-4 ", "megapixels: 2e-4 "))
    assert run("masks", "via.json", "--out", "out", cwd=folder).returncode == 0


def test_a_look_at_one_file_and_one_without_masks(folder):
    Image.effect_noise((64, 48), 60).convert("RGB").save(folder / "a.png")
    square = {"name": "rect", "x": 8, "y": 8, "width": 20, "height": 20}
    regions = [{"shape_attributes": square, "region_attributes": {"kind": "cat"}}]
    (folder / "via.json").write_text(json.dumps({"a.png-1": {"filename": "a.png", "size": -1, "regions": regions}}))
    assert_one_line_error(run("look", cwd=folder), "data/masks/report.json: no such file", "run `maskwright masks`")
    assert_one_line_error(run("look", "via.jsn", cwd=folder), "via.jsn: no such file")
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "params.yaml", "via.json"]
    done = run("look", "via.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "via.json: 1 photograph, 1 object\n"
        "look/look.html shows all of it; contact_sheet.png and statistics.png are beside it\n"
    )
    assert "a.png" in (folder / "look/look.html").read_text(encoding="utf-8")
    assert sorted(path.name for path in folder.iterdir()) == ["a.png", "look", "params.yaml", "via.json"]


def test_sync_before_anything_was_trained(folder):
    done = run("sync", cwd=folder)
    assert done.returncode == 0
    sweeps = [f"sweep {name}: not run" for name in load_params(ROOT / "params.yaml").sweeps.entries]
    assert done.stdout.splitlines() == [*(f"{name}: not trained" for name in EXPERIMENTS), *sweeps]
    assert not (folder / "mlflow.db").exists()


def test_sync_goes_on_after_a_failure_but_not_without_a_store(tmp_path, monkeypatch):
    def failing(error):
        raise error

    broken, gone = MaskwrightError("toy: broken"), StoreUnavailable("http://x: no answer")
    tried = [
        ("a", lambda: "recorded"),
        ("b", lambda: failing(broken)),
        ("c", lambda: "was recorded already"),
        ("d", lambda: failing(gone)),
        ("e", lambda: pytest.fail("tried after the store was gone")),
    ]
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setattr(upkeep, "_restored", lambda _: iter(tried[:3]))
    done = CliRunner().invoke(app, ["sync"])
    assert done.exit_code == 1
    assert done.stdout == "a: recorded\nc: was recorded already\n"
    assert done.stderr == "b: error: toy: broken\n"
    monkeypatch.setattr(upkeep, "_restored", lambda _: iter(tried[2:]))
    done = CliRunner().invoke(app, ["sync"])
    assert done.exit_code == 1
    assert done.stdout == "c: was recorded already\n"
    assert done.stderr == "maskwright: error: http://x: no answer\n"


def test_a_file_where_a_folder_must_go(folder):
    (folder / "data").write_text("")
    done = run("generate", "drinks", cwd=folder)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr, done.stderr
    assert "data" in done.stderr


HOSTILE = "x\x1b]0;title\x07\nmaskwright: forged"


def assert_harmless(done):
    """Nothing but lines of printable text was printed, and none of them was forged."""
    for line in (done.stdout + done.stderr).split("\n"):
        assert line.isprintable(), line
        assert not line.startswith("maskwright: forged")
    assert "Traceback" not in done.stderr


def test_no_label_and_no_file_name_gives_orders_to_the_terminal(folder):
    square = {"name": "polygon", "all_points_x": [2, 8, 8, 2], "all_points_y": [1, 1, 6, 6]}
    region = {"shape_attributes": square, "region_attributes": {HOSTILE: HOSTILE}}
    photo, other, file = (folder / f"{HOSTILE.replace('/', '')}{end}" for end in (".png", "2.png", ".json"))
    Image.new("RGB", (20, 10)).save(photo)
    entries = [{"filename": path.name, "size": -1, "regions": [region]} for path in (photo, other)]
    file.write_text(json.dumps({entry["filename"]: entry for entry in entries}))
    runner = CliRunner()
    for arguments in (
        ["lint", str(file)],
        ["lint", f"--{HOSTILE}"],
        ["lint", str(folder / f"none{HOSTILE}")],
        ["masks", str(file), "--out", str(folder / "out")],
        ["masks", str(file), "--out", str(folder / "out"), "--skip"],
        ["predict", "segmentation", str(folder / f"none{HOSTILE}"), str(other)],
        ["predict", "detection", str(folder / f"none{HOSTILE}")],
        ["train", HOSTILE],
        ["effects", HOSTILE],
        [HOSTILE],
    ):
        done = runner.invoke(app, arguments)
        assert_harmless(done)
        # Without the frame around an error about arguments, and without the lines of a table.
        text = "".join(done.output.translate({ord(mark): " " for mark in "│╭╮╰╯─"}).split())
        assert r"x\x1b]0;title\x07" in text, arguments
    assert json.loads((folder / "out/masks/classes.json").read_text()) == ["background", HOSTILE]
