import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.experiments.xor.data import read_xor, write_xor
from maskwright.experiments.xor.learn.train import train
from maskwright.experiments.xor.report.evaluate import evaluate
from maskwright.experiments.xor.serve import serving_model
from maskwright.experiments.xor.trial import trial
from maskwright.learning.common.saved import load_model
from maskwright.params import load_params
from maskwright.shared.identity import content_hash

SHIPPED = Path(__file__).parents[3] / "params.yaml"


def settings(**changes):
    return load_params(SHIPPED).section("xor").model_copy(update={"seeds": 3, "steps": 100, **changes})


def run(root, **changes):
    write_xor(root / "data")
    section = settings(**changes)
    train(section, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return evaluate(section, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("xor")
    return root, run(root)


def test_writes_what_it_says(finished):
    root, (metrics, variants) = finished
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/details.json").read_text()) == variants
    assert set(variants) == {"signal", "random", "none"}
    for variant, inputs, best in (("signal", 48, 1.0), ("random", 768, 0.75), ("none", 48, 0.75)):
        values = variants[variant]
        assert values["inputs"] == inputs
        assert values["best_possible_accuracy"] == best
        assert values["seeds"] == 3
        # After 100 steps every network still says the same to all.
        assert values["stuck"] == 3
        spread = values["batch_loss"]
        # At worst all four answers of a batch are wrong and certain: 4 x 2.
        assert 0 < spread["low"] <= spread["median"] <= spread["high"] <= 8
    assert variants["signal"]["below_sources_loss"]["mean"] == 0
    assert variants["random"]["sources_loss"] == pytest.approx(0.81, abs=0.005)
    assert "sources_loss" not in variants["none"]
    assert metrics == {name: variants["signal"][name]["mean"] for name in ("accuracy", "solved")}
    history = pd.read_csv(root / "results/training.csv")
    assert history.groupby("variant")["epoch"].apply(list).to_dict() == {
        v: [1, 2] for v in ("signal", "random", "none")
    }
    for name in ("accuracy.png", "examples.png", "loss.png"):
        assert np.asarray(Image.open(root / "results/plots" / name)).std() > 5


def test_the_numbers_are_those_of_the_saved_networks(finished):
    root, _ = finished
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    assert table["variant"].value_counts().to_dict() == {"signal": 3, "random": 3, "none": 3}
    model, about = load_model(root / "model/signal")
    assert about["parameters_of_one"] == 8 * 9 + 9 + 9 * 2 + 2
    inputs, labels = read_xor(root / "data", "signal")
    outputs = np.asarray(model(inputs))
    assert outputs.shape == (48, 3, 2)
    np.testing.assert_allclose(outputs.sum(-1), 1, rtol=1e-5)
    rows = table[table["variant"] == "signal"]
    for seed in range(3):
        right = outputs[:, seed].argmax(1) == labels.argmax(1)
        assert rows["accuracy"].iloc[seed] == pytest.approx(right.mean(), rel=1e-5)
        assert rows["certainty"].iloc[seed] == pytest.approx((outputs[:, seed] * labels).sum(-1).min(), rel=1e-5)
        # A batch has four of the 48 inputs.
        expected = ((outputs[:, seed] - labels) ** 2).sum() * 4 / 48
        assert rows["loss"].iloc[seed] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_repeats_itself_and_a_seed_alone_ends_as_among_others(finished, tmp_path):
    root, _ = finished
    run(tmp_path / "again")
    assert content_hash(tmp_path / "again/model") == content_hash(root / "model")
    assert content_hash(tmp_path / "again/results") == content_hash(root / "results")
    run(tmp_path / "alone", seeds=2, seed=1, variants=[])
    assert [path.name for path in (tmp_path / "alone/model").iterdir()] == ["signal"]
    together, alone = (load_model(path / "model/signal")[0] for path in (root, tmp_path / "alone"))
    for many, few in zip(together.weights, alone.weights, strict=True):
        np.testing.assert_allclose(many[1:], few, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_with_the_mask_it_is_solved_and_without_it_cannot_be(tmp_path):
    variants = run(tmp_path, seeds=20, steps=5000, variants=["signal", "none"]).details
    assert variants["signal"]["stuck"] <= 5
    assert variants["signal"]["median_loss"] < 0.01
    assert variants["none"]["stuck"] == 20
    assert variants["none"]["accuracy"]["high"] <= 0.75


@pytest.mark.slow
def test_a_trial_is_what_training_the_same_network_among_others_gives(finished):
    root, _ = finished
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    rows = table[table["variant"] == "none"].set_index("seed")
    for seed in (0, 2):
        numbers, examples, _ = trial(settings(mask="none", seed=seed), root / "data")
        assert examples == {}
        assert numbers == pytest.approx(rows.loc[seed, ["accuracy", "loss", "solved"]].to_dict(), rel=1e-3)


def test_serves_a_variant(finished):
    root, _ = finished
    keras.utils.clear_session()
    model = serving_model(root / "model/none")
    assert [tuple(tensor.shape) for tensor in model.inputs] == [(None, 4, 1)]
    assert model(np.zeros((5, 4, 1), np.float32)).shape == (5, 3, 2)
