import keras
import numpy as np

from maskwright.learning.views.encoders import together


def test_networks_together_answer_side_by_side_for_the_middle_of_images():
    networks = []
    for factor in (1.0, 2.0):
        views = keras.Input((24, 24, 1))
        outputs = keras.layers.Rescaling(factor)(keras.layers.Flatten()(views))
        networks.append(keras.Model(views, outputs))
    images = np.random.default_rng(0).random((3, 28, 28, 1)).astype(np.float32)
    middle = images[:, 2:26, 2:26].reshape(3, -1)
    found = np.asarray(together(networks, (28, 28, 1), "both")(images))
    np.testing.assert_array_equal(found, np.stack([middle, 2 * middle], axis=1))
