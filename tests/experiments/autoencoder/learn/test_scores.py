"""What an autoencoder's losses are, by hand."""

import numpy as np
import pytest

from maskwright.experiments.autoencoder.learn.scores import Coded, losses


def test_the_losses_by_hand():
    # Logits of 0 say 1/2 of every pixel: ln 2. One of ln 3 says 3/4: of a black pixel ln 4, of a white one ln 4/3.
    images = np.array([0.0, 1.0, 0.0, 1.0], np.float32).reshape(2, 2, 1, 1)
    logits = np.array([0.0, 0.0, np.log(3), np.log(3)], np.float32).reshape(2, 2, 1, 1)
    coded = Coded(logits, np.zeros((2, 2), np.float32), np.array([1.0, 3.0], np.float32))
    bce = np.array([np.log(2), (np.log(4) + np.log(4 / 3)) / 2])
    expected = {"loss": bce + np.array([0.5, 1.5]), "bce": bce, "kl": [1.0, 3.0], "weighted_kl": [0.5, 1.5]}
    measured = losses(images, coded, 0.5)
    assert measured.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(measured[name], values, rtol=1e-6)
    plain = losses(images, coded._replace(divergence=None), 0.5)
    assert plain.keys() == {"loss", "bce"}
    np.testing.assert_allclose(plain["loss"], bce, rtol=1e-6)


def test_the_losses_of_certain_logits_are_finite():
    images = np.array([0.0, 1.0], np.float32).reshape(1, 2, 1, 1)
    coded = Coded(np.array([1000.0, 1000.0], np.float32).reshape(1, 2, 1, 1), np.zeros((1, 2)), None)
    assert losses(images, coded, 0.5)["loss"] == pytest.approx([500.0])
