"""A sweep's runs in MLflow: one for the sweep, one for each trial, however often they are recorded."""

import json
import math
from dataclasses import replace

import pytest

from maskwright.effects.mlflow_runs import runs_as_trials
from maskwright.tracking.reading import experiment_runs
from maskwright.tracking.store import open_store
from maskwright.tracking.sweeps import LiveSweep, TrackedSweep, TrackedTrial, record_effects

SWEEP = TrackedSweep(
    name="toy",
    about="A toy: which rate?",
    key="k" * 32,
    factors={"rate": [0.1, 1.0], "mask": [None]},
    responses=["loss"],
    params={"sweeps.toy": {"factors": {"rate": [0.1, 1.0]}}, "xor": {"hidden": 9}},
)
EFFECTS = """\
term,change,estimate,low,high,p_holm,additive_estimate
rate,x10,-0.25,-0.5,-0.125,0.01,-0.25
rate : mask,x10 : 0 → 1,9,8,10,0.001,
"""
TRIALS = [
    TrackedTrial(
        f"trial{number}", f"{number}" * 32, {"rate": rate, "mask": None, "seed": seed}, {"loss": seed}, "", 1e9, 2
    )
    for number, (rate, seed) in enumerate([(0.1, 5), (0.1, 6), (1.0, 5)])
]
FAILED = replace(TRIALS[2], metrics={}, reason="ValueError: thirteen")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A folder with an MLflow database, which takes seconds to make."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "DVC_EXP_NAME"):
            patch.delenv(variable, raising=False)
        yield tmp_path_factory.mktemp("a project")


def record(root, trials, sweep=SWEEP, killed=None):
    live = LiveSweep(root, sweep)
    for trial in trials:
        live.log(trial)
    if killed is None:
        tables = [root / "trials.csv", root / "examples.csv"]
        for table in tables:
            table.write_text("a\n")
        live.finish(tables)
    else:
        live.stop(killed=killed)


def runs(root):
    store = open_store(root, "sweep-toy")
    found = store.client.search_runs([store.experiment], max_results=100)
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    return parents, {run.info.run_name: run for run in found if run not in parents}


@pytest.mark.slow
def test_a_sweep_that_is_continued_and_repeated_has_one_run_for_each_trial(root, capsys):
    record(root, [TRIALS[0], FAILED], killed=True)
    (parent,), children = runs(root)
    assert parent.info.status == "KILLED"
    assert parent.data.params == {"sweeps.toy.factors.rate": "[0.1, 1.0]", "xor.hidden": "9"}
    assert {name: run.info.status for name, run in children.items()} == {"trial0": "FINISHED", "trial2": "FAILED"}
    assert children["trial2"].data.tags["maskwright.reason"] == "ValueError: thirteen"

    record(root, TRIALS)
    (again,), children = runs(root)
    assert again.info.run_id == parent.info.run_id
    assert again.info.status == "FINISHED"
    # The losses are 5, 6 and 5.
    assert again.data.metrics == {
        "finished": 3, "without_result": 0,
        "loss/mean": pytest.approx(16 / 3), "loss/lowest": 5, "loss/highest": 6,
    }  # fmt: skip
    assert {name: run.info.status for name, run in children.items()} == dict.fromkeys(
        ("trial0", "trial1", "trial2"), "FINISHED"
    )
    assert "maskwright.reason" not in children["trial2"].data.tags
    one = children["trial1"]
    assert one.data.params == {"rate": "0.1", "mask": "null", "seed": "6"}
    assert one.data.metrics == {"loss": 6}
    assert (one.info.start_time, one.info.end_time) == (10**12, 10**12 + 2000)
    assert one.data.tags["mlflow.parentRunId"] == parent.info.run_id

    record(root, TRIALS)
    (_,), repeated = runs(root)
    assert {run.info.run_id for run in repeated.values()} == {run.info.run_id for run in children.values()}
    client = open_store(root, "sweep-toy").client
    assert len(client.get_metric_history(one.info.run_id, "loss")) == 1
    assert [item.path for item in client.list_artifacts(parent.info.run_id)] == ["examples.csv", "trials.csv"]
    assert capsys.readouterr().err == ""

    table, _ = runs_as_trials(experiment_runs(root, "sweep-toy"), "loss", ["rate", "seed"])
    assert sorted(zip(table["rate"], table["seed"], table["loss"], strict=True)) == [
        ("0.1", "5", 5), ("0.1", "6", 6), ("1.0", "5", 5),
    ]  # fmt: skip

    for response in ("loss", "accuracy"):
        (root / "effects/tables" / response).mkdir(parents=True)
        (root / "effects/tables" / response / "effects.csv").write_text(EFFECTS)
    (root / "effects/plots/loss").mkdir(parents=True)
    (root / "effects/plots/loss/forest.png").write_bytes(b"drawn")

    def record_response(response, sweep=SWEEP):
        tables, pictures = (root / "effects" / kind / response for kind in ("tables", "plots"))
        return record_effects(root, sweep, response, "additive", tables, pictures)

    assert record_response("loss")
    assert record_response("accuracy")
    assert not record_response("accuracy")
    (parent,), _ = runs(root)
    assert parent.data.metrics == again.data.metrics
    note = parent.data.tags["mlflow.note.content"]
    assert note.startswith("A toy: which rate?\n")
    assert note.count("| rate x10 | -0.25 | -0.5 to -0.125 | 0.010 | lowers |") == 2
    assert note.index("### Effects on loss") < note.index("### Effects on accuracy")
    about = client.get_experiment_by_name("sweep-toy").tags
    assert json.loads(json.loads(about["mlflow.sharedViewState.scores"])["state"]) == {
        "selectedColumns": ["metrics.`loss`", "metrics.`loss/mean`", "params.`rate`", "params.`mask`"]
    }
    files = [item.path for item in client.list_artifacts(parent.info.run_id, "effects-loss")]
    assert sorted(files) == ["effects-loss/effects.csv", "effects-loss/plots"]
    files = [item.path for item in client.list_artifacts(parent.info.run_id, "effects-loss/plots")]
    assert files == ["effects-loss/plots/forest.png"]
    assert not record_response("loss", replace(SWEEP, key="n" * 32))

    # A sweep that was recorded when trials were named by hashes.
    client.delete_tag(parent.info.run_id, "mlflow.note.content")
    client.update_run(one.info.run_id, name="0a1b2c3d4e")
    record(root, TRIALS)
    (parent,), children = runs(root)
    assert sorted(children) == ["trial0", "trial1", "trial2"]
    assert parent.data.tags["mlflow.note.content"].startswith("A toy: which rate?\n")

    # Another plan, or other code, is another sweep.
    record(root, [replace(TRIALS[0], metrics={"loss": math.nan}, reason="loss is nan")], replace(SWEEP, key="m" * 32))
    parents, _ = runs(root)
    assert len(parents) == 2


def test_without_mlflow_there_is_one_warning_and_no_error(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    record(tmp_path, TRIALS)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("maskwright: warning")]
    assert line.startswith("maskwright: warning: MLflow: ")
    assert line.endswith("; the sweep goes on, and `maskwright sweep toy` once more records it later")
