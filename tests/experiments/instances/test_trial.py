import shutil

import numpy as np
import pytest

from maskwright.experiments.instances.learn import train as learning
from maskwright.experiments.instances.trial import trial
from support.centres_model import centres_model, scene
from support.tiny_instances import tiny_settings, write_data, write_split


def test_a_trial_scores_the_test_split(tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "build", lambda settings, classes: centres_model())
    write_data(tmp_path)
    shutil.rmtree(tmp_path / "test")
    mask, numbers, image = scene()
    # The can was never annotated; and a photograph without an object.
    cups = image, mask * (mask == 1), numbers * (mask == 1)
    nothing = image * np.array([0, 1, 1], np.uint8), mask * 0, numbers * 0
    write_split(tmp_path / "test", [(image, mask, numbers), cups, nothing])
    # The rate is too small to change a weight.
    measures, examples, _ = trial(tiny_settings(learning_rate=1e-12, weight_decay=0.0), tmp_path)
    assert np.isfinite(measures["loss"])
    # Cups: 4 of 4 are found, with an IoU of 1. Cans: 1 of 1, and an invented one: 1 / (1 + 1/2).
    assert measures["pq"] == pytest.approx((1 + 2 / 3) / 2)
    # Two cups that touch are one patch, which has half its pixels in common with either: none is found.
    assert measures["components_pq"] == pytest.approx((0 + 2 / 3) / 2)
    assert measures["pq_gain"] == pytest.approx(1 / 2)
    # By photograph: all is right; cups are, and the can is invented; and in the last one nothing is annotated.
    np.testing.assert_allclose(examples["pq_per_image"], [1, 1 / 2])
    np.testing.assert_allclose(examples["components_pq_per_image"], [1 / 2, 0])
    for name, values in examples.items():
        assert measures[name] == pytest.approx(values.mean())
