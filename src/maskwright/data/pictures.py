"""Pictures to cluster, in training and test images that share none. Imports no TensorFlow.

They come, by `clustering.images`, from the digits, or from any folder that holds a folder of pictures for each class.
No network sees a class: the classes only score the clusters.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.digits import read_arrays, read_digits
from maskwright.data.idx import CLASSES
from maskwright.errors import MaskwrightError
from maskwright.images import ImageError, read_image, resize_image
from maskwright.outputs import replaced_folder, write_json
from maskwright.params_digits import Clustering

GENERATED = "clustering"
"""The data set that holds them."""

SPLITS = ("train", "test")

TEST_SHARE = 0.2
"""Of a folder's pictures, by the hash of their names."""

_CLASSES = "classes.json"
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Pictures:
    """Images (N, H, H, C) uint8, and the indices of their classes (N,)."""

    images: np.ndarray
    labels: np.ndarray


def write_pictures(params: Clustering, digits: Path, out: Path) -> None:
    """Write `out`/train.npz and test.npz (see `Pictures`), and the classes' names.

    Args:
        params: `images` and `side` matter.
        digits: the folder that `maskwright generate digits` wrote, for digits.
        out: the folder; replaced whole.

    Raises:
        MaskwrightError: a folder is missing, has no pictures or only one class, or a picture cannot be read.
    """
    if params.images == "digits":
        names = [str(digit) for digit in range(CLASSES)]
        splits = {split: Pictures(*read_digits(digits, split)) for split in SPLITS}
        splits = {split: Pictures(drawn.images[..., None], drawn.labels) for split, drawn in splits.items()}
    else:
        names, splits = _folder(Path(params.images).expanduser(), params.side)
    with replaced_folder(out) as new:
        write_json(new / _CLASSES, names)
        for split, drawn in splits.items():
            np.savez_compressed(new / f"{split}.npz", images=drawn.images, labels=drawn.labels)


def read_pictures(data: Path, split: str) -> Pictures:
    """Read a split that `write_pictures` wrote into the folder `data`.

    Raises:
        MaskwrightError: the file is missing.
    """
    return Pictures(**read_arrays(data / f"{split}.npz", GENERATED))


def read_names(data: Path) -> list[str]:
    """Read the names of the classes. Raises as `read_pictures`."""
    path = data / _CLASSES
    if not path.is_file():
        raise MaskwrightError(f"{path}: no such file; run `maskwright generate {GENERATED}` first")
    return json.loads(path.read_text(encoding="utf-8"))


def _folder(folder: Path, side: int) -> tuple[list[str], dict[str, Pictures]]:
    if not folder.is_dir():
        raise MaskwrightError(f"{folder}: no such folder; clustering.images is digits or a folder of folders")
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(names) < 2:
        raise MaskwrightError(f"{folder}: clustering.images needs a folder of pictures for each of several classes")
    images: dict[str, list[np.ndarray]] = {split: [] for split in SPLITS}
    labels: dict[str, list[int]] = {split: [] for split in SPLITS}
    for label, name in enumerate(names):
        for path in sorted(path for path in (folder / name).rglob("*") if path.suffix.lower() in _SUFFIXES):
            # By its name alone, so that a picture more moves no other one.
            digest = hashlib.sha256(path.relative_to(folder).as_posix().encode("utf-8", "surrogatepass")).digest()
            split = "test" if int.from_bytes(digest[:4], "big") < TEST_SHARE * 2**32 else "train"
            try:
                images[split].append(resize_image(_square(read_image(path)), (side, side)))
            except ImageError as error:
                raise MaskwrightError(f"{error}; remove it from {folder}") from None
            labels[split].append(label)
    for split in SPLITS:
        if not labels[split]:
            raise MaskwrightError(f"{folder}: no picture for the {split} split; add some")
    return names, {split: Pictures(np.stack(images[split]), np.array(labels[split], np.int64)) for split in SPLITS}


def _square(image: np.ndarray) -> np.ndarray:
    """Cut the largest square out of the middle."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]
