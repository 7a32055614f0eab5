from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.masked_digits.data import read_masked_digits, square_masks
from maskwright.experiments.masked_digits.generate import (
    draw_canvases,
    draw_grids,
    scattered_corners,
    write_masked_digits,
)
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError

SHIPPED = Path(__file__).parents[3] / "params.yaml"

# Digit k is a square filled with k + 1, so that an image tells which digits it is made of.
TEN = np.repeat(np.arange(1, 11, dtype=np.uint8), 784).reshape(10, 28, 28)
LABELS = np.arange(10, dtype=np.uint8)


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


def test_files(tmp_path):
    settings = load_params(SHIPPED).section("masked_digits").model_copy(update={"canvas": 90})
    (tmp_path / "digits").mkdir()
    for split in ("train", "validation", "test"):
        np.savez(tmp_path / "digits" / f"{split}.npz", images=TEN, labels=LABELS)
    for name in ("one", "two"):
        write_masked_digits(settings, tmp_path / "digits", tmp_path / name)
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
    with pytest.raises(MaskwrightError, match=r"test.npz: has 3 digits, but an image needs 4; raise digits.test"):
        write_masked_digits(settings, tmp_path / "digits", tmp_path / "three")
    assert not (tmp_path / "three").exists()
