import numpy as np
import pytest

from maskwright.data.digit_grids import (
    GRID_CORNERS,
    draw_canvases,
    draw_grids,
    guessing_ceiling,
    read_masked_digits,
    scattered_corners,
    shifted,
    square_masks,
    training_grids,
    write_masked_digits,
)
from maskwright.errors import MaskwrightError
from maskwright.params import MaskedDigits

# Digit k is a square filled with k + 1, so that an image tells which digits it is made of.
TEN = np.repeat(np.arange(1, 11, dtype=np.uint8), 784).reshape(10, 28, 28)
LABELS = np.arange(10, dtype=np.uint8)


def settings(**changes):
    values = {
        "mask": "channel",
        "variants": [],
        "seeds": 2,
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 0.01,
        "weight_decay": 0.0,
        "shift": 0,
        "canvas": 90,
        "seed": 0,
    }
    return MaskedDigits(**{**values, **changes})


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("kind", ["grid", "canvas"])
def test_masks_and_labels_belong_to_the_images(kind):
    drawn = draw_grids(TEN, LABELS, rng()) if kind == "grid" else draw_canvases(TEN, LABELS, 100, rng())
    assert drawn.labels.tolist() == LABELS.tolist()
    for image, mask, random, label, digits in zip(*vars(drawn).values(), strict=True):
        values, counts = np.unique(image[image > 0], return_counts=True)
        assert (values - 1).tolist() == sorted(digits.tolist())
        assert counts.tolist() == [784] * 4
        assert (image[mask == 1] == label + 1).all()
        assert mask.sum() == random.sum() == 784
        assert len(np.unique(image[random == 1])) == 1
        if kind == "grid":
            assert mask[:28, :28].sum() in (0, 784)


def test_each_quarter_is_marked_as_often_and_random_masks_say_nothing():
    many = np.repeat(TEN, 200, axis=0), np.repeat(LABELS, 200)
    drawn = draw_grids(*many, rng())
    for masks in (drawn.masks, drawn.random_masks):
        shares = masks[:, ::28, ::28].reshape(-1, 4).mean(axis=0)
        assert np.abs(shares - 0.25).max() < 0.05
    same = (drawn.masks == drawn.random_masks).all(axis=(1, 2)).mean()
    assert same == pytest.approx(0.25, abs=0.05)


def test_squares_do_not_overlap():
    corners = scattered_corners(200, 84, rng())
    assert corners.shape == (200, 4, 2)
    assert (corners.min(), corners.max()) == (0, 56)
    covered = sum(square_masks(corners[:, place], 84) for place in range(4))
    assert covered.max() == 1
    assert (covered.sum(axis=(1, 2)) == 4 * 784).all()


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


def test_guessing_ceiling_by_hand():
    # 2 of 4, 1 of 4, 4 of 4: (0.5 + 0.25 + 1) / 3
    assert guessing_ceiling(np.array([[3, 1, 3, 7], [0, 1, 2, 3], [5, 5, 5, 5]])) == pytest.approx(1.75 / 3)


def test_files(tmp_path):
    (tmp_path / "digits").mkdir()
    for split in ("train", "validation", "test"):
        np.savez(tmp_path / "digits" / f"{split}.npz", images=TEN, labels=LABELS)
    for name in ("one", "two"):
        write_masked_digits(settings(), tmp_path / "digits", tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "one").glob("*.npz"))
    assert names == ["canvas_test.npz", "canvas_validation.npz", "grid_test.npz", "grid_validation.npz"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert read_masked_digits(tmp_path / "one", "canvas", "test").images.shape == (10, 90, 90)
    grids = [read_masked_digits(tmp_path / "one", "grid", split) for split in ("validation", "test")]
    assert (grids[0].digits != grids[1].digits).any()
    with pytest.raises(MaskwrightError, match=r"grid_test.npz: no such file; run `maskwright generate"):
        read_masked_digits(tmp_path, "grid", "test")
    np.savez(tmp_path / "digits/test.npz", images=TEN[:3], labels=LABELS[:3])
    with pytest.raises(MaskwrightError, match=r"test.npz: has 3 digits, and an image needs 4; raise digits.test"):
        write_masked_digits(settings(), tmp_path / "digits", tmp_path / "three")
    assert not (tmp_path / "three").exists()
