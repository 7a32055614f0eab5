import numpy as np

from maskwright.experiments.conditional.learn.network import Sizes, network
from maskwright.experiments.conditional.report.answers import second_logits


def test_with_the_first_head_s_own_gate_the_second_one_says_what_it_says_anyway():
    batch = np.random.default_rng(0).random((9, 16, 16, 1)).astype(np.float32)
    sizes = Sizes(side=16, channels=1, trunk=(4, 6), branch=5, units=7)
    soft = network(sizes, 2, 10, gate="soft", temperature=1.0, seed=3)
    logits = np.asarray(soft(batch))
    probabilities = np.exp(logits[:, :2]) / np.exp(logits[:, :2]).sum(axis=1, keepdims=True)
    middle, last, _ = soft.get_layer("trunk")(batch)
    np.testing.assert_allclose(np.asarray(second_logits(soft, middle, last, probabilities)), logits[:, 2:], atol=1e-5)
