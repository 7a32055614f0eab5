import numpy as np

from maskwright.experiments.information.learn.pairs import drawn_pairs, shifted
from support.tiny_information import tiny_information


def test_pairs_have_the_correlation_and_are_the_seed_s_own():
    training, held_out = drawn_pairs("gaussian_0.8", tiny_information(pairs=40000))
    assert training.shape == held_out.shape == (2, 20000, 2)
    for pairs in (*training, *held_out):
        np.testing.assert_allclose(np.cov(pairs.T), [[1, 0.8], [0.8, 1]], atol=0.03)
    assert (training[0] != training[1]).any()
    later = drawn_pairs("gaussian_0.8", tiny_information(pairs=40000, seed=1))[0]
    np.testing.assert_array_equal(later[0], training[1])


def test_the_parabola_has_no_correlation_and_its_noise():
    training, held_out = drawn_pairs("parabola", tiny_information(pairs=40000, parabola_noise=0.5))
    for pairs in (*training, *held_out):
        x, y = pairs.T
        # E y = E x^2 = 1, and the noise is what is left.
        assert abs(y.mean() - 1) < 0.05
        assert abs(np.corrcoef(x, y)[0, 1]) < 0.06
        np.testing.assert_allclose((y - x**2).std(), 0.5, atol=0.02)


def test_shifted_pairs_keep_x_and_break_the_pairs():
    pairs = np.arange(8.0, dtype=np.float32).reshape(4, 1, 2)  # (0, 1), (2, 3), (4, 5), (6, 7)
    moved = np.asarray(shifted(pairs, 2))[:, 0]
    assert moved[:, 0].tolist() == [0, 2, 4, 6] * 2
    assert moved[:, 1].tolist() == [7, 1, 3, 5, 5, 7, 1, 3]
