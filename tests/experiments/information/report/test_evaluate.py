import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.experiments.information.learn import train as training
from maskwright.experiments.information.report import evaluate as report
from maskwright.experiments.information.serve import serving_model
from maskwright.learning.common.saved import load_model
from maskwright.learning.views.information import gaussian_information, parabola_information
from maskwright.shared.identity import content_hash
from support.tiny_information import tiny_information, write_data


def run(root):
    write_data(root)
    data, model, results = root / "digits", root / "model", root / "results"
    training.train(tiny_information(), data=data, out=model, history=results / "training.csv")
    return report.evaluate(tiny_information(), data=data, model=model, results=results)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("information")
    return root, run(root)


@pytest.mark.slow
def test_writes_what_it_says(finished):
    root, (metrics, details) = finished
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/details.json").read_text()) == details
    assert list(details) == ["digits", "gaussian_0", "gaussian_0.8", "parabola", "identities"]
    exact = gaussian_information(0.8)
    found = details["gaussian_0.8"]
    assert found["exact"] == exact
    for name in ("mine", "binned", "nearest"):
        assert found[f"{name}_error"]["mean"] == pytest.approx(found[name]["mean"] - exact)
    errors = [abs(details[variant]["mine_error"]["mean"]) for variant in ("gaussian_0", "gaussian_0.8")]
    digits = details["digits"]
    assert metrics == {"mine_error": max(errors), "accuracy": digits["accuracy"]["mean"]}
    examples = pd.read_csv(root / "results/plots/examples.csv")
    assert len(examples) == 30
    for control in ("untrained", "pixels", "pca", "projection"):
        less = digits[f"over_{control}"]
        assert less["mean"] == pytest.approx(digits["accuracy"]["mean"] - digits[f"{control}_accuracy"]["mean"])
        assert less["test_low"] <= less["mean"] <= less["test_high"]
        assert examples[f"digits/{control}_accuracy"].mean() == pytest.approx(
            digits[f"{control}_accuracy"]["mean"], 1e-5
        )
    # A linear classifier of pixels can tell these digits apart.
    assert digits["pixels_accuracy"]["mean"] > 0.9
    assert digits["mine"]["test_low"] <= digits["mine"]["mean"] <= digits["mine"]["test_high"]
    assert details["parabola"]["exact"] == parabola_information(1.0)
    assert details["identities"]["byte"] == {
        **{"H(X)": 8, "H(Y)": 4, "H(X,Y)": 8, "I(X;Y)": 4, "H(X|Y)": 4, "H(Y|X)": 0, "largest_difference": 0}
    }
    assert len(pd.read_csv(root / "results/plots/identities.csv")) == 4 * 9
    for name in ("bound", "estimates", "parabola", "codes", "views", "identities"):
        assert np.asarray(Image.open(root / f"results/plots/{name}.png")).std() > 5
    table = pd.read_csv(root / "results/plots/replicates.csv", keep_default_na=False)
    assert set(table.loc[table["variant"] == "gaussian_0", "accuracy"]) == {""}
    history = pd.read_csv(root / "results/training.csv")
    assert history["variant"].tolist() == ["digits", *["gaussian_0"] * 2, *["gaussian_0.8"] * 2, *["parabola"] * 2]


@pytest.mark.slow
def test_repeats_itself_byte_by_byte(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    for part in ("model", "results"):
        assert content_hash(tmp_path / part) == content_hash(root / part)


@pytest.mark.slow
def test_what_is_saved(finished):
    root, _ = finished
    codes = np.asarray(serving_model(root / "model/digits")(np.zeros((4, 28, 28, 1), np.float32)))
    assert codes.shape == (4, 2, 3)
    both = np.concatenate([codes, codes], axis=-1)
    assert load_model(root / "model/digits_statistics")[0](both).shape == (4, 2)
    assert serving_model(root / "model/gaussian_0.8")(np.zeros((4, 2, 2), np.float32)).shape == (4, 2)
