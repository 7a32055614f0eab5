"""Pictures to cluster, in disjoint training and test splits. Imports no TensorFlow.

    maskwright generate clustering

Depending on `clustering.images`, they are the digits, or come from any folder with a folder of pictures for each
class. No network sees the classes: they are only used to score the clusters.
"""

import hashlib
from pathlib import Path

import numpy as np

from maskwright.experiments.clustering.learn.pictures import CLASSES_FILE, Pictures
from maskwright.experiments.clustering.params import Clustering
from maskwright.photos.images import MEGAPIXELS, SUFFIXES, ImageError, read_image, resize_image
from maskwright.shared.datasets import DIGIT_CLASSES, read_images
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_folder, write_arrays, write_json

SPLITS = ("train", "test")

TEST_SHARE = 0.2
"""The share of a folder's pictures that become test images, chosen by the hash of their names."""


def write_pictures(settings: Clustering, digits: Path, out: Path) -> None:
    """Write `out`/train.npz and test.npz (see `Pictures`), and the names of the classes.

    Args:
        settings: the experiment's section of params.yaml; only `images` and `side` are used.
        digits: the folder that `maskwright generate digits` wrote; read only if `images` is "digits".
        out: the output folder, replaced as a whole.

    Raises:
        MaskwrightError: a folder is missing, has no pictures or only one class, or a picture cannot be read.
    """
    if settings.images == "digits":
        names = [str(digit) for digit in range(DIGIT_CLASSES)]
        splits = {split: _digits(digits, split) for split in SPLITS}
    else:
        names, splits = _folder(Path(settings.images).expanduser(), settings.side)
    with replaced_folder(out) as new:
        write_json(new / CLASSES_FILE, names)
        for split, drawn in splits.items():
            write_arrays(new / f"{split}.npz", images=drawn.images, labels=drawn.labels)


def _digits(digits: Path, split: str) -> Pictures:
    images, labels = read_images(digits, split, "digits")
    return Pictures(images[..., None], labels)


def _folder(folder: Path, side: int) -> tuple[list[str], dict[str, Pictures]]:
    """Return the names of a folder's classes, and its pictures by split."""
    if not folder.is_dir():
        raise MaskwrightError(f"{folder}: no such folder; clustering.images must be digits or a folder of folders")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(names) < 2:
        raise MaskwrightError(f"{folder}: clustering.images needs a folder of pictures for each of several classes")
    images: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    for label, name in enumerate(names):
        for path in sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in SUFFIXES):
            # Only the name decides, so adding a picture does not move another one to the other split.
            digest = hashlib.sha256(path.relative_to(folder).as_posix().encode("utf-8", "surrogatepass")).digest()
            split = "test" if int.from_bytes(digest[:4], "big") < TEST_SHARE * 2**32 else "train"
            try:
                image = _square(read_image(path, megapixels=MEGAPIXELS))
                images[split].append(resize_image(image, (side, side)))
            except ImageError as error:
                raise MaskwrightError(f"{error}; remove it from {folder}") from None
            labels[split].append(label)
    for split in SPLITS:
        if not labels[split]:
            raise MaskwrightError(f"{folder}: no picture for the {split} split; add some")
    return names, {split: Pictures(np.stack(images[split]), np.array(labels[split], np.int64)) for split in SPLITS}


def _square(image: np.ndarray) -> np.ndarray:
    """Cut the largest possible square out of the middle."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
