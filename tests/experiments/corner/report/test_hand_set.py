from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.learn.variants import Setting
from maskwright.experiments.corner.report.hand_set import (
    hand_set_losses,
    progress_bar_loss,
    single_network,
    sources_order,
)
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"
PATTERNS, LABELS = (array.astype(np.float32) for array in all_patterns())


def test_evaluate_reports_a_loss_of_weights_that_are_right():
    losses = hand_set_losses(build(load_params(SHIPPED).section("corner"), "hand_set"), PATTERNS, LABELS)
    # Of the batch with the corner 62 of 1,024 pairs differ, and it is one of 16.
    assert losses == {
        "labels_512": pytest.approx(62 / 1024 / 16, rel=1e-6),
        "labels_512_1_1_1": 0.0,
        # The source's screen shows 9.3703e-04.
        "progress_bar": pytest.approx(9.3703e-4, abs=5e-9),
    }


def test_the_sources_order():
    order = sources_order()
    assert sorted(order.tolist()) == [*range(512)]
    # It counts with the first pixel fastest: nothing, the first pixel, the second, the first two.
    flat = PATTERNS[order].reshape(512, 9)
    assert flat[:4, :3].tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]
    # The corner has the pixels 4, 5, 7 and 8, so that it is number 16 + 32 + 128 + 256, in the 14th batch of 32.
    (corner,) = np.flatnonzero(LABELS[order])
    assert corner == 432
    assert corner // 32 + 1 == 14


def test_progress_bar_by_hand():
    # Two batches of two. The first has labels 1 0 and outputs 0 0: half of the pairs are wrong by 1. The second is
    # right. The running means are 1/2 and 1/4, and the bar averages 1/2, 1/4 and 1/4.
    assert progress_bar_loss(np.zeros(4), np.array([1, 0, 0, 0]), 2) == pytest.approx(1 / 3)
    # What the bar showed in keras-team/keras#21301: outputs 1 to 10 in batches of one, labels 0.
    assert progress_bar_loss(np.arange(1, 11), np.zeros(10), 1) == pytest.approx(17.8182, abs=5e-5)


def test_cross_entropy_refuses_the_labels_that_squared_error_broadcasts():
    network = single_network(Setting("sigmoid"))
    network.compile(loss="binary_crossentropy")
    with pytest.raises(ValueError, match="must have the same rank"):
        network.evaluate(PATTERNS[..., None], LABELS, verbose=0)
