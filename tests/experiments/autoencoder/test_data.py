"""Reading the digits: which of them, as what numbers, and what is said where they are missing."""

from pathlib import Path

import numpy as np
import pytest

from maskwright.experiments.autoencoder.data import read_split
from maskwright.params import load_params
from maskwright.shared.errors import MaskwrightError

SHIPPED = Path(__file__).parents[3] / "params.yaml"


def settings(images):
    return load_params(SHIPPED).section("autoencoder").model_copy(update={"images": images})


@pytest.fixture
def digits(tmp_path):
    pixels = np.arange(30, dtype=np.uint8)[:, None, None] * np.ones((1, 28, 28), np.uint8)
    for split in ("train", "test"):
        np.savez(tmp_path / f"{split}.npz", images=pixels, labels=np.arange(30, dtype=np.uint8) % 10)
    return tmp_path


def test_only_the_first_training_images_are_read_and_all_of_the_others(digits):
    training, test = (read_split(settings(12), digits, split) for split in ("train", "test"))
    assert (training.images.shape, test.images.shape) == ((12, 28, 28, 1), (30, 28, 28, 1))
    assert training.images.dtype == np.float32
    np.testing.assert_allclose(training.images[:, 5, 5, 0], np.arange(12) / 255, rtol=1e-6)
    assert training.labels.tolist() == [*range(10), 0, 1]
    assert len(read_split(settings(None), digits, "train").images) == 30


def test_too_many_images_are_refused(digits):
    with pytest.raises(MaskwrightError, match=r"autoencoder\.images: 1,000 are wanted, and .* has 30 to train on"):
        read_split(settings(1000), digits, "train")


def test_missing_digits_are_named(tmp_path):
    with pytest.raises(MaskwrightError, match=r"train\.npz: no such file; run `maskwright generate digits` first"):
        read_split(settings(None), tmp_path, "train")
