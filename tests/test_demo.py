"""The demo: it stays in its own folder, and its settings are the defaults at a smaller size."""

import subprocess
from pathlib import Path

import pytest

from maskwright import demo
from maskwright.defaults import default_settings
from maskwright.params import load_params, parse_params
from maskwright.report.settings import changed_settings
from support.refusals import refusal


def test_its_settings_are_the_defaults_but_for_the_size():
    changed = changed_settings(demo.demo_settings(), default_settings())
    assert {setting.key for setting in changed} == {
        *("drinks.train", "drinks.validation", "drinks.test"),
        *("segmentation.epochs", "segmentation.epoch_images"),
    }
    small, whole = (parse_params(each).section("segmentation") for each in (demo.demo_settings(), default_settings()))
    assert 2 * small.epochs * small.epoch_images < whole.epochs * whole.epoch_images


@pytest.fixture
def called(tmp_path, monkeypatch):
    """The commands that the demo runs in the current folder, which is new; in `failing`, `look` fails."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    calls = []

    def run(command, *, cwd, env, check):
        calls.append((command[3:], cwd, env))
        return subprocess.CompletedProcess(command, 1 if command[3] == "look" and cwd == Path("failing") else 0)

    monkeypatch.setattr(demo.subprocess, "run", run)
    return calls


def test_every_step_runs_in_its_folder_with_its_own_records(called, capsys):
    demo.demo()
    assert [command[0] for command, _, _ in called] == [
        *("generate", "masks", "look", "train", "evaluate", "predict", "report")
    ]
    assert {cwd for _, cwd, _ in called} == {Path("demo")}
    for _, _, env in called:
        assert "MLFLOW_TRACKING_URI" not in env
        assert "DVC_ROOT" not in env
        assert Path(env["PYTHONPATH"]).is_absolute()
    assert [path.name for path in Path().iterdir()] == ["demo"]
    assert load_params(Path("demo/params.yaml")).drinks.train == 160
    assert "demo/results/report.html: all results on one page" in capsys.readouterr().out


def test_an_earlier_demo_is_replaced_and_a_folder_of_ones_own_is_not(called):
    demo.demo()
    Path("demo/leftover").touch()
    demo.demo()
    assert not Path("demo/leftover").exists()
    Path("demo/params.yaml").write_text("drinks: {}\n")
    calls = len(called)
    assert refusal(demo.demo) == "demo: not made by `maskwright demo`, so it stays; move it away, or rename it"
    assert len(called) == calls
    assert Path("demo/params.yaml").read_text() == "drinks: {}\n"


def test_a_step_that_fails_ends_it(called):
    message = refusal(demo.demo, Path("failing"))
    assert message == "failing: `maskwright look` failed with exit code 1; its message is above"
    assert called[-1][0] == ["look"]
