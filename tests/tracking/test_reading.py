"""Runs of an MLflow experiment, also of other people's, as a table."""

import json
import math
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from maskwright.effects.listing import what_varies
from maskwright.effects.mlflow_runs import experiment_trials, list_varied, runs_as_trials
from maskwright.effects.model import effects_table, fit_model
from maskwright.effects.trials import select_trials
from maskwright.shared.errors import MaskwrightError
from maskwright.tracking.reading import experiment_runs


def add_run(client, experiment, params, metrics, *, tags=None, status="FINISHED", parent=None):
    tags = {**(tags or {}), **({"mlflow.parentRunId": parent} if parent else {})}
    run = client.create_run(experiment, tags=tags).info.run_id
    for name, value in params.items():
        client.log_param(run, name, value)
    for name, value in metrics.items():
        client.log_metric(run, name, value)
    client.set_terminated(run, status)
    return run


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with a sweep by hand, a search by Optuna, and an empty experiment."""
    import mlflow

    root = tmp_path_factory.mktemp("a store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
        sweep = client.create_experiment("other people's")
        around = add_run(client, sweep, {}, {"test/miou": 0.99})
        spellings = {True: ["True", "true"], False: ["False", "false"]}
        for rate, texts in ((0.001, ["0.001", "1e-3"]), (0.01, ["0.01", "1e-2"])):
            for norm in (True, False):
                for seed in (0, 1):
                    params = {"lr": texts[seed], "norm": spellings[norm][seed], "seed": seed}
                    miou = 0.5 + 0.1 * (rate < 0.005) + 0.2 * norm + 0.01 * seed
                    add_run(client, sweep, params, {"test/miou": miou}, parent=around)
        add_run(client, sweep, {"lr": "0.1", "norm": "True", "seed": 0}, {"test/miou": float("nan")})
        add_run(client, sweep, {"lr": "0.1", "norm": "True", "seed": 1}, {"loss": 1.0})
        add_run(client, sweep, {"lr": "0.1", "norm": "True", "seed": 2}, {"test/miou": 0.9}, status="KILLED")
        search = client.create_experiment("search")
        trial = {"number": "3", "direction": "MAXIMIZE", "lr_distribution": "FloatDistribution(...)"}
        add_run(client, search, {"lr": "0.1"}, {"miou": 0.5}, tags=trial)
        study = add_run(client, search, {}, {}, tags={"optuna.study_direction": "maximize"})
        add_run(client, search, {"lr": "0.2"}, {"miou": 0.6}, parent=study)
        add_run(client, search, {"lr": "0.3"}, {"miou": 0.7}, tags={"fmin_uuid": "1"})
        add_run(client, search, {"lr": "0.4"}, {"miou": 0.7})
        diverged = client.create_experiment("diverged")
        for number in range(12):
            params = {
                "norm": ["none", "batch", "layer"][number % 3],
                "lr": ["0.1", "1"][number % 2],
                "seed": number // 6,
            }
            losses = {4: math.inf, 5: -math.inf, 6: math.nan, 7: 1e200}
            loss = losses.get(number, 1.0 + 0.1 * (number % 3) + 0.01 * (number // 6))
            add_run(client, diverged, {**params, "note": number, "width": 8}, {"loss": loss, "epoch": number})
        client.create_experiment("empty")
    return root


@pytest.fixture
def files(tmp_path):
    """A folder `mlruns` as earlier versions of MLflow wrote it, with eight runs of another project."""
    folder = tmp_path / "elsewhere" / "mlruns"
    experiment = folder / "317"
    experiment.mkdir(parents=True)
    about = {"artifact_location": str(experiment), "experiment_id": "317", "lifecycle_stage": "active"}
    times = {"creation_time": 1, "last_update_time": 1}
    (experiment / "meta.yaml").write_text(json.dumps({**about, **times, "name": "theirs"}))
    for number in range(8):
        run = f"{number:032x}"
        place = experiment / run
        for part in ("metrics", "params", "tags", "artifacts"):
            (place / part).mkdir(parents=True)
        ended = {"status": 3, "start_time": 1000 + number, "end_time": 2000, "lifecycle_stage": "active"}
        ids = {"run_id": run, "run_uuid": run, "run_name": f"run {number}", "experiment_id": "317", "user_id": "they"}
        source = {"source_type": 4, "source_name": "", "source_version": "", "entry_point_name": "", "tags": []}
        (place / "meta.yaml").write_text(json.dumps({**ids, **ended, **source, "artifact_uri": str(place)}))
        params = {
            "optimizer": ["adam", "baseline"][number % 2],
            "depth": [2, 4][number // 2 % 2],
            "seed": number // 4,
        }
        for name, value in params.items():
            (place / "params" / name).write_text(str(value))
        accuracy = 0.5 + 0.25 * (number % 2) + 0.01 * (number // 4)
        (place / "metrics/accuracy").write_text(f"1000 0.1 0\n1001 {'inf' if number == 7 else accuracy} 1\n")
    return folder


@pytest.fixture(autouse=True)
def no_address(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_effects_of_other_peoples_runs(store):
    runs = experiment_runs(store, "other people's")
    assert len(runs) == 12
    table, remarks = runs_as_trials(runs, "metrics.test/miou", ["lr", "norm"])
    trials = select_trials(table, "metrics.test/miou", ["lr", "norm"], remarks=remarks)
    assert len(trials.y) == 8
    assert trials.seeds == 2
    assert trials.failed == {"metrics.test/miou is nan": 1, "without metrics.test/miou": 1, "killed": 1}
    assert [factor.changes for factor in trials.factors] == [("x10",), ("false → true",)]
    assert effects_table(fit_model(trials))["estimate"].tolist() == pytest.approx([-0.1, 0.2])
    assert trials.started is not None
    assert remarks == ["1 runs left out that only group other runs"]


@pytest.mark.slow
def test_the_command(store, tmp_path):
    source = Path(__file__).parents[1] / "src"
    command = [sys.executable, "-m", "maskwright", "effects", "--mlflow-experiment", "other people's"]
    done = subprocess.run(
        [*command, "--response", "test/miou", "--factors", "params.lr,norm", "--seed", "seed"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(source), "MLFLOW_TRACKING_URI": f"sqlite:///{store}/mlflow.db"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    out = "effects/other_people_s"
    assert f"Written to {out}; read {out}/summary.txt first" in done.stdout
    table = pd.read_csv(tmp_path / out / "effects.csv")
    assert table["change"].tolist() == ["x10", "false → true"]
    assert table["estimate"].tolist() == pytest.approx([-0.1, 0.2])
    assert "8 runs, 4 configurations, 2 seeds" in (tmp_path / out / "summary.txt").read_text(encoding="utf-8")


def test_trials_of_an_experiment(store):
    scales, references = {"lr": "category"}, {"lr": "0.01"}
    trials = experiment_trials(
        "other people's", store, "test/miou", ["lr", "norm"], seed="seed", scales=scales, references=references
    )
    assert [factor.changes for factor in trials.factors] == [("0.01 → 0.001",), ("false → true",)]
    assert (len(trials.y), trials.seeds) == (8, 2)


def test_searches_are_known_by_their_tags(store):
    runs = experiment_runs(store, "search").set_index("params.lr")
    assert runs.loc["0.1", "search"] == "Optuna"
    assert runs.loc["0.2", "search"] == "Optuna"  # by its parent
    assert runs.loc["0.3", "search"] == "Hyperopt"
    assert runs.loc["0.4", "search"] is None


def test_pages(store, monkeypatch):
    monkeypatch.setattr("maskwright.tracking.reading._PAGE", 5)
    assert experiment_runs(store, "other people's")["run"].nunique() == 12


def test_an_address_in_the_environment_is_used(store, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}/mlflow.db")
    assert len(experiment_runs(tmp_path, "search")) == 5
    assert list(tmp_path.iterdir()) == []


def refused(root, experiment="theirs"):
    with pytest.raises(MaskwrightError) as caught:
        experiment_runs(root, experiment)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_refusals(store, tmp_path):
    listed = "there is Default, diverged, empty, other people's, search"
    assert refused(store, "Search") == f"{store}/mlflow.db: no experiment 'Search'; {listed}"
    assert refused(store, "empty") == f"{store}/mlflow.db: the experiment 'empty' has no run"
    told = f"{tmp_path}: no mlflow.db and no mlruns here; set MLFLOW_TRACKING_URI to the store to read"
    assert refused(tmp_path, "search") == told
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file; set MLFLOW_TRACKING_URI"),
        (b"", "not a database of MLflow"),
        (b"no database, but long enough to be taken for one" * 100, "file is not a database; is it damaged"),
        ("CREATE TABLE runs (run_uuid)", "not a database of MLflow"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_a_database_that_is_none_is_neither_made_nor_changed(content, message, named, tmp_path, monkeypatch):
    database = tmp_path / ("theirs.db" if named else "mlflow.db")
    if isinstance(content, str):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(content)
    elif content is not None:
        database.write_bytes(content)
    elif not named:
        message = "no mlflow.db and no mlruns here"
    if named:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert message in refused(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_damaged_database_is_one_line_and_is_left_as_it_is(store, tmp_path):
    content = bytearray((store / "mlflow.db").read_bytes())
    # The first page, with the list of tables, is whole, and so is the second; all later ones are not.
    content[2 * 4096 :] = b"\xff" * (len(content) - 2 * 4096)
    (tmp_path / "mlflow.db").write_bytes(content)
    assert refused(tmp_path, "search").startswith(f"{tmp_path}/mlflow.db: ")
    assert (tmp_path / "mlflow.db").read_bytes() == content


def test_reading_leaves_a_database_as_it_is(store):
    before = (store / "mlflow.db").read_bytes()
    experiment_runs(store, "search")
    assert (store / "mlflow.db").read_bytes() == before
    assert sorted(path.name for path in store.iterdir()) == ["mlflow.db"]


def test_a_server_that_does_not_answer_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    assert refused(tmp_path) == "http://127.0.0.1:9: connection refused"


def test_a_folder_of_runs(files, monkeypatch):
    before = sorted(path for path in files.rglob("*"))
    for address in (None, str(files), files.as_uri()):
        if address is not None:
            monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        runs = experiment_runs(files.parent, "theirs")
        assert len(runs) == 8
        assert sorted(runs["metrics.accuracy"].astype(str))[-1] == "inf"
    trials = experiment_trials("theirs", files.parent, "accuracy", ["optimizer", "depth"])
    assert trials.failed == {"accuracy is inf": 1}
    assert (len(trials.y), trials.seeds) == (7, 2)
    assert trials.factors[0].changes == ("baseline → adam",)
    assert sorted(path for path in files.rglob("*")) == before
    assert "MLFLOW_ALLOW_FILE_STORE" not in os.environ


def test_runs_of_a_folder_that_cannot_be_read_are_counted_or_are_one_line(files, capsys):
    (files / "317" / f"{3:032x}" / "meta.yaml").unlink()
    assert len(experiment_runs(files.parent, "theirs")) == 7
    told = f"maskwright: warning: {files}: 1 runs of 'theirs' have no meta.yaml, and are left out\n"
    assert capsys.readouterr().err == told
    (files / "317" / f"{2:032x}" / "metrics/accuracy").write_text("cut\n")
    assert refused(files.parent).startswith(f"{files}: ")


def test_folders_that_hold_no_runs(files, tmp_path, monkeypatch):
    there = f"{files}: no experiment 'mine'; there is theirs"
    assert refused(files.parent, "mine") == there
    (tmp_path / "mlruns").mkdir()
    assert "mlruns: no experiment of MLflow in this folder" in refused(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "nowhere"))
    assert "nowhere: no such folder; set MLFLOW_TRACKING_URI" in refused(tmp_path)
    assert not (tmp_path / "nowhere").exists()


def test_numbers_that_are_none_are_counted(store):
    trials = experiment_trials("diverged", store, "loss", ["norm", "lr"])
    assert trials.failed == {"loss is inf": 1, "loss is -inf": 1, "loss is nan": 1, "loss is beyond 1e+100": 1}
    assert len(trials.y) == 8
    assert trials.factors[0].changes == ("none → batch", "none → layer")


def test_what_varies(store):
    runs = experiment_runs(store, "diverged")
    varied, count = what_varies(runs, "metrics.loss")
    assert count == 8
    # Left are the runs 0 to 3 and 8 to 11: norm n b l n, l n b l; lr 0.1 1 0.1 1, 0.1 1 0.1 1; seed 0 0 0 0, 1 1 1 1.
    assert [(one.name, one.levels, one.is_seed) for one in varied] == [
        ("lr", {"0.1": 4, "1": 4}, False),
        ("norm", {"layer": 3, "none": 3, "batch": 2}, False),
        ("note", {str(number): 1 for number in (0, 1, 2, 3, 8, 9, 10, 11)}, False),
        ("seed", {"0": 4, "1": 4}, True),
    ]
    varied, count = what_varies(runs, None)
    assert count == 12
    assert {one.name: sum(one.levels.values()) for one in varied} == {"lr": 12, "norm": 12, "note": 12, "seed": 12}


def test_what_varies_is_listed_with_the_command_that_analyses_it(store, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    list_varied("diverged", None, store)
    shown = capsys.readouterr().out
    assert "4 parameters vary over 12 finished runs" in shown
    assert "seed (the seed)" in shown
    assert "Measured: metrics.loss, metrics.epoch" in shown or "Measured: metrics.epoch, metrics.loss" in shown
    told = " ".join(shown.split())
    assert "maskwright effects --mlflow-experiment diverged --response METRIC --factors lr,norm" in told
    with pytest.raises(MaskwrightError, match="no run has the metric 'miou'"):
        list_varied("diverged", "miou", store)
