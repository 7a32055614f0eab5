"""The networks as corner detectors on images of rectangles."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from maskwright.reporting.intervals import mean_interval

_GROUP = 8  # number of images that the detectors see at a time


def read_rectangles(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the images of rectangles that `write_corner` wrote.

    Returns:
        clean, noisy: (N, H, W) uint8.
        truth: (N, H, W) bool, True at each rectangle's top-left pixel.
    """
    with np.load(data / "rectangles.npz") as arrays:
        clean, noisy = arrays["clean"], arrays["noisy"]
    truth = np.zeros(clean.shape, bool)
    truth[tuple(np.loadtxt(data / "corners.csv", delimiter=",", skiprows=1, dtype=np.int64, ndmin=2).T)] = True
    return clean, noisy, truth


class Detection(NamedTuple):
    """The corners that the detectors find in the images of rectangles.

    Attributes:
        numbers: the numbers of `corners` and `images`; `precision` and `recall` of the chosen networks on the `clean`
            and the `noisy` images, and of the network set by hand (`template_clean`, `template_noisy`).
        shown: for the clean and the noisy version of the first image: its name, the image (H, W), and the corners
            that the first network finds, (H, W) bool.
        truth: (H, W) bool, the corners of that image.
    """

    numbers: dict[str, Any]
    shown: list[tuple[str, np.ndarray, np.ndarray]]
    truth: np.ndarray


def detect(chosen: keras.Model, template: keras.Model, data: Path) -> Detection:
    """Apply the chosen networks, and the network set by hand, to the images of rectangles in `data`."""
    clean, noisy, truth = read_rectangles(data)
    numbers: dict[str, Any] = {"corners": int(truth.sum()), "images": len(clean)}
    for name, images in (("clean", clean), ("noisy", noisy)):
        for prefix, model in (("", chosen), ("template_", template)):
            values = detection_scores(find_corners(model, images), truth)
            numbers[prefix + name] = {
                measure: mean_interval(own, (0, 1))._asdict() if len(own) > 1 else {"mean": float(own[0])}
                for measure, own in values.items()
            }
    shown = (
        (name, images[0], find_corners(chosen, images[:1])[0, 0])
        for name, images in (("clean", clean), ("noisy", noisy))
    )
    return Detection(numbers, list(shown), truth[0])


def find_corners(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Apply the networks of a model to binary images.

    Args:
        model: the result of `learn.network.build`.
        images: (N, H, W) of 0 and 1.

    Returns:
        (N, R, H, W) bool, True where a network finds a top-left corner. The outermost pixels, which have no window
        around them, are False.
    """
    groups = (images[start : start + _GROUP] for start in range(0, len(images), _GROUP))
    found = [np.asarray(model(group[..., None].astype(np.float32))) > 0.5 for group in groups]
    return np.pad(np.concatenate(found), ((0, 0), (0, 0), (1, 1), (1, 1)))


def detection_scores(found: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Return precision and recall of each network over all images, (R,). Precision is 0 if nothing is found.

    Args:
        found: (N, R, H, W) bool.
        truth: (N, H, W) bool.
    """
    right = (found & truth[:, None]).sum(axis=(0, 2, 3))
    return {"precision": right / np.maximum(1, found.sum(axis=(0, 2, 3))), "recall": right / max(1, truth.sum())}
