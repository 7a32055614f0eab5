from pathlib import Path

import numpy as np

from maskwright.experiments.corner.data import all_patterns
from maskwright.experiments.corner.learn.network import build
from maskwright.experiments.corner.report.metrics import effective_kernels
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
