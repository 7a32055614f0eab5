import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.experiments.clustering.learn import train as training
from maskwright.experiments.clustering.learn.pictures import read_pictures
from maskwright.experiments.clustering.report import evaluate as report
from maskwright.experiments.clustering.serve import serving_model
from maskwright.learning.common.saved import read_about
from maskwright.shared.identity import content_hash
from support.tiny_clustering import tiny_clustering, write_data


def run(root):
    write_data(root)
    settings = tiny_clustering()
    training.train(settings, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return report.evaluate(settings, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("clustering")
    return root, run(root)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, (metrics, details) = finished
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/details.json").read_text()) == details
    assert list(details) == ["iic"]
    assert metrics == {"accuracy": details["iic"]["accuracy"]["mean"]}
    table = pd.read_csv(root / "results/plots/replicates.csv")
    found = details["iic"]
    for name in set(table) - {"variant", "seed"}:
        assert found[name]["mean"] == pytest.approx(table[name].mean(), rel=1e-5)
        if name != "information":
            assert found[name]["test_low"] - 1e-9 <= found[name]["mean"] <= found[name]["test_high"] + 1e-9
    examples = pd.read_csv(root / "results/plots/examples.csv")
    assert len(examples) == 30
    for name in examples:
        assert examples[name].mean() == pytest.approx(found[name.removeprefix("iic/")]["mean"], rel=1e-5)
    assert found["over_k_means"]["mean"] == pytest.approx(
        found["accuracy"]["mean"] - found["k_means_accuracy"]["mean"], abs=1e-9
    )
    assert found["heads"] == 2 * 2
    for name in ("information", "accuracy", "joint", "confusion", "galleries", "linear"):
        assert np.asarray(Image.open(root / f"results/plots/{name}.png")).std() > 5
    history = pd.read_csv(root / "results/training.csv")
    assert history["epoch"].tolist() == [1, 2, 3]
    # The source's way decides on the test images themselves which cluster is which, so it cannot score less.
    assert details["iic"]["source_accuracy"]["mean"] >= metrics["accuracy"]


@pytest.mark.slow
def test_the_head_with_the_least_loss_counts(finished):
    root, _ = finished
    model, about = serving_model(root / "model/iic"), read_about(root / "model/iic")
    assert about["heads"] == [[2, 3], [1, 5]]
    assert about["best_head"] == [int(np.argmax(heads)) for heads in about["information"]]
    test = read_pictures(root / "data", "test")
    outputs = np.asarray(model(test.images.astype(np.float32) / 255))
    assert outputs.shape == (30, 2, 11)
    np.testing.assert_allclose(outputs.sum(axis=-1), 3, rtol=1e-5)
    table = pd.read_csv(root / "results/plots/replicates.csv")
    np.testing.assert_allclose(table["information"], [max(heads) for heads in about["information"]], rtol=1e-5)
    heads = pd.read_csv(root / "results/plots/heads.csv")
    assert len(heads) == 2 * 2
    for seed, best in enumerate(about["best_head"]):
        mine = heads[heads["seed"] == seed]
        chosen = mine[mine["variant"] == f"head {best}"].iloc[0]
        row = table.iloc[seed]
        for name in ("accuracy", "majority_accuracy", "nmi", "ari", "source_accuracy", "information"):
            assert row[name] == pytest.approx(chosen[name], rel=1e-5)
        assert row["most_accurate"] == pytest.approx(mine["accuracy"].max(), rel=1e-5)


@pytest.mark.slow
def test_repeats_itself_byte_by_byte(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    for part in ("data", "model", "results"):
        assert content_hash(tmp_path / part) == content_hash(root / part)
