import json
import re
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from maskwright.data.corner import all_patterns, write_corner
from maskwright.errors import MaskwrightError
from maskwright.experiments import corner
from maskwright.experiments.corner_training import Setting, single_network
from maskwright.nn.saved import load_model
from maskwright.params import parse_params
from maskwright.pipeline import content_hash
from maskwright.replicates import read_history

SHIPPED = Path(__file__).parents[2] / "params.yaml"
PATTERNS, LABELS = (array.astype(np.float32) for array in all_patterns())
EPOCHS = {
    "as_posted": 2,
    "repeated_corner": 2,
    "sigmoid_bce": 2,
    "softmax_ce": 4,
    "balanced": 2,
    "class_weight": 4,
}
SMALL = {"seeds": 3, "changes": ["none"], "repeats_tried": [1, 64], "epochs": EPOCHS}


def params(**changes):
    values = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    values["corner"] |= {**SMALL, **changes}
    values["corner"]["rectangles"] = {"images": 3, "size": [20, 24], "count": 3, "noise": 0.02}
    return parse_params(values)


def run(root, **changes):
    settings = params(**changes)
    write_corner(settings.corner, root / "data")
    corner.train(settings, data=root / "data", out=root / "model", history=root / "results/training.csv")
    return corner.evaluate(settings, data=root / "data", model=root / "model", results=root / "results")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("corner")
    return root, run(root)


def template():
    return corner.build(params().corner, "hand_set")


def test_weights_set_by_hand_are_right_and_evaluate_says_otherwise():
    scores = np.asarray(template()(PATTERNS[..., None])).reshape(512)
    np.testing.assert_array_equal(scores, LABELS)
    losses = corner.hand_set_losses(template(), PATTERNS, LABELS)
    # Of the batch with the corner 62 of 1,024 pairs differ, and it is one of 16.
    assert losses == {"labels_512": pytest.approx(62 / 1024 / 16, rel=1e-6), "labels_512_1_1_1": 0.0}


def test_cross_entropy_refuses_the_labels_that_squared_error_broadcasts():
    network = single_network(Setting("sigmoid"))
    network.compile(loss="binary_crossentropy")
    with pytest.raises(ValueError, match="must have the same rank"):
        network.evaluate(PATTERNS[..., None], LABELS, verbose=0)


def test_writes_what_it_says(finished):
    root, metrics = finished
    chosen = json.loads((root / "results/metrics.json").read_text())
    assert {**chosen, "variants": metrics["variants"]} == metrics
    assert json.loads((root / "results/plots/variants.json").read_text()) == metrics["variants"]
    names = ["repeated_corner", "hand_set", "as_posted", "matched_labels"]
    names += ["sigmoid_bce", "softmax_ce", "balanced", "class_weight"]
    assert list(metrics["variants"]) == names
    assert metrics["variants"]["hand_set"] == {
        "seeds": 1,
        "recall": {"mean": 1.0, "low": 1.0, "high": 1.0},
        "false_positives": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "mse": {"mean": 0.0, "low": 0.0, "high": 0.0},
        "solved": {"mean": 1.0, "low": 1.0, "high": 1.0},
        "evaluate": {"labels_512": pytest.approx(62 / 1024 / 16, rel=1e-6), "labels_512_1_1_1": 0.0},
    }
    assert metrics["solved"] == metrics["variants"]["repeated_corner"]["solved"]["mean"]
    outcomes = pd.read_csv(root / "results/plots/changes.csv")
    assert outcomes.groupby(["change", "labels"]).size().to_dict() == {("none", "posted"): 3, ("none", "matched"): 3}
    assert pd.read_csv(root / "results/plots/repeats.csv").groupby("repeats").size().to_dict() == {1: 3, 64: 3}
    detection = metrics["variants"]["repeated_corner"]["detection"]
    assert metrics["clean_recall"] == detection["clean"]["recall"]["mean"]
    assert detection["images"] == 3
    assert detection["template_clean"] == {"precision": {"mean": 1.0}, "recall": {"mean": 1.0}}
    history = pd.read_csv(root / "results/training.csv")
    assert history.groupby("variant")["epoch"].max().to_dict() == {
        "repeated_corner": 2,
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
    root, metrics = finished
    table = pd.read_csv(root / "results/plots/replicates.csv")
    assert len(table) == 7 * 3 + 1
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
        last = metrics["variants"][variant]
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
    metrics = run(tmp_path, variant=variant, variants=[], changes=[], repeats_tried=[])
    assert list(metrics["variants"]) == [variant]
    assert metrics["solved"] == metrics["variants"][variant]["solved"]["mean"]
    trained = [] if variant == "hand_set" else [variant]
    assert list(read_history(tmp_path / "results/training.csv")["variant"].unique()) == trained
    drawn = {path.stem for path in (tmp_path / "results/plots").glob("*.png")}
    assert drawn == {"patterns", "loss", "gradient", "kernels", "solved", "detector"}


def test_one_kernel_says_what_the_two_convolutions_say():
    for variant in ("as_posted", "softmax_ce"):
        model = corner.build(params().corner, variant)
        kernels, offsets = corner.effective_kernels(model)
        logits = PATTERNS.reshape(512, 9) @ kernels.reshape(3, 9).T + offsets
        scores = np.asarray(model(PATTERNS[..., None]))[:, :, 0, 0]
        expected = 1 / (1 + np.exp(-logits)) if variant == "softmax_ce" else np.clip(logits / 6 + 0.5, 0, 1)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)
    kernel, offset = corner.effective_kernels(template())
    np.testing.assert_array_equal(kernel[0], [[-100, -100, -100], [-100, 10, 10], [-100, 10, 10]])
    assert offset.tolist() == [-35]


def test_detector_on_an_image():
    image = np.array(
        [
            [0, 0, 0, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 1, 1, 1, 0],
            [0, 0, 0, 1, 1, 1, 0],
        ],
        np.uint8,
    )
    found = corner.find_corners(template(), image[None])
    assert found.shape == (1, 1, 6, 7)
    assert np.argwhere(found[0, 0]).tolist() == [[1, 1], [4, 3]]
    truth = np.zeros((1, 6, 7), bool)
    truth[0, [1, 2, 4], [1, 5, 3]] = True
    assert corner.detection_scores(found, truth) == {"precision": [1.0], "recall": [pytest.approx(2 / 3)]}
    assert corner.detection_scores(~found, truth) == {"precision": [1 / 40], "recall": [pytest.approx(1 / 3)]}
    assert corner.detection_scores(found & False, truth) == {"precision": [0.0], "recall": [0.0]}


def test_networks_begin_as_those_of_keras_do():
    model = corner.build(params(seeds=400).corner, "as_posted")
    kernel, bias, last, offset = model.get_weights()
    # Glorot: within sqrt(6 / (9 + 9)) = 0.577, and sqrt(6 / (1 + 1)) = 1.732
    assert 0.575 < np.abs(kernel).max() <= 0.5774
    assert 1.72 < np.abs(last).max() <= 1.7321
    assert not bias.any()
    assert not offset.any()


@pytest.mark.slow
def test_repeats_itself(finished, tmp_path):
    root, _ = finished
    run(tmp_path)
    for folder in ("data", "model", "results"):
        assert content_hash(tmp_path / folder) == content_hash(root / folder)


@pytest.mark.slow
def test_the_story(tmp_path):
    """As posted every seed ends with zero everywhere, the corner's gradient gone long before; repeated, it learns."""
    epochs = {**EPOCHS, "as_posted": 100, "repeated_corner": 150}
    variants = ["as_posted", "matched_labels"]
    metrics = run(tmp_path, seeds=10, epochs=epochs, variants=variants, changes=[], repeats_tried=[])
    assert "changes.png" not in {path.name for path in (tmp_path / "results/plots").iterdir()}
    for variant in variants:
        values = metrics["variants"][variant]
        assert values["solved"]["mean"] == values["recall"]["mean"] == values["false_positives"]["mean"] == 0
        assert values["mse"]["mean"] == pytest.approx(1 / 512, rel=0.05)
    assert metrics["solved"] >= 0.8
    assert metrics["clean_recall"] >= 0.8
    history = pd.read_csv(tmp_path / "results/training.csv").set_index(["variant", "epoch"])
    assert history.loc[("matched_labels", 1), "pull"] > 0.1
    assert history.loc[("matched_labels", 20), "pull"] == 0
    assert history.loc[("repeated_corner", 20), "pull"] > 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variant": "softmax"}, "corner.variant: Input should be 'hand_set'"),
        ({"variants": ["as_posted", "what"]}, "corner.variants.1: Input should be"),
        ({"changes": ["patience"]}, "corner.changes.0: Input should be 'none'"),
        ({"seeds": 1}, "corner.seeds: Input should be greater than or equal to 2 (got 1)"),
        ({"repeats": 512}, "corner.repeats: Input should be less than or equal to 511 (got 512)"),
        ({"epochs": {**EPOCHS, "as_posted": 0}}, "corner.epochs.as_posted: Input should be greater than"),
        ({"epochs": {**EPOCHS, "hand_set": 1}}, "corner.epochs.hand_set: unknown key"),
        ({"colour": 1}, "corner.colour: unknown key"),
    ],
)
def test_wrong_values_are_named(changes, message):
    with pytest.raises(MaskwrightError, match=re.escape(f"params.yaml: {message}")):
        params(**changes)


def test_keys_follow_what_determines_the_training(tmp_path):
    write_corner(params().corner, tmp_path)
    keys = corner.run_keys(params(), tmp_path)
    assert len(set(keys.values())) == len(keys) == 8
    assert corner.run_keys(params(variant="as_posted"), tmp_path) == keys
    assert corner.run_keys(params(seeds=4), tmp_path)["as_posted"] != keys["as_posted"]
    assert corner.run_keys(params(changes=[]), tmp_path)["as_posted"] != keys["as_posted"]


def test_a_layer_saved_is_a_layer_loaded(finished):
    root, _ = finished
    keras.utils.clear_session()
    model = corner.serving_model(root / "model/softmax_ce")
    assert [tuple(t.shape) for t in model.inputs] == [(None, None, None, 1)]
    assert model(np.zeros((2, 9, 5, 1), np.float32)).shape == (2, 3, 7, 3)
