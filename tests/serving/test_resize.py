import numpy as np
import pytest
import tensorflow as tf

from maskwright.photos.images import resize_image
from maskwright.serving.resize import resized


def test_by_hand():
    # Halved, each new position is 2 wide and centred between two old ones, at distances 0.5, 0.5, 1.5, 1.5: their
    # shares are 0.75, 0.75, 0.25, 0.25, divided by the sum of those that exist.
    row = np.array([0, 40, 80, 120], np.uint8).reshape(1, 1, 4, 1)
    left = (0.75 * 0 + 0.75 * 40 + 0.25 * 80) / 1.75
    right = (0.25 * 40 + 0.75 * 80 + 0.75 * 120) / 1.75
    np.testing.assert_allclose(np.asarray(resized(row, (1, 2))).ravel(), [left, right], rtol=1e-6)
    # Doubled, new positions lie at 0.25 and 0.75 between old ones, and the border is repeated.
    row = np.array([0, 40], np.float32).reshape(1, 2, 1, 1)
    np.testing.assert_allclose(np.asarray(resized(row, (4, 1))).ravel(), [0, 10, 30, 40], rtol=1e-6)


@pytest.mark.parametrize("old", [(12, 20), (41, 97), (5, 7), (1, 1), (8, 100)])
def test_as_tensorflow_and_pillow_do(old):
    images = np.random.default_rng(0).integers(0, 256, (2, *old, 3), np.uint8)
    found = np.asarray(resized(images, (12, 20)))
    assert found.shape == (2, 12, 20, 3)
    np.testing.assert_allclose(found, np.asarray(tf.image.resize(images, (12, 20), antialias=True)), atol=2e-3)
    for image, ours in zip(images, found, strict=True):
        # Pillow rounds to whole numbers after each axis.
        np.testing.assert_allclose(ours, resize_image(image, (12, 20)), atol=1.01)


def test_sides_may_be_open():
    traced = tf.function(lambda images: resized(images, (4, 6)), input_signature=[tf.TensorSpec([None] * 3 + [3])])
    assert traced(np.zeros((2, 9, 5, 3), np.float32)).shape == (2, 4, 6, 3)
    assert traced.get_concrete_function().structured_outputs.shape.as_list() == [None, 4, 6, 3]
