"""The networks as corner detectors on images of rectangles."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from maskwright.reporting.intervals import mean_interval, resampled_interval, share_interval

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
            found = find_corners(model, images)
            numbers[prefix + name] = detection_summary(found, truth)
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


def detection_summary(found: np.ndarray, truth: np.ndarray) -> dict[str, dict[str, float]]:
    """Return precision and recall over all images as means over the networks, with intervals.

    `low` and `high` are Student's t over the networks, if there are several; `test_low` and `test_high` are from the
    bootstrap over the images. If every resample has a value of 1 or of 0, they are Wilson's for so many images.

    Args:
        found: (N, R, H, W) bool.
        truth: (N, H, W) bool.
    """
    counts, images = _counts(found, truth), np.arange(len(truth))
    summary = {}
    for measure, values in _scores(counts, images).items():
        test = resampled_interval(lambda drawn, m=measure: float(_scores(counts, drawn)[m].mean()), len(images))
        if test.low == test.high and test.mean in (0.0, 1.0):
            test = share_interval(int(test.mean) * len(images), len(images))
        seeds = mean_interval(values, (0, 1))._asdict() if len(values) > 1 else {"mean": float(values[0])}
        summary[measure] = {**seeds, "test_low": test.low, "test_high": test.high}
    return summary


def _counts(found: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return each image's numbers of true positives (N, R), of corners found (N, R), and of true corners (N,)."""
    return (found & truth[:, None]).sum(axis=(2, 3)), found.sum(axis=(2, 3)), truth.sum(axis=(1, 2))


def _scores(counts: tuple[np.ndarray, np.ndarray, np.ndarray], images: np.ndarray) -> dict[str, np.ndarray]:
    right, found, true = (values[images].sum(axis=0) for values in counts)
    return {"precision": right / np.maximum(1, found), "recall": right / np.maximum(1, true)}
