from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.learn.variants import Setting
from maskwright.experiments.corner.report.hand_set import hand_set_losses, single_network
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"
PATTERNS, LABELS = (array.astype(np.float32) for array in all_patterns())


def test_evaluate_reports_a_loss_of_weights_that_are_right():
    losses = hand_set_losses(build(load_params(SHIPPED).section("corner"), "hand_set"), PATTERNS, LABELS)
    # Of the batch with the corner 62 of 1,024 pairs differ, and it is one of 16.
    assert losses == {"labels_512": pytest.approx(62 / 1024 / 16, rel=1e-6), "labels_512_1_1_1": 0.0}


def test_cross_entropy_refuses_the_labels_that_squared_error_broadcasts():
    network = single_network(Setting("sigmoid"))
    network.compile(loss="binary_crossentropy")
    with pytest.raises(ValueError, match="must have the same rank"):
        network.evaluate(PATTERNS[..., None], LABELS, verbose=0)
