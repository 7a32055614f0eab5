from pathlib import Path

import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.examples import shown_images
from maskwright.params import load_params

SHIPPED = Path(__file__).parents[4] / "params.yaml"


def test_what_a_network_is_shown():
    images = np.zeros((4, 6, 6, 1), np.uint8)
    images[:, 3, 3] = 255
    training = TwoLevels(images, np.array([0, 1, 0, 1], np.uint8), np.arange(4, dtype=np.uint8))
    settings = load_params(SHIPPED).section("conditional")
    settings = settings.model_copy(update={"shift": 2, "epochs": 2, "batch_size": 4})
    shown = shown_images(training, settings)
    first, second = shown(5)
    seen, coarse, fine = (array[0] for array in first)
    assert sorted(fine) == [0, 1, 2, 3]
    np.testing.assert_array_equal(coarse, fine % 2)
    for image in seen:
        ((row, column, _),) = np.argwhere(image)
        assert 1 <= row <= 5
        assert 1 <= column <= 5
    np.testing.assert_array_equal(next(shown(5))[0][0], seen)
    assert (second[0][0] != seen).any()
