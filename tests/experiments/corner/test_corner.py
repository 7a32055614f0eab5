import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from maskwright.experiments.corner.data import all_patterns, write_corner
from maskwright.experiments.corner.learn.train import train
from maskwright.experiments.corner.params import CornerEpochs, Rectangles
from maskwright.experiments.corner.report.evaluate import evaluate
from maskwright.experiments.corner.serve import serving_model
from maskwright.learning.common.saved import load_model
from maskwright.learning.replicates.tables import read_curves
from maskwright.params import load_params
from maskwright.shared.identity import content_hash

SHIPPED = Path(__file__).parents[3] / "params.yaml"
PATTERNS, LABELS = (array.astype(np.float32) for array in all_patterns())
EPOCHS = {
    "hand_set_trained": 2,
    "as_posted": 2,
    "repeated_corner": 2,
    "sigmoid_bce": 2,
    "softmax_ce": 4,
    "balanced": 2,
    "class_weight": 4,
}
SMALL = {
    "seeds": 3,
    "changes": ["none"],
    "repeats_tried": [1, 64],
    "epochs": CornerEpochs(**EPOCHS),
    "rectangles": Rectangles(images=3, size=(20, 24), count=3, noise=0.02),
}


def settings(**changes):
    return load_params(SHIPPED).section("corner").model_copy(update={**SMALL, **changes})


def run(root, **changes):
    section = settings(**changes)
    write_corner(section, root / "data")
    train(section, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return evaluate(section, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("corner")
    return root, run(root)


def test_writes_what_it_says(finished):
    root, (metrics, variants) = finished
    assert json.loads((root / "results/metrics.json").read_text()) == metrics
    assert json.loads((root / "results/details.json").read_text()) == variants
    names = ["repeated_corner", "hand_set", "hand_set_trained", "as_posted", "matched_labels"]
    names += ["sigmoid_bce", "softmax_ce", "balanced", "class_weight"]
    assert list(variants) == names
    assert variants["hand_set"] == {
        "seeds": 1,
        "recall": {"mean": 1.0, "low": 1.0, "high": 1.0},
        "false_positives": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "mse": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "solved": {"mean": 1.0, "low": 1.0, "high": 1.0},
        "largest_output": {"mean": 1.0, "low": 1.0, "high": 1.0},
        "corner_output": {"mean": 1.0, "low": 1.0, "high": 1.0},
        "near_output": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "evaluate": {
            "labels_512": pytest.approx(62 / 1024 / 16, rel=1e-6),
            "labels_512_1_1_1": 0.0,
            "progress_bar": pytest.approx(9.3703e-4, abs=5e-9),
        },
    }
    # Every hard sigmoid is saturated, so no weight has a gradient, and nothing moves.
    assert variants["hand_set_trained"]["largest_change"] == 0
    assert variants["hand_set_trained"]["solved"]["mean"] == 1
    assert variants["balanced"]["faster"]["pairs"] in range(4)
    chosen = variants["repeated_corner"]
    assert metrics == {name: chosen[name]["mean"] for name in ("solved", "recall")}
    outcomes = pd.read_csv(root / "results/plots/changes.csv")
    assert outcomes.groupby(["change", "labels"]).size().to_dict() == {("none", "posted"): 3, ("none", "matched"): 3}
    assert pd.read_csv(root / "results/plots/repeats.csv").groupby("repeats").size().to_dict() == {1: 3, 64: 3}
    detection = chosen["detection"]
    assert set(detection["clean"]) == set(detection["noisy"]) == {"precision", "recall"}
    assert detection["images"] == 3
    assert {measure: values["mean"] for measure, values in detection["template_clean"].items()} == {
        "precision": 1.0,
        "recall": 1.0,
    }
    history = pd.read_csv(root / "results/training.csv")
    assert history.groupby("variant")["epoch"].max().to_dict() == {
        "repeated_corner": 2,
        "hand_set_trained": 2,
        "as_posted": 2,
        "matched_labels": 2,
        "sigmoid_bce": 2,
        "softmax_ce": 4,
        "balanced": 2,
        "class_weight": 4,
    }
    drawn = {path.stem for path in (root / "results/plots").glob("*.png")}
    assert drawn == {"patterns", "loss", "gradient", "kernels", "solved", "detector", "changes", "repeats"}
    for name in drawn:
        assert np.asarray(Image.open(root / f"results/plots/{name}.png")).std() > 5


def test_the_numbers_are_those_of_the_saved_networks(finished):
    root, (_, variants) = finished
    table = pd.read_csv(root / "results/plots/replicates.csv")
    # Eight variants of three seeds, one of weights set by hand, and two changes of three seeds.
    assert len(table) == 8 * 3 + 1 + 2 * 3
    assert set(table["variant"]) >= {"none, labels posted", "none, labels matched"}
    for variant, parameters in (("as_posted", 9 + 1 + 1 + 1), ("softmax_ce", 9 + 1 + 2 + 2)):
        model, about = load_model(root / "model" / variant)
        assert about["parameters_of_one"] == parameters
        assert model.output_shape == (None, 3, None, None)
        scores = np.asarray(model(PATTERNS[..., None]))[:, :, 0, 0]
        assert ((scores >= 0) & (scores <= 1)).all()
        rows = table[table["variant"] == variant]
        for seed in range(3):
            found = scores[:, seed] > 0.5
            assert rows["recall"].iloc[seed] == found[27]
            assert rows["false_positives"].iloc[seed] == np.delete(found, 27).sum()
            assert rows["mse"].iloc[seed] == pytest.approx(((scores[:, seed] - LABELS) ** 2).mean(), rel=1e-4)
        last = variants[variant]
        assert last["false_positives"]["mean"] == pytest.approx(rows["false_positives"].mean())


def test_history_ends_where_the_saved_networks_are(finished):
    root, _ = finished
    history = pd.read_csv(root / "results/training.csv")
    scores = np.asarray(load_model(root / "model/matched_labels")[0](PATTERNS[..., None]))[:, :, 0, 0]
    last = history[history["variant"] == "matched_labels"].iloc[-1]
    expected = np.median(((scores - LABELS[:, None]) ** 2).mean(axis=0))
    assert last["loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["hand_set", "softmax_ce"])
def test_a_variant_alone(variant, tmp_path):
    metrics, variants = run(tmp_path, variant=variant, variants=[], changes=[], repeats_tried=[])
    assert list(variants) == [variant]
    assert metrics["solved"] == variants[variant]["solved"]["mean"]
    trained = [] if variant == "hand_set" else [variant]
    assert list(read_curves(tmp_path / "results/training.csv")["variant"].unique()) == trained
    drawn = {path.stem for path in (tmp_path / "results/plots").glob("*.png")}
    assert drawn == {"patterns", "loss", "gradient", "kernels", "solved", "detector"}


@pytest.mark.slow
def test_repeats_itself(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    for folder in ("data", "model", "results"):
        assert content_hash(tmp_path / folder) == content_hash(root / folder)


@pytest.mark.slow
def test_the_story(tmp_path):
    """As posted every seed ends with zero everywhere, the corner's gradient gone long before; repeated, it learns."""
    epochs = CornerEpochs(**{**EPOCHS, "as_posted": 100, "repeated_corner": 150})
    failing = ["as_posted", "matched_labels"]
    metrics, variants = run(tmp_path, seeds=10, epochs=epochs, variants=failing, changes=[], repeats_tried=[])
    assert "changes.png" not in {path.name for path in (tmp_path / "results/plots").iterdir()}
    for variant in failing:
        values = variants[variant]
        assert values["solved"]["mean"] == values["recall"]["mean"] == values["false_positives"]["mean"] == 0
        assert values["mse"]["mean"] == pytest.approx(1 / 512, rel=0.05)
    assert metrics["solved"] >= 0.8
    assert variants["repeated_corner"]["detection"]["clean"]["recall"]["mean"] >= 0.8
    history = pd.read_csv(tmp_path / "results/training.csv").set_index(["variant", "epoch"])
    assert history.loc[("matched_labels", 1), "pull"] > 0.1
    assert history.loc[("matched_labels", 20), "pull"] == 0
    assert history.loc[("repeated_corner", 20), "pull"] > 0.01


def test_a_layer_saved_is_a_layer_loaded(finished):
    root, _ = finished
    keras.utils.clear_session()
    model = serving_model(root / "model/softmax_ce")
    assert [tuple(t.shape) for t in model.inputs] == [(None, None, None, 1)]
    assert model(np.zeros((2, 9, 5, 1), np.float32)).shape == (2, 3, 7, 3)
