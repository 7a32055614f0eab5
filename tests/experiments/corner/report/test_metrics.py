from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.learn.variants import variant_setting
from maskwright.experiments.corner.report.metrics import NEAR_INDEX, compare_times, effective_kernels, time_to_learn
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"
PATTERNS = all_patterns()[0].astype(np.float32)


def settings(**changes):
    return load_params(SHIPPED).section("corner").model_copy(update={"seeds": 3, **changes})


def test_one_kernel_says_what_the_two_convolutions_say():
    for variant in ("as_posted", "softmax_ce"):
        model = build(settings(), variant)
        kernels, offsets = effective_kernels(model)
        logits = PATTERNS.reshape(512, 9) @ kernels.reshape(3, 9).T + offsets
        scores = np.asarray(model(PATTERNS[..., None]))[:, :, 0, 0]
        expected = 1 / (1 + np.exp(-logits)) if variant == "softmax_ce" else np.clip(logits / 6 + 0.5, 0, 1)
        np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-6)
    kernel, offset = effective_kernels(build(settings(), "hand_set"))
    np.testing.assert_array_equal(kernel[0], [[-100, -100, -100], [-100, 10, 10], [-100, 10, 10]])
    assert offset.tolist() == [-35]


def test_the_pattern_next_to_the_corner():
    assert PATTERNS[NEAR_INDEX].tolist() == [[1, 0, 0], [0, 1, 1], [0, 1, 1]]


def test_time_to_learn_by_hand():
    slow = time_to_learn([400, 100, None], 3, variant_setting(settings(), "softmax_ce"))
    assert {name: values[:2].tolist() for name, values in slow.items()} == {
        "epochs_to_learn": [400, 100],
        "steps_to_learn": [400, 100],
        # One batch of all 512 an epoch.
        "examples_to_learn": [400 * 512, 100 * 512],
    }
    assert all(np.isnan(values[2]) for values in slow.values())
    fast = time_to_learn([100, 25, 10], 3, variant_setting(settings(), "balanced"))
    # Two batches, 511 corners and 511 others.
    assert fast["steps_to_learn"].tolist() == [200, 50, 20]
    assert fast["examples_to_learn"].tolist() == [102200, 25550, 10220]
    found = compare_times(slow, fast)
    assert found["pairs"] == 2
    assert found["epochs_to_learn"]["difference"]["mean"] == (300 + 75) / 2
    # Both seeds need four times the epochs, twice the steps, and 2048 / 1022 times the examples.
    for name, ratio in (("epochs_to_learn", 4), ("steps_to_learn", 2), ("examples_to_learn", 2048 / 1022)):
        assert list(found[name]["ratio"].values()) == pytest.approx([ratio] * 3)
    nothing = time_to_learn([], 3, variant_setting(settings(), "hand_set_trained"))
    assert compare_times(nothing, fast) == {"pairs": 0}
