"""A sweep of the XOR experiment from params.yaml to the table and MLflow, on processes of this computer."""

from pathlib import Path

import pandas as pd
import pytest

from maskwright.experiments.xor.data import write_xor
from maskwright.experiments.xor.learn.train import train
from maskwright.experiments.xor.report.evaluate import evaluate
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.identity import content_hash
from maskwright.shared.yaml_file import read_yaml
from maskwright.sweeps.recording import sweep, sync_sweep
from maskwright.tracking.reading import experiment_runs
from maskwright.tracking.store import open_store

SHIPPED = Path(__file__).parents[3] / "params.yaml"


@pytest.mark.slow
def test_each_trial_is_what_training_the_same_network_among_others_gives(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    for variable in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "DASK_SCHEDULER_ADDRESS", "TF_CPP_MIN_LOG_LEVEL"):
        monkeypatch.delenv(variable, raising=False)
    values = read_yaml(SHIPPED)
    values["xor"] |= {"seeds": 2, "steps": 500, "variants": [], "seed": 3}
    section = {"experiment": "xor", "factors": {"hidden": [9]}, "seeds": 2, "response": "loss"}
    values["sweeps"] = {"small": section}
    params = parse_params(values)
    write_xor(tmp_path / "data/xor")

    line = sweep("small", params, root=tmp_path, results=tmp_path / "results")
    assert line == f"small: 2 finished; see {tmp_path / 'results/sweep/small/trials.csv'}"
    told = capfd.readouterr().err.splitlines()
    assert (told[0], told[-1]) == ("small: 2 trials", "small: 2 of 2 trials, about 0 s left")
    assert all(line.startswith("small: ") for line in told)
    trials = pd.read_csv(tmp_path / "results/sweep/small/trials.csv")
    assert trials[["hidden", "seed"]].to_numpy().tolist() == [[9, 3], [9, 4]]

    history = tmp_path / "results/training.csv"
    settings = params.section("xor")
    train(settings, data=tmp_path / "data/xor", out=tmp_path / "model", history=history)
    evaluate(settings, data=tmp_path / "data/xor", model=tmp_path / "model", results=tmp_path / "results")
    replicates = pd.read_csv(tmp_path / "results/plots/replicates.csv")
    for measure in ("accuracy", "loss", "solved"):
        assert trials[measure].to_numpy() == pytest.approx(replicates[measure].to_numpy(), rel=1e-3)

    runs = experiment_runs(tmp_path, "sweep-small")
    children = runs[runs["parent"].notna()]
    assert len(runs) == 3
    assert sorted(children["metrics.loss"]) == pytest.approx(sorted(trials["loss"]), rel=1e-6)
    before = content_hash(tmp_path / "results/sweep")
    assert "(2 from before)" in sweep("small", params, root=tmp_path, results=tmp_path / "results")
    assert content_hash(tmp_path / "results/sweep") == before
    assert len(experiment_runs(tmp_path, "sweep-small")) == 3

    # As if DVC had restored the table on another computer, whose MLflow lacks a trial.
    open_store(tmp_path, "sweep-small").client.delete_run(children["run"].iloc[0])
    (tmp_path / "checkpoints/sweep/small.jsonl").unlink()
    sync_sweep("small", params, root=tmp_path, results=tmp_path / "results")
    restored = experiment_runs(tmp_path, "sweep-small")
    assert sorted(restored["metrics.loss"].dropna()) == pytest.approx(sorted(trials["loss"]), rel=1e-6)
    assert len(restored) == 3
    other = parse_params({**values, "xor": {**values["xor"], "steps": 50}})
    with pytest.raises(MaskwrightError, match=r"its trials are not those of params\.yaml"):
        sync_sweep("small", other, root=tmp_path, results=tmp_path / "results")
