import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.drinks.dataset import write_drinks
from maskwright.experiments.conditional import EXPERIMENT
from maskwright.experiments.conditional.data import ClassNames, read_class_names, read_hierarchy
from maskwright.experiments.conditional.generate import write_hierarchy
from maskwright.experiments.conditional.learn.train import train
from maskwright.experiments.conditional.params import SOURCE
from maskwright.experiments.conditional.report import evaluate as reports
from maskwright.learning.common.saved import load_model
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.identity import content_hash
from maskwright.shared.yaml_file import read_yaml
from support.bar_digits import write_bar_digits

SHIPPED = Path(__file__).parents[3] / "params.yaml"
VARIANTS = ["soft", "hard", "none", "plain", "routed", "routed_matched", "specialists", "oracle"]


def params(**changes):
    values = read_yaml(SHIPPED)
    small: dict[str, Any] = {"seeds": 2, "epochs": 2, "batch_size": 20, "trunk": [4, 6], "branch": 5}
    values["conditional"] |= {**small, "variants": VARIANTS[:-1], **changes}
    return parse_params(values)


def settings(**changes):
    return params(**changes).section("conditional")


def write_data(root):
    write_bar_digits(root / "digits", train=200, validation=10, test=40)
    write_hierarchy(settings(), params().annotations, root / "digits", root / "data")


def run(root, **changes):
    write_data(root)
    few = settings(**changes)
    train(few, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return reports.evaluate(few, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("conditional")
    return root, run(root)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures, which take most of an evaluation as small as these."""
    for name in ("gate_bars", "gate_maps", "uncertainty_curves", "loss_curves", "save_figures"):
        monkeypatch.setattr(reports, name, lambda *arguments, **keywords: None)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, (metrics, variants) = finished
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/details.json").read_text()) == variants
    assert list(variants) == VARIANTS
    assert metrics == {"accuracy": variants["soft"]["accuracy"]["mean"]}
    assert "fall" not in variants["none"]
    assert variants["soft"]["above_none"]["mean"] == pytest.approx(
        variants["soft"]["accuracy"]["mean"] - variants["none"]["accuracy"]["mean"]
    )
    for name in ("loss.png", "accuracy.png", "gates.png", "uncertainty.png"):
        assert np.asarray(Image.open(root / "results/plots" / name)).std() > 5
    history = pd.read_csv(root / "results/training.csv", keep_default_na=False)
    assert history["variant"].tolist() == [variant for variant in VARIANTS for _ in range(2)]


@pytest.mark.slow
def test_gates_and_costs_of_the_variants(finished):
    _, (_, variants) = finished
    assert [name for name, values in variants.items() if "gate" not in values] == ["none", "plain"]
    for name in set(VARIANTS) - {"none", "plain"}:
        gate = np.array(variants[name]["gate"])
        assert gate.shape == (2, 2)
        np.testing.assert_allclose(gate.sum(axis=1), 1, rtol=1e-5)
    assert variants["oracle"]["gate"] == [[1, 0], [0, 1]]
    # All gated networks are of one size; only where a branch is closed is there something to save.
    sizes = {name: (values["parameters"], values["multiply_adds"]) for name, values in variants.items()}
    assert len({sizes[name] for name in ("soft", "hard", "none", "oracle")}) == 1
    for name in ("soft", "none", "plain"):
        assert variants[name]["multiply_adds_run"] == variants[name]["multiply_adds"]
    # A branch: 7 x 7 of 3 x 3 x 4 x 5, then of 3 x 3 x (5 + 6) x 5, and 245 x 32.
    branch = 49 * 9 * 4 * 5 + 49 * 9 * 11 * 5 + 245 * 32
    assert variants["hard"]["multiply_adds"] - variants["hard"]["multiply_adds_run"] == branch
    # A trunk: 14 x 14 x 5 x 5 x 4, and 7 x 7 of 3 x 3 x 4 x 6. The first network ends in 294 x 2, others in 32 x 10.
    trunk = 196 * 25 * 4 + 49 * 9 * 4 * 6
    for name in ("routed", "specialists"):
        assert variants[name]["multiply_adds"] == 3 * trunk + 294 * 2 + 2 * (branch + 320)
        assert variants[name]["multiply_adds_run"] == 2 * trunk + 294 * 2 + branch + 320
    # With so few filters a match is rougher than that of the presets, which test_matching looks at.
    for name in ("plain", "routed_matched"):
        assert sizes[name] == pytest.approx(sizes["soft"], rel=0.05)


@pytest.mark.slow
def test_each_number_has_both_intervals_and_the_tables_have_its_values(finished):
    root, (_, variants) = finished
    seeds = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False, na_values=[""])
    images = pd.read_csv(root / "results/plots/examples.csv")
    assert len(images) == 40
    for column in images:
        variant, name = column.split("/")
        number = variants[variant][name]
        assert number["low"] <= number["mean"] <= number["high"]
        assert number["test_low"] <= number["mean"] <= number["test_high"]
        assert images[column].mean() == pytest.approx(number["mean"], abs=1e-5)
        assert seeds[seeds["variant"] == variant][name].mean() == pytest.approx(number["mean"], abs=1e-5)
    assert {column.split("/")[0] for column in images} == set(VARIANTS)
    assert {"below_soft", "above_none", "below_oracle", "fall"} <= set(variants["routed"])
    for name in ("below_soft", "fall"):
        assert {"mean", "low", "high", "test_low", "test_high"} == set(variants["routed"][name])


@pytest.mark.slow
def test_what_is_measured_of_the_soft_switch(finished):
    _, (_, variants) = finished
    soft = variants["soft"]
    assert soft["gradient_through_if_then"] == 0
    assert soft["gradient_through_switch"] > 0
    assert soft["uncertain_smaller_share"]["mean"] > soft["certain_smaller_share"]["mean"] > 0
    assert soft["uncertain_fall"]["mean"] == pytest.approx(
        soft["uncertain_accuracy"]["mean"] - soft["uncertain_hard_accuracy"]["mean"]
    )
    assert "likeliest_accuracy" in variants["routed"]


@pytest.mark.slow
def test_the_source_s_settings_in_small(tmp_path, undrawn):
    write_bar_digits(tmp_path / "digits", train=40, validation=2, test=10)
    of_source = {**SOURCE, "side": 161, "epochs": 1, "batch_size": 20, "variants": []}
    few = settings(**of_source)
    write_hierarchy(few, params().annotations, tmp_path / "digits", tmp_path / "data")
    paths = {"data": tmp_path / "data", "model": tmp_path / "model", "results": tmp_path / "results"}
    train(few, data=paths["data"], out=paths["model"], history=paths["results"] / "training.csv")
    model, about = load_model(paths["model"] / "soft")
    assert model.input_shape == (None, 161, 161, 1)
    assert model.output_shape == (None, 2, 4)
    assert about["fine"] == about["coarse"] == ["below five", "five and above"]
    # Sides of 53, 17, 5 and 1; the first convolution has one channel.
    first = 15 * 2 + 2
    trunk = (9 * 1 * 6 + 6) + (9 * 6 * 9 + 9) + (9 * 9 * 12 + 12) + (9 * 12 * 15 + 15)
    assert about["parameters_of_one"] == trunk + first + 2 * 1635 + 984 + (30 * 32 + 32) + (32 * 2 + 2)
    _, variants = reports.evaluate(few, **paths)
    assert list(variants) == ["soft", "oracle"]
    assert variants["soft"]["gradient_through_if_then"] == 0


@pytest.mark.slow
def test_images_that_are_too_small_for_the_source_s_network(tmp_path):
    write_data(tmp_path)
    small = settings(**{**SOURCE, "batch_size": 20})
    with pytest.raises(MaskwrightError, match=r"conditional\.side: images of 28 pixels are too small"):
        train(small, data=tmp_path / "data", out=tmp_path / "model", history=tmp_path / "history.csv")
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_numbers_are_those_of_the_saved_networks(finished):
    root, _ = finished
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    test = read_hierarchy(root / "data", "test")
    images = test.images.astype(np.float32) / 255
    for variant in VARIANTS:
        model, about = load_model(root / "model" / variant)
        assert (about["coarse"], about["seeds"]) == (["below five", "five and above"], 2)
        inputs = [images, np.eye(2, dtype=np.float32)[test.coarse]] if variant == "oracle" else images
        logits = np.asarray(model(inputs))
        assert logits.shape == (40, 2, 12)
        rows = table[table["variant"] == variant]
        fine = (logits[..., 2:].argmax(axis=-1) == test.fine[:, None]).mean(axis=0)
        coarse = (logits[..., :2].argmax(axis=-1) == test.coarse[:, None]).mean(axis=0)
        np.testing.assert_allclose(rows["accuracy"].astype(float), fine, rtol=1e-5)
        np.testing.assert_allclose(rows["coarse_accuracy"].astype(float), coarse, rtol=1e-5)


@pytest.mark.slow
def test_repeats_itself_byte_by_byte_whatever_trains_beside(finished, tmp_path, undrawn):
    root, _ = finished
    run(tmp_path, variants=["none"])
    assert content_hash(tmp_path / "data") == content_hash(root / "data")
    for variant in ("soft", "none", "oracle"):
        assert content_hash(tmp_path / "model" / variant) == content_hash(root / "model" / variant)
    tables = (path / "results/plots/replicates.csv" for path in (tmp_path, root))
    again, first = (pd.read_csv(table, keep_default_na=False) for table in tables)
    first = first[first["variant"].isin(again["variant"])].reset_index(drop=True)
    # The others have a measure more.
    pd.testing.assert_frame_equal(again, first[again.columns])


@pytest.mark.slow
def test_regions_of_the_drinks_set(tmp_path, monkeypatch, undrawn):
    monkeypatch.chdir(tmp_path)
    data = Path("data/conditional")
    shipped = params()
    drinks = shipped.drinks.model_copy(update={"train": 16, "validation": 3, "test": 6, "size": (48, 64)})
    write_drinks(drinks, Path("data/drinks"), workers=1, progress=False)
    regions = {"source": "regions", "coarse": "container", "fine": "flavour", "side": 16}
    few = settings(**regions, epochs=1, batch_size=8, variants=[])
    write_hierarchy(few, shipped.annotations, Path("data/digits"), data)
    names = read_class_names(data)
    assert names == ClassNames(("bottle", "can"), ("juice", "soda", "water"))
    for split in ("train", "validation", "test"):
        drawn = read_hierarchy(data, split)
        assert drawn.images.shape[1:] == (16, 16, 3)
        np.testing.assert_array_equal(drawn.coarse == 0, drawn.fine == 2)  # water comes in bottles, and nothing else
    train(few, data=data, out=Path("models"), history=Path("results/training.csv"))
    measured = reports.evaluate(few, data=data, model=Path("models"), results=Path("results"))
    assert set(measured.details) == {"soft", "oracle"}


def test_the_data_are_made_by_the_sections_of_their_source():
    sections_of = EXPERIMENT.sections_of
    assert sections_of is not None
    assert sections_of(settings()) == ("digits",)
    assert sections_of(settings(source="regions", coarse="container")) == ("annotations",)


def test_too_few_images_for_a_batch(tmp_path):
    write_data(tmp_path)
    with pytest.raises(MaskwrightError, match=r"conditional\.batch_size: 300 is more than the 200 training images"):
        train(
            settings(batch_size=300), data=tmp_path / "data", out=tmp_path / "model", history=tmp_path / "history.csv"
        )
    assert not (tmp_path / "model").exists()
