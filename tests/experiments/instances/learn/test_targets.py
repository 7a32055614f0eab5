import numpy as np
import pytest
import tensorflow as tf

from maskwright.experiments.instances.learn.batches import augment_numbered
from maskwright.experiments.instances.learn.targets import GREATEST_SIGMA, SMALL_WEIGHT, make_targets, read_targets
from maskwright.photos.images import IGNORE
from maskwright.photos.objects import UNKNOWN_OBJECT
from maskwright.shared.settings import Augmentation

THINGS = tf.constant(np.isin(np.arange(256), [1, 2]))


def targets(mask, numbers, sigma=1.0):
    made = read_targets(make_targets(np.array(mask)[None], np.array(numbers)[None], THINGS, sigma))
    return {name: np.asarray(part)[0] for name, part in made._asdict().items()}


def test_by_hand():
    mask, numbers = np.zeros((40, 50), np.uint8), np.zeros((40, 50), np.uint16)
    mask[2:5, 3:8], numbers[2:5, 3:8] = 1, 7  # its centre is the pixel (3, 5)
    made = targets(mask, numbers)
    assert made["offsets"][2, 3].tolist() == [1, 2]
    assert made["offsets"][4, 7].tolist() == [-1, -2]
    assert made["offsets"][0, 0].tolist() == [0, 0]
    assert np.unique(made["radius"], return_counts=True)[1].tolist() == [1985, 15]
    assert made["radius"][2, 3] == pytest.approx(np.sqrt(15 / np.pi))
    assert made["heat"][3, 5] == 1
    assert made["heat"][3, 6] == pytest.approx(np.exp(-0.5))
    assert made["heat"][4, 6] == pytest.approx(np.exp(-1))
    assert made["heat"][3, 9] == 0  # beyond 3 sigma
    # 15 of 2,000 pixels is no small object; two pixels are.
    assert made["weights"].max() == 1
    numbers[20, 20:22], mask[20, 20:22] = 9, 2
    made = targets(mask, numbers)
    assert np.argwhere(made["weights"] == SMALL_WEIGHT).tolist() == [[20, 20], [20, 21]]
    assert made["offsets"][20, 20].tolist() == [0, 0.5]


def test_where_two_meet_the_greater_heat_counts_and_the_edge_cuts_it_off():
    mask, numbers = np.zeros((3, 9), np.uint8), np.zeros((3, 9), np.uint16)
    mask[0, 0], numbers[0, 0] = mask[0, 3], numbers[0, 3] = 1, 1
    numbers[0, 3] = 2
    made = targets(mask, numbers)
    assert made["heat"][0, :4] == pytest.approx([1, np.exp(-0.5), np.exp(-0.5), 1])


def test_a_large_object_has_a_wider_gaussian():
    mask = np.zeros((200, 300), np.uint8)
    mask[20:180, 10:110] = 1  # a disc of as many pixels has a radius of 71.4, a sixth of which is 11.9
    mask[90:110, 200:220] = 2  # 11.3, and 1.9
    made = targets(mask, mask, sigma=3.0)
    assert made["heat"][100, 60 - 20] == pytest.approx(np.exp(-(20**2) / (2 * GREATEST_SIGMA**2)), rel=1e-4)
    assert made["heat"][100, 210 + 6] == pytest.approx(np.exp(-2), rel=1e-4)
    assert made["heat"][100, 210 + 10] == 0  # each is cut off at its own 3 sigma


def test_unknown_pixels_teach_nothing_and_stuff_has_no_centre():
    mask, numbers = [[1, 1, IGNORE, 3]], [[1, UNKNOWN_OBJECT, UNKNOWN_OBJECT, 2]]
    made = targets(mask, numbers)
    assert made["known"].tolist() == [[1, 0, 0, 1]]
    assert (made["radius"] > 0).tolist() == [[True, False, False, False]]
    assert made["classes"].tolist() == [[1, 1, IGNORE, 3]]
    assert made["heat"][0, 3] == pytest.approx(
        np.exp(-4.5)
    )  # of the object on the left, whose centre is its only pixel


def test_a_batch_keeps_objects_of_equal_numbers_apart_and_may_have_none():
    mask = np.zeros((3, 4, 6), np.uint8)
    mask[0, :, :2] = mask[1, :, 4:] = 1
    made = read_targets(make_targets(mask, mask, THINGS, 1.0))
    assert np.asarray(made.offsets)[0, 0, 0].tolist() == [1.5, 0.5]
    assert np.asarray(made.offsets)[1, 0, 4].tolist() == [1.5, 0.5]
    assert np.asarray(made.heat)[2].max() == 0
    empty = read_targets(make_targets(mask[2:], mask[2:], THINGS, 1.0))
    assert np.asarray(empty.heat).max() == 0


@pytest.mark.parametrize("number", [0.0, 0.9])  # mirrored, and not
def test_targets_move_with_the_picture(number):
    """An object that is painted white has the same pixels after augmentation in picture and numbers."""
    rng = np.random.default_rng(3)
    numbers = np.zeros((2, 40, 60), np.uint16)
    numbers[:, 5:18, 8:25], numbers[:, 20:37, 20:55] = 1, 2
    drawn = rng.uniform(size=(2, 9)).astype(np.float32)
    drawn[:, 0] = number
    strength = Augmentation(flip=0.5, scale=0.3, rotate=20.0, crop=0.1)
    for label in (1, 2):
        white = np.where(numbers[..., None] == label, 255, 0).repeat(3, -1).astype(np.uint8)
        given = tf.constant(white), tf.constant((numbers > 0).astype(np.uint8)), tf.constant(numbers)
        image, mask, moved = (np.asarray(part) for part in augment_numbered(*given, drawn, strength))
        outside = moved == UNKNOWN_OBJECT
        assert (outside == (mask == IGNORE)).all()
        assert outside.any()
        here, there = moved == label, (image[..., 0] > 127) & ~outside
        assert (here & there).sum() / (here | there).sum() > 0.9
