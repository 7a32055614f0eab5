"""What a new user does with DVC in a clone in which nothing ever ran."""

import json

import pytest

from maskwright.params import load_params
from support.project import (
    answer,
    apply,
    commit,
    copy_of_the_project,
    invent_outputs,
    rows,
    run,
    work_through_the_queue,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The project as its author committed it: dvc.lock names files that nobody else has."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("author"))
    invent_outputs(folder)
    commit(folder, "results")
    return folder


@pytest.fixture
def new(published, tmp_path):
    run(tmp_path, "git", "clone", "-q", str(published), "mask wright")
    return tmp_path / "mask wright"


def shown(folder):
    """Return the metrics of all experiments that `dvc exp show` knows, by name."""
    table = answer(folder, "dvc", "exp", "show", "--json")
    found = {}
    for branch in table:
        for experiment in branch["experiments"] or []:
            for revision in experiment["revs"]:
                assert revision["error"] is None
                found[experiment["name"]] = revision["data"]["metrics"]["results/xor/metrics.json"]["data"]
    return found


def seeds(folder):
    return load_params(folder / "params.yaml").section("xor").seeds


def test_an_experiment_is_the_first_thing_that_runs(new):
    run(new, "dvc", "exp", "run", "-n", "three", "-S", "xor.seeds=3", "-S", "xor.variants=[]", "evaluate@xor")
    measured = json.loads((new / "results/xor/metrics.json").read_text())
    assert shown(new) == {"three": measured}
    (row,) = rows(new, "xor")["xor"]
    assert row["tags"]["dvc.experiment"] == "three"

    changed = answer(new, "dvc", "params", "diff", "--json")["params.yaml"]
    assert changed["xor.seeds"] == {"old": 2, "new": 3, "diff": 1}
    changed = answer(new, "dvc", "metrics", "diff", "--json")["results/xor/metrics.json"]
    assert {name: value["new"] for name, value in changed.items()} == measured
    assert "xor.seeds" in run(new, "dvc", "exp", "diff", "HEAD", "three")
    table = run(new, "dvc", "exp", "show", "--only-changed", "--no-pager", "--drop", "models.*|results.*")
    assert "three" in table
    assert max(map(len, table.splitlines())) <= 160

    # Away with it, and back again.
    run(new, "git", "reset", "-q", "--hard")
    run(new, "git", "clean", "-q", "-fd")
    assert seeds(new) == 2
    apply(new, "three", experiment="xor")
    assert seeds(new) == 3
    assert json.loads((new / "results/xor/metrics.json").read_text()) == measured
    commit(new, "three")
    assert "up to date" in run(new, "dvc", "repro", "evaluate@xor")
    assert run(new, "git", "status", "--porcelain") == ""

    # One more, seen against what is committed now.
    run(new, "dvc", "exp", "run", "-n", "four", "-S", "xor.seeds=4", "evaluate@xor")
    changed = answer(new, "dvc", "metrics", "diff", "--json", "--all")["results/xor/metrics.json"]
    assert changed["accuracy"].keys() >= {"old", "new"}
    assert len(rows(new, "xor")["xor"]) == 2


def test_two_workers_run_a_queue(new):
    for number in (3, 4):
        queued = ("-n", f"seeds{number}", "-S", f"xor.seeds={number}", "-S", "xor.variants=[]")
        run(new, "dvc", "exp", "run", "--queue", *queued, "evaluate@xor")
    work_through_the_queue(new, tasks=2, workers=2)
    assert "maskwright: warning" not in run(new, "dvc", "queue", "logs", "seeds3")
    assert "maskwright: warning" not in run(new, "dvc", "queue", "logs", "seeds4")
    assert shown(new).keys() == {"seeds3", "seeds4"}
    assert run(new, "git", "status", "--porcelain") == ""
    assert seeds(new) == 2
    # Recorded in the project's store, not in the copies, which are gone.
    found = {row["tags"]["dvc.experiment"]: row for row in rows(new, "xor")["xor"]}
    assert found.keys() == {"seeds3", "seeds4"}
    for number in (3, 4):
        assert found[f"seeds{number}"]["params"]["xor.seeds"] == str(number)
    apply(new, "seeds4", experiment="xor")
    assert seeds(new) == 4
    assert (new / "models/xor").is_dir()


def test_a_queued_experiment_runs_the_code_it_was_queued_with(new):
    code = new / "src/maskwright/experiments/xor/report/metrics.py"
    original = code.read_text()
    code.write_text(original + "\nprint('the code of the queued copy')\n")
    run(new, "dvc", "exp", "run", "--queue", "-n", "queued", "-S", "xor.variants=[]", "evaluate@xor")
    code.write_text(original)
    work_through_the_queue(new, tasks=1)
    assert "the code of the queued copy" in run(new, "dvc", "queue", "logs", "queued")
    assert run(new, "git", "status", "--porcelain") == ""
    (row,) = rows(new, "xor")["xor"]
    assert row["tags"]["dvc.experiment"] == "queued"
    assert row["tags"]["git.dirty"] == "true"
    assert "test/accuracy.mean" in row["metrics"]
    assert list(shown(new)) == ["queued"]


def test_a_number_as_dvc_writes_it(new):
    run(new, "dvc", "exp", "run", "-S", "segmentation.learning_rate=0.00005", "evaluate@xor")
    assert "learning_rate: 5e-05" in (new / "params.yaml").read_text()
    assert load_params(new / "params.yaml").section("segmentation").learning_rate == 5e-5
