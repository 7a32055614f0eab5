import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from bar_digits import write_bar_digits
from PIL import Image

from maskwright.data.drinks import write_drinks
from maskwright.data.hierarchy import ClassNames, TwoLevels, read_class_names, read_hierarchy
from maskwright.data.hierarchy_sources import write_hierarchy
from maskwright.errors import MaskwrightError
from maskwright.experiments import conditional
from maskwright.nn.fitting import Recipe, start_fitting
from maskwright.nn.saved import load_model
from maskwright.params import parse_params
from maskwright.pipeline import content_hash
from maskwright.recording import trainings_of

SHIPPED = Path(__file__).parents[2] / "params.yaml"
VARIANTS = ["soft", "hard", "routed", "none", "oracle"]


def params(**changes):
    values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    small = {"seeds": 2, "epochs": 2, "batch_size": 20, "trunk": [4, 6], "branch": 5}
    values["conditional"] |= {**small, "variants": VARIANTS[:-1], **changes}
    return parse_params(values)


def write_data(root):
    write_bar_digits(root / "digits", train=200, validation=10, test=40)
    write_hierarchy(params(), root / "digits", root / "data")


def run(root, **changes):
    write_data(root)
    settings = params(**changes)
    conditional.train(settings, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return conditional.evaluate(settings, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("conditional")
    return root, run(root)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave out the pictures, which take most of an evaluation as small as these."""
    for name in ("accuracy_bars", "gate_maps", "uncertainty_curve", "loss_curves", "save_figure"):
        monkeypatch.setattr(conditional, name, lambda *arguments, **keywords: None)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, metrics = finished
    variants = dict(metrics)["variants"]
    stored = {name: value for name, value in metrics.items() if name != "variants"}
    assert json.loads((root / "results/metrics.json").read_text()) == stored
    assert json.loads((root / "results/plots/variants.json").read_text()) == variants
    assert list(variants) == VARIANTS
    assert metrics["accuracy"] == variants["soft"]["accuracy"]["mean"]
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
    _, metrics = finished
    variants = metrics["variants"]
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
    few = {"source": "regions", "coarse": "container", "fine": "flavour", "side": 16}
    settings = params(**few, epochs=1, batch_size=8, variants=[])
    write_hierarchy(settings, Path("data/digits"), data)
    names = read_class_names(data)
    assert names == ClassNames(("bottle", "can"), ("juice", "soda", "water"))
    for split in ("train", "validation", "test"):
        drawn = read_hierarchy(data, split)
        assert drawn.images.shape[1:] == (16, 16, 3)
        np.testing.assert_array_equal(drawn.coarse == 0, drawn.fine == 2)  # water comes in bottles, and nothing else
    conditional.train(settings, data=data, out=Path("models"), history=Path("results/training.csv"))
    measured = conditional.evaluate(settings, data=data, model=Path("models"), results=Path("results"))
    assert set(measured["variants"]) == {"soft", "oracle"}
    # What chose the regions is in the record of a training on them, and of no other.
    training, _ = trainings_of("conditional", settings)
    assert training.data_name == "data/drinks"
    assert training.params["annotations"]["root"] == "data/drinks"
    assert set(training.params) == {"annotations", "conditional", "drinks"}
    training, *_ = trainings_of("conditional", shipped)
    assert (training.data_name, set(training.params)) == ("conditional", {"conditional", "digits"})


@pytest.mark.slow
def test_the_source_s_network_builds_and_trains():
    settings = params(preset="source", trunk=None, branch=None).conditional
    sizes = conditional.sizes(settings, 500, 3)
    assert (sizes.trunk, sizes.branch) == ((6, 9, 12, 15), 15)
    model = conditional.one_network(settings, "soft", sizes, (2, 2), seed=0)
    # The last map has 500 / 2^4 = 32 pixels each way.
    assert [tuple(output.shape) for output in model.get_layer("trunk").outputs] == [
        (None, 63, 63, 12),
        (None, 32, 32, 15),
        (None, 2),
    ]
    before = model.get_weights()
    levels = np.array([0, 1], np.uint8)
    images = np.random.default_rng(0).integers(0, 256, (2, 500, 500, 3), np.uint8)
    shown = conditional._shown(TwoLevels(images, levels, levels), shift=2)(0)
    recipe = Recipe(epochs=1, batch_size=2, learning_rate=0.001, weight_decay=0.0)
    with ThreadPoolExecutor(1) as pool:
        (fitted,) = start_fitting(pool, [model], [shown], conditional._loss("soft", (2, 2), 0.5), recipe)
    assert np.isfinite(fitted.result()["loss"]).all()
    assert all((one != other).any() for one, other in zip(before, model.get_weights(), strict=True))


def test_what_a_network_is_shown():
    images = np.zeros((4, 6, 6, 1), np.uint8)
    images[:, 3, 3] = 255
    training = TwoLevels(images, np.array([0, 1, 0, 1], np.uint8), np.arange(4, dtype=np.uint8))
    epoch = conditional._shown(training, shift=2)(5)
    seen, coarse, fine = epoch(0)
    assert sorted(fine) == [0, 1, 2, 3]
    np.testing.assert_array_equal(coarse, fine % 2)
    for image in seen:
        ((row, column, _),) = np.argwhere(image)
        assert 1 <= row <= 5
        assert 1 <= column <= 5
    again, other = epoch(0)[0], epoch(1)[0]
    np.testing.assert_array_equal(again, seen)
    assert (other != seen).any()


def test_keys_follow_what_determines_the_training(tmp_path):
    write_data(tmp_path)
    keys = conditional.run_keys(params(), tmp_path / "data")
    assert list(keys) == VARIANTS
    assert len(set(keys.values())) == 5
    same = conditional.run_keys(params(variant="hard", variants=[]), tmp_path / "data")
    assert same == {name: keys[name] for name in ("hard", "oracle")}
    assert not set(conditional.run_keys(params(temperature=2.0), tmp_path / "data").values()) & set(keys.values())


def test_too_few_images_for_a_batch(tmp_path):
    write_data(tmp_path)
    with pytest.raises(MaskwrightError, match=r"conditional\.batch_size: 300 for 200 training images; lower it"):
        conditional.train(
            params(batch_size=300), data=tmp_path / "data", out=tmp_path / "model", history=tmp_path / "history.csv"
        )
    assert not (tmp_path / "model").exists()
