"""The baseline: what a mask of classes gives by itself. Each connected part of a class is taken for an object."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy import ndimage
from skimage.measure import label

from maskwright.experiments.instances.learn.grouping import Objects, classify
from maskwright.experiments.instances.report.inference import InstancesFacts, Seen, enlarged
from maskwright.photos.objects import MOST_OBJECTS


def components_finder(about: InstancesFacts) -> Callable[[Seen], Objects]:
    """Return a function that takes the connected parts of the same network's mask of classes for objects.

    Pixels that touch by a corner are connected. As in `learn.grouping`, parts of fewer than `least_pixels` are
    dropped, and the score is the mean probability of the pixels' classes.
    """

    @tf.function(input_signature=(tf.TensorSpec((None, None, None)), tf.TensorSpec((2,), tf.int32)))
    def run(outputs: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return classify(outputs, size)

    def find(seen: Seen) -> Objects:
        mask, confidence = (part.numpy() for part in run(tf.constant(seen.outputs), tf.constant(seen.grouped_size)))
        found = components(mask.astype(np.uint8), confidence, about.things, about.grouping.least_pixels)
        return enlarged(found, seen.size)

    return find


def components(mask: np.ndarray, confidence: np.ndarray, things: np.ndarray, least_pixels: int) -> Objects:
    """Return the connected parts of the classes that are things, those with the highest score first.

    Args:
        mask: (H, W) uint8 class indices.
        confidence: (H, W) float32, the probability of each pixel's class.
        things: (256,) bool, which classes are divided.
        least_pixels: smaller parts are dropped.
    """
    parts, classes = np.zeros(mask.shape, np.int64), [0]
    for index in np.unique(mask[things[mask]]).tolist():
        labelled = np.asarray(label(mask == index, connectivity=2))
        count = int(labelled.max())
        parts = np.where(labelled > 0, labelled + len(classes) - 1, parts)
        classes += [index] * count
    areas = np.bincount(parts.reshape(-1), minlength=len(classes))
    sums = np.bincount(parts.reshape(-1), confidence.reshape(-1), minlength=len(classes))
    scores = sums / np.maximum(areas, 1)
    kept = np.flatnonzero(areas >= least_pixels)
    kept = kept[kept > 0]
    order = kept[np.argsort(-scores[kept], kind="stable")][:MOST_OBJECTS]
    renamed = np.zeros(len(classes), np.uint16)
    renamed[order] = np.arange(1, len(order) + 1)
    numbers = renamed[parts]
    final = np.where(things[mask] & (numbers == 0), 0, mask).astype(np.uint8)
    middles = np.array(ndimage.center_of_mass(numbers > 0, numbers, range(1, len(order) + 1))).reshape(-1, 2) + 0.5
    return Objects(
        final,
        numbers,
        np.array(classes, np.int32)[order],
        scores[order].astype(np.float32),
        middles.astype(np.float32),
    )
