"""Runs of an MLflow experiment, also of other people's, as a table."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from maskwright.effects.mlflow_runs import experiment_trials, runs_as_trials
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
        client.create_experiment("empty")
    return root


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


def test_refusals(store, tmp_path):
    with pytest.raises(
        MaskwrightError, match=r"no experiment 'Search'; there is Default, empty, other people's, search"
    ):
        experiment_runs(store, "Search")
    with pytest.raises(MaskwrightError, match="the experiment 'empty' has no run"):
        experiment_runs(store, "empty")
    with pytest.raises(MaskwrightError, match=r"mlflow\.db: no such file; set MLFLOW_TRACKING_URI"):
        experiment_runs(tmp_path, "search")
    assert list(tmp_path.iterdir()) == []
