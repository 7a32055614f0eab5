"""Whole models that belong to something else, where a segmentation or a detector is wanted."""

import json

import keras
import pytest

from maskwright.experiments.detection.report.inference import load_detector
from maskwright.experiments.segmentation.report.inference import load_trained
from maskwright.learning.common.saved import save_model
from support.refusals import refusal

SEGMENTATION = {"classes": ["background", "a"], "size": [8, 8]}
DETECTION = {
    **SEGMENTATION,
    "network": "n",
    "anchor_sizes": [0.2, 0.9],
    "offsets": "raw",
    "nms": {"kind": "hard", "most": 5},
}


def model(filters, name="c"):
    inputs = keras.Input((8, 8, 3))
    return keras.Model(inputs, keras.layers.Conv2D(filters, 1, name=name)(inputs))


@pytest.mark.parametrize(("load", "facts"), [(load_trained, SEGMENTATION), (load_detector, DETECTION)])
def test_facts_of_something_else(tmp_path, load, facts):
    save_model(model(2), facts, tmp_path / "m")
    about = tmp_path / "m/about.json"
    for key, value in [
        *((key, None) for key in facts),
        ("classes", 5),
        ("classes", ["a"]),
        ("size", [0, 8]),
        ("size", [8]),
    ]:
        about.write_text(json.dumps({**facts, key: value}))
        assert (refusal(load, tmp_path / "m") or "").startswith(f"{about}: {key}: missing, or not what it should be")
    about.write_text("{}")
    message = refusal(load, tmp_path / "m") or ""
    assert message.startswith(f"{about}: ")
    assert all(key in message for key in facts)


def test_networks_of_something_else(tmp_path):
    folder = tmp_path / "m"
    save_model(model(2), SEGMENTATION, folder)
    assert refusal(load_trained, folder) is None
    save_model(model(3), SEGMENTATION, folder)
    assert refusal(load_trained, folder) == f"{folder}: its network is not one of 2 classes; train it again"
    flat = keras.Input((4,))
    save_model(keras.Model(flat, keras.layers.Dense(2)(flat)), SEGMENTATION, folder)
    assert refusal(load_trained, folder) == f"{folder}: its network is not one of 2 classes; train it again"
    for name in ("c", "offsets_0", "offsets_x"):
        save_model(model(6, name), DETECTION, folder)
        assert (
            refusal(load_detector, folder) == f"{folder}: its network is not a detector of 2 classes; train it again"
        )
