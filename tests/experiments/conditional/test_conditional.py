import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.drinks.dataset import write_drinks
from maskwright.experiments.conditional import EXPERIMENT
from maskwright.experiments.conditional.data import ClassNames, read_class_names, read_hierarchy
from maskwright.experiments.conditional.generate import write_hierarchy
from maskwright.experiments.conditional.learn.train import train
from maskwright.experiments.conditional.report import evaluate as reports
from maskwright.learning.common.saved import load_model
from maskwright.params import parse_params
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.identity import content_hash
from maskwright.shared.yaml_file import read_yaml
from support.bar_digits import write_bar_digits

SHIPPED = Path(__file__).parents[3] / "params.yaml"
VARIANTS = ["soft", "hard", "routed", "none", "oracle"]


def params(**changes):
    values = read_yaml(SHIPPED)
    small = {"seeds": 2, "epochs": 2, "batch_size": 20, "trunk": [4, 6], "branch": 5}
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
    for name in ("gate_bars", "gate_maps", "uncertainty_curve", "loss_curves", "save_figures"):
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
    for name, values in variants.items():
        gate = np.array(values["gate"])
        assert gate.shape == (2, 2)
        np.testing.assert_allclose(gate.sum(axis=1), 2 if name == "none" else 1, rtol=1e-5)
    assert variants["oracle"]["gate"] == [[1, 0], [0, 1]]
    # All gated networks are of one size; only where a branch is closed is there something to save.
    sizes = {name: (values["parameters"], values["multiply_adds"]) for name, values in variants.items()}
    assert len({sizes[name] for name in ("soft", "hard", "none", "oracle")}) == 1
    for name in ("soft", "none"):
        assert variants[name]["multiply_adds_run"] == variants[name]["multiply_adds"]
    # A branch: 7 x 7 of 3 x 3 x 4 x 5, then of 3 x 3 x (5 + 6) x 5, and 245 x 32.
    branch = 49 * 9 * 4 * 5 + 49 * 9 * 11 * 5 + 245 * 32
    assert variants["hard"]["multiply_adds"] - variants["hard"]["multiply_adds_run"] == branch
    # A trunk: 14 x 14 x 5 x 5 x 4, 7 x 7 of 3 x 3 x 4 x 6, its head of 294 x 2; a specialist ends in 32 x 10.
    trunk = 196 * 25 * 4 + 49 * 9 * 4 * 6 + 294 * 2
    assert variants["routed"]["multiply_adds"] == 3 * trunk + 2 * (branch + 320)
    assert variants["routed"]["multiply_adds_run"] == 2 * trunk + branch + 320


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
    pd.testing.assert_frame_equal(again, first[first["variant"].isin(again["variant"])].reset_index(drop=True))


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
