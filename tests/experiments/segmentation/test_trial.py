import json
from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.segmentation.learn import train as learning
from maskwright.experiments.segmentation.learn.confusion import confusion_matrix
from maskwright.experiments.segmentation.report.metrics import over_pixels
from maskwright.experiments.segmentation.trial import correlations, trial
from maskwright.photos.images import IGNORE
from support.colour_model import colour_model
from support.tiny_segmentation import CLASSES, tiny_settings, write_data, write_split


class TestCorrelations:
    def test_by_hand(self):
        # Deviations from the means 2 and 2: (-1, 0, 1) and (-1, 1, 0). Their products sum to 1, their squares to 2
        # and 2, so r = 1/2; these numbers are their own ranks.
        found = correlations([0.1, 0.2, 0.3], [0.1, 0.3, 0.2])
        assert found == pytest.approx({"epoch_correlation": 0.5, "epoch_rank_correlation": 0.5})

    def test_ranks_ask_only_for_the_order(self):
        # Deviations (-1, 0, 1) and (-3, -2, 5): 8 / sqrt(2 * 38); the order is the same.
        found = correlations([0.1, 0.2, 0.3], [0.1, 0.2, 0.9])
        assert found == pytest.approx({"epoch_correlation": 8 / 76**0.5, "epoch_rank_correlation": 1.0})

    @pytest.mark.parametrize("scores", [([0.1, 0.2], [0.1, 0.2]), ([0.1, 0.2, 0.3], [0.5, 0.5, 0.5])])
    def test_undefined_ones_are_left_out(self, scores: tuple[list[float], list[float]]):
        assert correlations(*scores) == {}


def test_a_trial_scores_the_test_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # The network's answer is the colour that is strongest in a pixel. It has nothing to learn, so the masks say what
    # the scores are.
    monkeypatch.setattr(learning, "build", lambda settings, classes: colour_model())
    write_data(tmp_path)
    rng = np.random.default_rng(1)
    images = [rng.integers(0, 256, (32, 48, 3)).astype(np.uint8) for _ in range(3)]
    answers = [image.argmax(axis=2).astype(np.uint8) for image in images]
    masks = [answer.copy() for answer in answers]
    masks[0][:16] = 0
    masks[1][:] = IGNORE
    write_split(tmp_path, "test", images, masks)
    (tmp_path / "masks" / "test" / "classes.json").write_text(json.dumps(CLASSES))
    # The rate is too small to change a weight.
    settings = tiny_settings(learning_rate=1e-12, weight_decay=0.0)
    measures, examples, _ = trial(settings, tmp_path / "masks")
    confusion = sum(confusion_matrix(mask, answer, 3) for mask, answer in zip(masks, answers, strict=True))
    expected = over_pixels(np.asarray(confusion))
    assert {name: measures[name] for name in expected} == pytest.approx(expected)
    assert np.isfinite(measures["loss"])
    assert measures["parameters"] == colour_model().count_params()
    # The unlabelled image has no scores, and the last one is all right.
    right = (masks[0] == answers[0]).mean()
    np.testing.assert_allclose(examples["pixel_accuracy_per_image"], [right, 1])
    assert examples.keys() == {"miou_per_image", "pixel_accuracy_per_image"}
    for name, values in examples.items():
        assert measures[name] == pytest.approx(values.mean())
    # The validation scores never change.
    assert "epoch_correlation" not in measures


@pytest.mark.slow
def test_the_scores_of_the_epochs_are_correlated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from support.tiny_segmentation import small_network

    monkeypatch.setattr(learning, "build", small_network)
    write_data(tmp_path)
    measures, examples, _ = trial(tiny_settings(epochs=4), tmp_path / "masks")
    assert -1 <= measures["epoch_correlation"] <= 1
    assert -1 <= measures["epoch_rank_correlation"] <= 1
    assert [len(values) for values in examples.values()] == [4, 4]
