import numpy as np

from maskwright.experiments.masked_digits.data import GRID_CORNERS, shifted, square_masks, training_grids

# Digit k is a square filled with k + 1, so that an image tells which digits it is made of.
TEN = np.repeat(np.arange(1, 11, dtype=np.uint8), 784).reshape(10, 28, 28)
LABELS = np.arange(10, dtype=np.uint8)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_square_mask():
    mask = square_masks(np.array([[1, 2]]), 30)[0]
    assert mask[1, 2] == mask[28, 29] == 1
    assert mask.sum() == 784
    assert mask[0].sum() == mask[:, :2].sum() == mask[29].sum() == 0


def test_training_grids_use_each_digit_once():
    images, digits = training_grids(TEN, LABELS, 0, rng())
    assert images.shape == (2, 56, 56)
    assert len(set(digits.ravel().tolist())) == 8
    for image, quarters in zip(images, digits, strict=True):
        for (row, column), digit in zip(GRID_CORNERS, quarters, strict=True):
            assert (image[row : row + 28, column : column + 28] == digit + 1).all()


def test_a_shift_stays_in_its_quarter():
    images, _ = training_grids(TEN, LABELS, 2, rng())
    for row, column in GRID_CORNERS:
        inner = images[:, row + 2 : row + 26, column + 2 : column + 26]
        assert (inner == inner[:, :1, :1]).all()
    point = np.zeros((300, 5, 5), np.uint8)
    point[:, 2, 2] = 9
    moved = shifted(point, 1, rng())
    assert set(zip(*(axis.tolist() for axis in np.nonzero(moved)[1:]), strict=True)) == {
        (row, column) for row in (1, 2, 3) for column in (1, 2, 3)
    }
    edge = np.zeros((50, 5, 5), np.uint8)
    edge[:, 0, 0] = 9
    assert set(shifted(edge, 1, rng()).sum(axis=(1, 2)).tolist()) == {0, 9}
    np.testing.assert_array_equal(shifted(point, 0, rng()), point)
