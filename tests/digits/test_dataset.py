import subprocess
import sys

import keras
import numpy as np
import pytest

from maskwright.digits import dataset as digits
from maskwright.digits.dataset import load_digits, read_digits, write_digits
from maskwright.digits.params import Digits
from maskwright.shared.errors import MaskwrightError
from support.idx_files import write_set


def made(number, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (number, 28, 28)).astype(np.uint8), (np.arange(number) % 10).astype(np.uint8)


def settings(**changes):
    return Digits(**{"source": "made", "validation": 20, "test": 30, "seed": 0, **changes})


@pytest.fixture
def source(monkeypatch):
    parts = {"train": made(100)}
    monkeypatch.setattr(digits, "load_digits", lambda source: parts)
    return parts


def contents(folder, split):
    images, labels = read_digits(folder, split)
    assert images.dtype == labels.dtype == np.uint8
    assert images.shape == (len(labels), 28, 28)
    return [image.tobytes() for image in images], labels


def test_splits_are_stratified_and_share_nothing(source, tmp_path):
    write_digits(settings(), tmp_path / "out")
    known = {image.tobytes(): label for image, label in zip(*source["train"], strict=True)}
    everything = []
    for split, each in (("train", 5), ("validation", 2), ("test", 3)):
        images, labels = contents(tmp_path / "out", split)
        assert np.bincount(labels).tolist() == [each] * 10
        assert [known[image] for image in images] == labels.tolist()
        everything += images
    assert sorted(everything) == sorted(known)
    again = write_digits(settings(), tmp_path / "again")
    assert again is None
    other = write_digits(settings(seed=1), tmp_path / "other")
    assert other is None
    for split in digits.SPLITS:
        first, second, third = ((tmp_path / name / f"{split}.npz").read_bytes() for name in ("out", "again", "other"))
        assert first == second != third


def test_equal_images_are_used_once(source, tmp_path):
    images, labels = source["train"]
    source["train"] = np.concatenate([images, images[::-1]]), np.concatenate([labels, labels[::-1]])
    write_digits(settings(), tmp_path)
    everything = [image for split in digits.SPLITS for image in contents(tmp_path, split)[0]]
    assert len(everything) == len(set(everything)) == 100


def test_the_sources_own_test_part_is_kept_apart(source, tmp_path):
    images, labels = made(40, seed=1)
    # One of the test images is also among those for training.
    images[5] = source["train"][0][7]
    source["test"] = images, labels
    write_digits(settings(train=50), tmp_path)
    train, validation, test = (set(contents(tmp_path, split)[0]) for split in digits.SPLITS)
    assert (len(train), len(validation), len(test)) == (50, 20, 30)
    assert test <= {image.tobytes() for image in images}
    assert images[5].tobytes() not in train | validation
    assert not (train | validation) & test


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test": 101}, "digits.test: 101 images are wanted, but the source has only 100"),
        ({"validation": 71}, "digits.validation: 71 images are wanted, but the source has only 70"),
        ({"train": 51}, "digits.train: 51 images are wanted, but the source has only 50"),
        ({"test": 80}, "leave no image for training"),
    ],
)
def test_too_few(source, tmp_path, changes, message):
    with pytest.raises(MaskwrightError, match=message):
        write_digits(settings(**changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_proportions_of_a_source_with_unequal_classes(source, tmp_path):
    images, _ = source["train"]
    # 60, 25 and 15: of 10, exactly 6, 2.5 and 1.5; the smaller digit gets the half that is left over.
    source["train"] = images, np.repeat([0, 1, 2], [60, 25, 15]).astype(np.uint8)
    write_digits(settings(test=10), tmp_path)
    assert np.bincount(contents(tmp_path, "test")[1]).tolist() == [6, 3, 1]


def test_bundled():
    images, labels = load_digits("bundled")["train"]
    assert images.shape == (5000, 28, 28)
    assert np.bincount(labels).tolist() == [500] * 10
    assert images.dtype == labels.dtype == np.uint8
    assert (images.min(), images.max()) == (0, 255)
    # A zero is dark in the middle, and a one bright.
    middle = images[:, 13:15, 13:15].mean(axis=(1, 2))
    assert middle[labels == 0].mean() < 30 < 200 < middle[labels == 1].mean()


def test_a_folder_with_idx_files(tmp_path, monkeypatch):
    parts = load_digits(str(write_set(tmp_path / "idx")))
    assert parts["train"][1].tolist() == [3, 7]
    monkeypatch.chdir(tmp_path)
    assert load_digits("idx").keys() == parts.keys()
    with pytest.raises(MaskwrightError, match=rf"^nowhere: no such folder in {tmp_path}; digits.source is bundled, "):
        load_digits("nowhere")
    with pytest.raises(MaskwrightError, match=r"^/nowhere: no such folder; digits.source is bundled, keras or a"):
        load_digits("/nowhere")


def test_keras(monkeypatch):
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: (made(3), made(2, seed=1)))
    parts = load_digits("keras")
    assert [len(parts[part][1]) for part in ("train", "test")] == [3, 2]

    def fail():
        raise Exception("URL fetch failure on\nhttps://example.org: None")

    monkeypatch.setattr(keras.datasets.mnist, "load_data", fail)
    with pytest.raises(MaskwrightError, match=r"digits.source: keras: the digits could not be fetched") as caught:
        load_digits("keras")
    assert "\n" not in str(caught.value)


def test_missing_split(tmp_path):
    with pytest.raises(MaskwrightError, match=r"train.npz: no such file; run `maskwright generate digits` first"):
        read_digits(tmp_path, "train")


def test_imports_no_tensorflow():
    modules = "maskwright.digits.dataset, maskwright.experiments.masked_digits.generate"
    code = f"import sys; import {modules}; print({{'tensorflow', 'keras'}} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
