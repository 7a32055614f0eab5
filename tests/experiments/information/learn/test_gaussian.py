import numpy as np

from maskwright.experiments.information.learn.gaussian import gaussian_pairs, shifted
from support.tiny_information import tiny_information


def test_pairs_have_the_correlation_and_are_the_seed_s_own():
    training, held_out = gaussian_pairs(0.8, tiny_information(pairs=40000))
    assert training.shape == held_out.shape == (2, 20000, 2)
    for pairs in (*training, *held_out):
        np.testing.assert_allclose(np.cov(pairs.T), [[1, 0.8], [0.8, 1]], atol=0.03)
    assert (training[0] != training[1]).any()
    later = gaussian_pairs(0.8, tiny_information(pairs=40000, seed=1))[0]
    np.testing.assert_array_equal(later[0], training[1])


def test_shifted_pairs_keep_x_and_break_the_pairs():
    pairs = np.arange(8.0, dtype=np.float32).reshape(4, 1, 2)  # (0, 1), (2, 3), (4, 5), (6, 7)
    moved = np.asarray(shifted(pairs, 2))[:, 0]
    assert moved[:, 0].tolist() == [0, 2, 4, 6] * 2
    assert moved[:, 1].tolist() == [7, 1, 3, 5, 5, 7, 1, 3]
