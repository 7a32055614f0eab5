"""The program that kills the pipeline: that it kills, that the pipeline survives, and that it sees what does not."""

import importlib.util
import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

from support.project import ROOT, locked

PROGRAM = ROOT / "benchmarks/chaos.py"

LOCK = """schema: '2.0'
stages:
  a:
    cmd: make a
    outs:
    - path: data/a
      hash: md5
  b:
    cmd: make b
    outs:
    - path: results/b.csv
      hash: md5
"""


@pytest.fixture(scope="module")
def chaos():
    spec = importlib.util.spec_from_file_location("chaos", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    sys.modules["chaos"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules["chaos"]


def made(folder):
    """Write what the stages a and b leave."""
    for name, text in (("dvc.lock", LOCK), ("data/a/x.png", "x"), ("data/a/y.png", "y"), ("results/b.csv", "1\n")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def reference(chaos, folder):
    return chaos.Reference({}, chaos.digests(folder), locked(folder))


def kills(chaos):
    """Return a kill that struck a, and one that struck b."""
    return [chaos.Kill(1, stage, 0.5, signal.SIGKILL, struck=stage) for stage in ("a", "b")]


def test_every_stage_is_killed_before_one_is_killed_twice(chaos):
    """Five kills of three stages: three in the first round and two in the second, each round in the stages' order."""
    planned = chaos.plan(["a", "b", "c"], 5, seed=0)
    assert [kill.round for kill in planned] == [1, 1, 1, 2, 2]
    assert [kill.stage for kill in planned[:3]] == ["a", "b", "c"]
    assert [kill.stage for kill in planned[3:]] in (["a", "b"], ["a", "c"], ["b", "c"])


def test_the_seed_determines_the_kills(chaos):
    stages = [f"stage{number}" for number in range(30)]
    planned = chaos.plan(stages, 60, seed=3)
    assert planned == chaos.plan(stages, 60, seed=3)
    assert planned != chaos.plan(stages, 60, seed=4)
    assert {kill.signal for kill in planned} == {signal.SIGKILL, signal.SIGTERM}
    assert all(0 <= kill.share <= 1 for kill in planned)
    # 0.6 are expected: all of one half, and a fifth of the other. Below 0.3 are 5 standard deviations.
    assert 0.3 < sum(kill.share >= 0.8 for kill in planned) / 60 < 0.9


def test_the_same_files_are_survived(chaos, tmp_path):
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    (second / "mlflow.db").write_text("when, and by whom")
    ours = kills(chaos)
    chaos.compare(second, ours, reference(chaos, first))
    assert [kill.problems for kill in ours] == [[], []]


@pytest.mark.parametrize(
    ("change", "blamed", "named"),
    [
        (lambda folder: (folder / "data/a/y.png").write_text("z"), [1, 0], "data/a/y.png"),
        (lambda folder: (folder / "data/a/y.png").unlink(), [1, 0], "data/a/y.png"),
        (lambda folder: (folder / "data/a/y.png.tmp").write_text(""), [1, 0], "data/a/y.png.tmp"),
        (lambda folder: (folder / "results/b.csv").write_text(""), [0, 1], "results/b.csv"),
        (lambda folder: (folder / "results/.b.csv.part").write_text(""), [1, 1], "results/.b.csv.part"),
    ],
)
def test_other_files_are_blamed_on_the_kill_of_the_stage_that_made_them(chaos, tmp_path, change, blamed, named):
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    change(second)
    ours = kills(chaos)
    chaos.compare(second, ours, reference(chaos, first))
    assert [len(kill.problems) for kill in ours] == blamed
    assert all(problem.endswith(f": {named}") for kill in ours for problem in kill.problems)


def test_another_entry_in_the_lock_is_blamed_on_its_stage_and_its_place_on_none(chaos, tmp_path):
    first, second = made(tmp_path / "first"), made(tmp_path / "second")
    head, a, b = LOCK.partition("  a:")[0], LOCK[LOCK.index("  a:") : LOCK.index("  b:")], LOCK[LOCK.index("  b:") :]
    for text, problems in (
        (head + b + a, [[], []]),
        (head + a + b.replace("make b", "make c"), [[], ["differs from the uninterrupted run: dvc.lock (b)"]]),
    ):
        (second / "dvc.lock").write_text(text)
        ours = kills(chaos)
        chaos.compare(second, ours, reference(chaos, first))
        assert [kill.problems for kill in ours] == problems


def test_where_dvc_is(chaos, tmp_path):
    log = tmp_path / "log"
    log.write_text(
        "WARNING: Process 'dvc repro' had been killed.\nStage 'drinks' didn't change, skipping\n"
        "Stage 'masks' is cached - skipping run, checking out outputs\nRunning stage 'train@xor':\n> python\n"
        "'data/photos.dvc' didn't change, skipping\nRunning sta"
    )
    assert chaos.Running(None, log).stages() == [chaos.BEFORE, "drinks", "masks", "train@xor"]


def start(folder, script):
    """Start a shell in a process group of its own, and wait until it says that it is ready."""
    process = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout.readline() == b"ready\n"
    return SimpleNamespace(process=process, stages=lambda: ["before", "a"])


def test_what_outlives_a_kill_is_seen_and_ended(chaos, tmp_path, monkeypatch):
    monkeypatch.setattr(chaos, "OUTLIVES", 0.3)
    running = start(tmp_path, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    kill = chaos.Kill(1, "a", 0.5, signal.SIGTERM)
    chaos.strike(running, kill)
    assert (kill.problems, kill.outcome()) == (["processes outlive it by 0.3 s"], "not survived")
    assert running.process.wait(10) == -signal.SIGKILL


def test_a_kill_that_comes_too_late_is_none(chaos, tmp_path):
    running = start(tmp_path, "echo ready")
    running.process.wait(10)
    kill = chaos.Kill(1, "a", 0.5, signal.SIGKILL)
    chaos.strike(running, kill)
    assert kill.outcome() == "too late"


def test_a_kill_strikes_the_whole_group(chaos, tmp_path):
    running = start(tmp_path, "sleep 60 & echo ready; wait")
    kill = chaos.Kill(1, "a", 0.5, signal.SIGTERM)
    chaos.strike(running, kill)
    assert (kill.struck, kill.outcome()) == ("a", "survived")
    assert running.process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.killpg(running.process.pid, 0)


@pytest.mark.slow
def test_two_kills_are_survived(tmp_path):
    """Of stages that take a second; `make chaos` kills them all."""
    path = os.pathsep.join(str(ROOT / name) for name in ("tests", "src"))
    done = subprocess.run(
        [sys.executable, PROGRAM, "--kills", "2", "--seed", "38", "xor", "corner"],
        env={**os.environ, "PYTHONPATH": path, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    *kills, last = done.stdout.splitlines()[1:]
    assert last == "survived 2/2"
    assert [line.rpartition(": ")[2] for line in kills] == ["survived", "survived"]
