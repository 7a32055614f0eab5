import json
import shutil

import numpy as np
import pytest
from PIL import Image

from maskwright.experiments.instances.learn import train as learning
from maskwright.experiments.instances.trial import trial
from maskwright.photos.objects import write_objects
from support.centres_model import CLASSES, centres_model, scene
from support.tiny_instances import tiny_settings, write_data


def write_test_split(folder):
    """Write the scene, a scene of which a can was never annotated, and a photograph without an object."""
    shutil.rmtree(folder)
    (folder / "masks").mkdir(parents=True)
    mask, numbers, image = scene()
    cups = mask * (mask == 1), numbers * (mask == 1), image
    nothing = mask * 0, numbers * 0, image * np.array([0, 1, 1], np.uint8)
    lines = ["image,mask"]
    for place, (one, number, picture) in enumerate([(mask, numbers, image), cups, nothing]):
        Image.fromarray(picture).save(folder / f"{place}.png")
        Image.fromarray(one).save(folder / f"masks/{place}.png")
        write_objects(folder / f"objects/{place}.png", number)
        lines.append(f"{place}.png,masks/{place}.png")
    (folder / "index.csv").write_text("\n".join(lines) + "\n")
    (folder / "classes.json").write_text(json.dumps(CLASSES))


def test_a_trial_scores_the_test_split(tmp_path, monkeypatch):
    monkeypatch.setattr(learning, "build", lambda settings, classes: centres_model())
    write_data(tmp_path)
    write_test_split(tmp_path / "test")
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
