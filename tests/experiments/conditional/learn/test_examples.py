import numpy as np

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.examples import shown_images


def test_what_a_network_is_shown():
    images = np.zeros((4, 6, 6, 1), np.uint8)
    images[:, 3, 3] = 255
    training = TwoLevels(images, np.array([0, 1, 0, 1], np.uint8), np.arange(4, dtype=np.uint8))
    epoch = shown_images(training, shift=2)(5)
    seen, coarse, fine = epoch(0)
    assert sorted(fine) == [0, 1, 2, 3]
    np.testing.assert_array_equal(coarse, fine % 2)
    for image in seen:
        ((row, column, _),) = np.argwhere(image)
        assert 1 <= row <= 5
        assert 1 <= column <= 5
    again, other = epoch(0)[0], epoch(1)[0]
    np.testing.assert_array_equal(again, seen)
    assert (other != seen).any()
