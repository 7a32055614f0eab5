import numpy as np
import pytest

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn.objective import Objective
from maskwright.experiments.corner.learn.variants import Setting

LABELS = all_patterns()[1].astype(np.float32)


def test_measures():
    """The corner at logit 1 and all else at -4: a share of 1/512 passes gradient, and nothing is wrong."""
    truth = LABELS[:, None]
    logits = np.where(truth > 0, 1.0, -4.0).astype(np.float32)
    measured = Objective([Setting(labels="matched")], 1).measure(truth, logits)
    values = {name: float(np.asarray(value)[0]) for name, value in measured.items()}
    # hard_sigmoid(1) = 2/3, so the error is 1/3 and the gradient 2 x 1/3 x 1/6.
    assert values == pytest.approx(
        {
            "recall": 1,
            "false_positives": 0,
            "loss": (1 / 3) ** 2 / 512,
            "gradient": 1 / 512,
            "pull": 1 / 9,
        },
        rel=1e-5,
    )
    dead = np.where(truth > 0, -3.5, 0.5).astype(np.float32)
    measured = Objective([Setting(labels="matched")], 1).measure(truth, dead)
    assert float(measured["pull"][0]) == 0
    assert float(measured["false_positives"][0]) == 511
    assert float(measured["gradient"][0]) == pytest.approx(511 / 512)
