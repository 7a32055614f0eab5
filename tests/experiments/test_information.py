import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from bar_digits import write_bar_digits
from PIL import Image

from maskwright.errors import MaskwrightError
from maskwright.experiments import information, information_gaussian
from maskwright.metrics.information import gaussian_information
from maskwright.nn.saved import load_model
from maskwright.params import parse_params
from maskwright.pipeline import content_hash

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def params(**changes):
    values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    digits = {"latent": 3, "hidden": 8, "seeds": 2, "epochs": 1, "batch_size": 20, **changes.pop("digits", {})}
    small = {"correlations": [0.0, 0.8], "seeds": 2, "pairs": 400, "epochs": 2, "batch_size": 100, "bins": 5}
    values["information"] |= {**small, **changes, "digits": values["information"]["digits"] | digits}
    return parse_params(values)


def write_data(root):
    write_bar_digits(root / "digits", train=60, validation=10, test=30)


def run(root):
    write_data(root)
    data, model, results = root / "digits", root / "model", root / "results"
    information.train(params(), data=data, out=model, history=results / "training.csv")
    return information.evaluate(params(), data=data, model=model, results=results)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("information")
    return root, run(root)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, metrics = finished
    variants = metrics["variants"]
    stored = {name: value for name, value in metrics.items() if name != "variants"}
    assert json.loads((root / "results/metrics.json").read_text()) == stored
    assert json.loads((root / "results/plots/variants.json").read_text()) == variants
    assert list(variants) == ["digits", "gaussian_0", "gaussian_0.8"]
    exact = gaussian_information(0.8)
    found = variants["gaussian_0.8"]
    assert found["exact"] == exact
    for name in ("mine", "binned", "nearest"):
        assert found[f"{name}_error"]["mean"] == pytest.approx(found[name]["mean"] - exact)
        errors = [abs(variants[variant][f"{name}_error"]["mean"]) for variant in ("gaussian_0", "gaussian_0.8")]
        assert metrics[f"largest_{name}_error"] == max(errors)
    for name in ("bound.png", "estimates.png", "codes.png", "views.png"):
        assert np.asarray(Image.open(root / "results/plots" / name)).std() > 5
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    assert set(table.loc[table["variant"] == "gaussian_0", "accuracy"]) == {""}
    history = pd.read_csv(root / "results/training.csv")
    assert history["variant"].tolist() == ["digits", *["gaussian_0"] * 2, *["gaussian_0.8"] * 2]


@pytest.mark.slow
def test_repeats_itself_byte_by_byte(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    for part in ("model", "results"):
        assert content_hash(tmp_path / part) == content_hash(root / part)


@pytest.mark.slow
def test_what_is_saved(finished):
    root, _ = finished
    codes = np.asarray(load_model(root / "model/digits")[0](np.zeros((4, 28, 28, 1), np.float32)))
    assert codes.shape == (4, 2, 3)
    both = np.concatenate([codes, codes], axis=-1)
    assert load_model(root / "model/digits_statistics")[0](both).shape == (4, 2)
    assert load_model(root / "model/gaussian_0.8")[0](np.zeros((4, 2, 2), np.float32)).shape == (4, 2)


def test_pairs_have_the_correlation_and_are_the_seed_s_own():
    settings = params(pairs=40000).information
    training, held_out = information_gaussian.gaussian_pairs(0.8, settings)
    assert training.shape == held_out.shape == (2, 20000, 2)
    for pairs in (*training, *held_out):
        np.testing.assert_allclose(np.cov(pairs.T), [[1, 0.8], [0.8, 1]], atol=0.03)
    assert (training[0] != training[1]).any()
    later = information_gaussian.gaussian_pairs(0.8, params(pairs=40000, seed=1).information)[0]
    np.testing.assert_array_equal(later[0], training[1])


def test_shifted_pairs_keep_x_and_break_the_pairs():
    pairs = np.arange(8.0, dtype=np.float32).reshape(4, 1, 2)  # (0, 1), (2, 3), (4, 5), (6, 7)
    moved = np.asarray(information_gaussian.shifted(pairs, 2))[:, 0]
    assert moved[:, 0].tolist() == [0, 2, 4, 6] * 2
    assert moved[:, 1].tolist() == [7, 1, 3, 5, 5, 7, 1, 3]


def test_binned_and_nearest_neighbour_estimates_are_near_the_truth():
    settings = params(pairs=8000, bins=10).information
    found = information_gaussian.estimates(information_gaussian.statistics(settings), 0.8, settings)
    exact = gaussian_information(0.8)
    assert np.abs(found["nearest"] - exact).max() < 0.05
    # Bins lose information.
    assert (found["binned"] < exact).all()
    assert np.abs(found["binned"] - exact).max() < 0.12


@pytest.mark.slow
def test_mine_gets_near_the_truth():
    settings = params(correlations=[0.8], pairs=8000, epochs=25, batch_size=500).information
    model, bounds = information_gaussian.fit_statistics(settings)[0.8]
    assert bounds.shape == (25, 2)
    found = information_gaussian.estimates(model, 0.8, settings)["mine"]
    assert np.abs(found - gaussian_information(0.8)).max() < 0.08


def test_keys_follow_what_determines_the_training(tmp_path):
    write_data(tmp_path)
    keys = information.run_keys(params(), tmp_path / "digits")
    assert list(keys) == ["digits", "gaussian_0", "gaussian_0.8"]
    assert len(set(keys.values())) == 3
    same = information.run_keys(params(correlations=[0.8], bins=7), tmp_path / "digits")
    assert same == {name: keys[name] for name in ("digits", "gaussian_0.8")}
    other = information.run_keys(params(digits={"latent": 4}), tmp_path / "digits")
    assert {name for name in keys if other[name] != keys[name]} == {"digits"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"correlations": [1.0]}, "information.correlations.0: Input should be less than 1"),
        ({"correlations": [0.5, 0.5]}, "information: correlations: each only once"),
        ({"batch_size": 201}, r"information: batch_size: at most half of pairs, 200 \(got 201\)"),
        ({"bins": 401}, "information: bins: at most as many as pairs"),
        ({"neighbours": 400}, "information: neighbours: fewer than pairs"),
        ({"pairs": 101}, "information.pairs: Input should be a multiple of 2"),
        ({"digits": {"encoder": "vgg"}}, "information.digits.encoder: Input should be 'fast' or 'vgg-f'"),
    ],
)
def test_wrong_settings(changes, message):
    with pytest.raises(MaskwrightError, match=message):
        params(**changes)


def test_too_few_digits_for_a_batch(tmp_path):
    write_data(tmp_path)
    with pytest.raises(
        MaskwrightError, match=r"information\.digits\.batch_size: 70 for 60 training images; lower it"
    ):
        information.train(
            params(digits={"batch_size": 70}),
            data=tmp_path / "digits",
            out=tmp_path / "model",
            history=tmp_path / "history.csv",
        )
    assert not (tmp_path / "model").exists()
