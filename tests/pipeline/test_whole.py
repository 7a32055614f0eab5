"""The whole pipeline, run once: what it leaves, what DVC and MLflow show of it, and that it can be restored."""

import json
import shutil
from pathlib import Path

import pytest

from maskwright.catalogue import EXPERIMENTS
from maskwright.params import load_params
from maskwright.shared.experiment import ManySeeds
from maskwright.shared.yaml_file import read_yaml
from support.project import SWEPT, answer, commit, copy_of_the_project, locked, rows, run, sync

pytestmark = pytest.mark.slow

MANY = [name for name, about in EXPERIMENTS.items() if isinstance(about, ManySeeds)]
TABLES = ("anova.csv", "effects.csv", "means.csv", "metrics.json", "paired.csv", "plain_table.csv", "summary.txt")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A clone in which the pipeline has run once, and its results are committed."""
    folder = copy_of_the_project(tmp_path_factory.mktemp("whole clone") / "mask wright")
    run(folder, "dvc", "repro")
    commit(folder, "results")
    return folder


@pytest.fixture(scope="module")
def recorded(finished):
    """MLflow's rows of every experiment."""
    return rows(finished, *EXPERIMENTS)


def metrics(folder, name):
    return json.loads((folder / f"results/{name}/metrics.json").read_text())


def description(row):
    """What a row says of itself, but for the commit: the results were committed since."""
    lines = row["tags"]["mlflow.note.content"].splitlines()
    return [line for line in lines if not line.startswith("    git checkout ")]


def test_a_run_leaves_a_clean_tree(finished):
    assert run(finished, "git", "status", "--porcelain") == ""
    kept = run(finished, "git", "ls-files", "results", "dvc.lock", "models", "data").split()
    expected = ["data/README.md", "dvc.lock", "results/claims.json", "results/claims.md"]
    evidence = (finished / "results/evidence").iterdir()
    expected += [f"results/evidence/{path.name}" for path in evidence]
    expected += [f"results/{name}/metrics.json" for name in EXPERIMENTS]
    expected += [f"results/sweep/{name}/{table}.csv" for name in SWEPT for table in ("examples", "trials")]
    sweeps = load_params(finished / "params.yaml").sweeps.entries
    for name in ("autoencoder", "detection"):
        folders = [f"results/effects/{name}/tables/{response}" for response in sweeps[name].responses]
        expected += [f"{folder}/{table}" for folder in folders for table in TABLES]
    assert sorted(kept) == sorted(expected)
    assert not any((finished / "checkpoints").rglob("*.npz"))


def test_one_network_has_one_row(finished, recorded):
    (row,) = recorded["segmentation"]
    assert row["status"] == "FINISHED"
    assert row["epochs"] == [1, 2, 3]
    assert row["name"].startswith("size=32,32 epochs=3 ")
    assert "dvc exp run -S" in row["tags"]["mlflow.note.content"]
    assert row["params"]["segmentation.size"] == "[32, 32]"
    assert row["params"]["drinks.train"] == "8"
    assert row["metrics"]["test/miou"] == metrics(finished, "segmentation")["miou"]
    assert row["tags"]["git.dirty"] == "false"
    # The row can be found from dvc.lock.
    outs = locked(finished)["train@segmentation"]["outs"]
    (model,) = (out for out in outs if out["path"] == "models/segmentation")
    assert row["tags"]["maskwright.model"] == model["md5"]
    assert [len(recorded[name]) for name in EXPERIMENTS if name not in MANY] == [1, 1, 1, 1]


@pytest.mark.parametrize("name", MANY)
def test_each_variant_has_a_row(finished, recorded, name):
    found = {row["tags"]["maskwright.variant"]: row for row in recorded[name]}
    assert len(found) == len(recorded[name])
    measured = json.loads((finished / f"results/{name}/details.json").read_text())
    chosen = read_yaml(finished / "params.yaml")[name]
    # The identities of information are about no variant.
    assert found.keys() == measured.keys() - {"identities"} >= set(chosen.get("variants", []))
    for variant, row in found.items():
        drawn = variant.startswith(tuple(EXPERIMENTS[name].drawn))
        assert row["data"] == ([] if drawn else sorted(EXPERIMENTS[name].splits))
        first = next(key for key, value in measured[variant].items() if isinstance(value, dict) and "mean" in value)
        assert row["metrics"][f"test/{first}.mean"] == measured[variant][first]["mean"]
        assert bool(row["epochs"]) == (variant != "hand_set")


def test_there_is_nothing_to_do_the_second_time(finished):
    assert "up to date" in run(finished, "dvc", "repro")
    assert "up to date" in run(finished, "dvc", "status")


def test_metrics_are_shown(finished):
    shown = answer(finished, "dvc", "metrics", "show", "--json")[""]["data"]
    assert {path: found["data"] for path, found in shown.items()} == {
        f"results/{name}/metrics.json": metrics(finished, name) for name in EXPERIMENTS
    }


def test_metrics_fit_a_screen(finished):
    shown = run(finished, "dvc", "metrics", "show").splitlines()
    assert len(shown) == 1 + len(EXPERIMENTS)
    assert max(map(len, shown)) <= 160


def test_pictures_and_tables_are_plotted(finished):
    page = run(finished, "dvc", "plots", "show").strip().splitlines()[-1].removeprefix("file://")
    page = Path(page.replace("%20", " "))
    html = page.read_text()
    wanted = [next(iter(plot)) for plot in read_yaml(finished / "dvc.yaml")["plots"]]
    pictures = [name for name in wanted if name.endswith(".png")]
    assert len(pictures) == 36
    for path in pictures:
        name = "workspace_" + path.replace("/", "_")
        assert name in html, path
        assert (page.parent / "static" / name).read_bytes() == (finished / path).read_bytes()
    for title in set(wanted) - set(pictures):
        assert title in html
    for column in ("val_loss", "pixel_accuracy"):
        assert column in html


def test_the_pipeline_is_restored_from_the_run_cache(finished, recorded):
    """Nothing is trained or evaluated again, and `maskwright sync` records what MLflow does not know."""
    lock = (finished / "dvc.lock").read_bytes()
    (finished / "dvc.lock").unlink()
    for name in ("mlartifacts", "models", "results"):
        shutil.rmtree(finished / name)
    (finished / "mlflow.db").unlink()
    run(finished, "git", "checkout", "-q", "--", "results/sweep")
    shown = run(finished, "dvc", "repro")
    # What git keeps, DVC does not: tables alone are made anew.
    again = {line.split("'")[1] for line in shown.splitlines() if line.startswith("Running stage")}
    assert again == {"effects@autoencoder", "effects@detection", "claims"}
    assert (finished / "dvc.lock").read_bytes() == lock
    assert run(finished, "git", "status", "--porcelain") == ""

    (finished / "mlflow.db").unlink()
    shutil.rmtree(finished / "mlartifacts")
    names = [*EXPERIMENTS, *(f"sweep {name}" for name in SWEPT)]
    assert sync(finished).splitlines()[: len(names)] == [f"{name}: recorded" for name in names]
    assert sync(finished).splitlines()[: len(names)] == [f"{name}: was recorded already" for name in names]
    synced = rows(finished, *EXPERIMENTS)
    for name, before in recorded.items():
        for part in ("name", "params", "metrics", "epochs", "data"):
            assert sorted(str(row[part]) for row in synced[name]) == sorted(str(row[part]) for row in before)
        assert sorted(map(description, synced[name])) == sorted(map(description, before))
