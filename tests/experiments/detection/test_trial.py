import json

import pytest

from maskwright.learning.single.table import read_epochs


@pytest.mark.slow
def test_a_trial_is_the_same_training_with_its_last_weights(out):
    measured, _ = json.loads((out / "trial.json").read_text())
    details = json.loads((out / "results/details.json").read_text())
    assert measured["loss"] == pytest.approx(read_epochs(out / "whole/training.csv")[-1]["loss"], rel=1e-5)
    assert measured.keys() == {"loss", *details["nms"]["hard"]}
