import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from maskwright.data.xor import write_xor
from maskwright.experiments import xor
from maskwright.nn.saved import load_model
from maskwright.params import parse_params
from maskwright.pipeline import content_hash

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def params(**changes):
    values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    values["xor"] |= {"seeds": 3, "steps": 100, **changes}
    return parse_params(values)


def run(root, **changes):
    write_xor(root / "data")
    settings = params(**changes)
    xor.train(settings, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return xor.evaluate(settings, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("xor")
    return root, run(root)


def test_writes_what_it_says(finished):
    root, metrics = finished
    chosen = json.loads((root / "results/metrics.json").read_text())
    assert chosen == {name: metrics[name] for name in ("accuracy", "loss", "solved")}
    assert json.loads((root / "results/plots/variants.json").read_text()) == metrics["variants"]
    assert set(metrics["variants"]) == {"signal", "random", "none"}
    for variant, inputs, best in (("signal", 48, 1.0), ("random", 768, 0.75), ("none", 48, 0.75)):
        values = metrics["variants"][variant]
        assert values["inputs"] == inputs
        assert values["best_possible_accuracy"] == best
        assert values["seeds"] == 3
        # After 100 steps every network still says the same to all.
        assert values["stuck"] == 3
    assert metrics["accuracy"] == metrics["variants"]["signal"]["accuracy"]["mean"]
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
    inputs, labels = xor.dataset(params(), root / "data")["signal"]
    outputs = np.asarray(model(inputs))
    assert outputs.shape == (48, 3, 2)
    np.testing.assert_allclose(outputs.sum(-1), 1, rtol=1e-5)
    rows = table[table["variant"] == "signal"]
    for seed in range(3):
        right = outputs[:, seed].argmax(1) == labels.argmax(1)
        assert rows["accuracy"].iloc[seed] == pytest.approx(right.mean(), rel=1e-5)
        # A batch has four of the 48 inputs.
        expected = ((outputs[:, seed] - labels) ** 2).sum() * 4 / 48
        assert rows["loss"].iloc[seed] == pytest.approx(expected, rel=1e-5)


def test_weights_begin_where_the_source_has_them():
    model = xor.build(params(seeds=50).xor, "signal")
    for weight in model.weights:
        values = np.asarray(weight)
        assert 0.1 <= values.min() < 0.15
        assert 0.85 < values.max() <= 0.9


def test_batches():
    order = next(xor._order(params(steps=500).xor, 768))
    assert order.shape == (10, 50, 4, 3)
    # 12 groups of 64 rows: a batch has the four cases of one position.
    position, case = order // 64 // 4, order // 64 % 4
    assert (position == position[:, :, :1]).all()
    assert (case == np.arange(4)[:, None]).all()
    assert {0, 1, 2} == set(position.ravel().tolist())
    assert set(range(64)) == set((order % 64).ravel().tolist())
    assert (order[..., 0] != order[..., 1]).any()


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
    metrics = run(tmp_path, seeds=20, steps=5000, variants=["signal", "none"])["variants"]
    assert metrics["signal"]["stuck"] <= 5
    assert metrics["signal"]["median_loss"] < 0.01
    assert metrics["none"]["stuck"] == 20
    assert metrics["none"]["accuracy"]["high"] <= 0.75


def test_keys_follow_what_determines_the_training(tmp_path):
    write_xor(tmp_path)
    keys = xor.run_keys(params(), tmp_path)
    assert len(set(keys.values())) == 3
    assert xor.run_keys(params(mask="none"), tmp_path) == {v: keys[v] for v in ("none", "signal", "random")}
    assert xor.run_keys(params(hidden=4), tmp_path)["signal"] != keys["signal"]
    with (tmp_path / "signal.csv").open("a") as file:
        file.write("0,0,0,0,0,0,1,1,0,0\n")
    changed = xor.run_keys(params(), tmp_path)
    assert changed["signal"] != keys["signal"]
    assert changed["none"] == keys["none"]
