import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.experiments.masked_digits.data import read_masked_digits
from maskwright.experiments.masked_digits.generate import write_masked_digits
from maskwright.experiments.masked_digits.learn.answers import read_sets
from maskwright.experiments.masked_digits.learn.train import train
from maskwright.experiments.masked_digits.report.evaluate import evaluate
from maskwright.experiments.masked_digits.report.metrics import guessing_ceiling, presence_ceiling
from maskwright.experiments.masked_digits.serve import serving_model
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_examples
from maskwright.params import load_params
from maskwright.shared.identity import content_hash
from support.bar_digits import write_bar_digits

SHIPPED = Path(__file__).parents[3] / "params.yaml"
WAYS = ["plain_channel", "channel", "multiply", "attention", "pool", "none", "random"]


def settings(**changes):
    shipped = load_params(SHIPPED).section("masked_digits")
    return shipped.model_copy(
        update={"seeds": 2, "epochs": 1, "control_epochs": 2, "mask": "plain_channel", "variants": WAYS, **changes}
    )


def write_data(root, train=160):
    write_bar_digits(root / "digits", train=train, validation=20, test=30)
    write_masked_digits(settings(), root / "digits", root / "data")


def run(root, **changes):
    write_data(root)
    section = settings(**changes)
    train(section, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return evaluate(section, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("masked_digits")
    return root, run(root)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, (metrics, variants) = finished
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/details.json").read_text()) == variants
    assert list(variants) == [*WAYS, "single"]
    ceilings = {
        f"{prefix}{name}_ceiling": ceiling(read_masked_digits(root / "data", kind, "test").digits)
        for kind, prefix in (("grid", ""), ("canvas", "canvas_"))
        for name, ceiling in (("guessing", guessing_ceiling), ("presence", presence_ceiling))
    }
    assert metrics == {"accuracy": variants["plain_channel"]["accuracy"]["mean"]}
    for variant in WAYS:
        values = variants[variant]
        assert {name: values[name] for name in ceilings} == ceilings
        assert set(values["below_bound"]) == {"mean", "low", "high", "test_low", "test_high"}
        if variant in ("none", "random"):
            left = ceilings["guessing_ceiling"] - values["expected_accuracy"]["mean"]
            assert values["below_ceiling"]["mean"] == pytest.approx(left)
    assert set(variants["single"]) == {"accuracy", "seeds"}
    difference = variants["single"]["accuracy"]["mean"] - variants["pool"]["accuracy"]["mean"]
    assert variants["pool"]["below_bound"]["mean"] == pytest.approx(difference)
    history = pd.read_csv(root / "results/training.csv", keep_default_na=False)
    epochs = history.groupby("variant", sort=False)["epoch"].max().to_dict()
    assert epochs == {**dict.fromkeys(WAYS, 1), "none": 2, "random": 2, "single": 1}
    assert (history["loss"] > 0).all()
    for name in ("accuracy.png", "examples.png", "loss.png", "predictions.png"):
        assert np.asarray(Image.open(root / "results/plots" / name)).std() > 5


@pytest.mark.slow
def test_the_numbers_are_those_of_the_saved_networks(finished):
    root, _ = finished
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    sets = read_sets(root / "data", "test")
    examples = read_examples(root / "results/plots/examples.csv")
    assert len(examples) == 30
    for variant, name in (("attention", "canvas"), ("random", "random_canvas")):
        inputs, labels = sets[name]
        model, about = load_model(root / "model" / variant)
        assert about["seeds"] == 2
        outputs = np.asarray(model(inputs.astype(np.float32) / 255))
        assert outputs.shape == (30, 2, 10)
        expected = (outputs.argmax(-1) == labels[:, None]).mean(axis=0)
        rows = table[table["variant"] == variant]
        np.testing.assert_allclose(rows["canvas_accuracy"].astype(float), expected, rtol=1e-5)
        each = (outputs.argmax(-1) == labels[:, None]).mean(axis=1)
        np.testing.assert_array_equal(examples[f"{variant}/canvas_accuracy"], each)
    assert set(table.loc[table["variant"] == "single", "canvas_accuracy"]) == {""}


@pytest.mark.slow
def test_repeats_itself_byte_by_byte(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    assert content_hash(tmp_path / "data") == content_hash(root / "data")
    assert content_hash(tmp_path / "model") == content_hash(root / "model")
    assert content_hash(tmp_path / "results") == content_hash(root / "results")


@pytest.mark.slow
def test_a_seed_alone_ends_as_among_others_and_its_choice_is_all_that_trains(finished, tmp_path):
    root, _ = finished
    metrics, variants = run(tmp_path, mask="pool", variants=[], seed=1)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["pool", "single"]
    assert list(variants) == ["pool", "single"]
    assert metrics["accuracy"] == variants["pool"]["accuracy"]["mean"]
    together, others = (load_model(path / "model/pool")[0] for path in (root, tmp_path))
    weights = [[np.asarray(w) for w in model.get_layer("seed_1").weights] for model in (together, others)]
    assert len(weights[0]) == 10
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_serves_a_variant(finished):
    root, _ = finished
    keras.utils.clear_session()
    model = serving_model(root / "model/multiply")
    assert [tuple(tensor.shape) for tensor in model.inputs] == [(None, None, None, 2)]
    assert model(np.zeros((3, 40, 30, 2), np.float32)).shape == (3, 2, 10)
