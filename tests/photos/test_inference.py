import keras
import numpy as np
import tensorflow as tf

from maskwright.photos.inference import frozen


def test_weights_are_those_of_the_moment():
    image = keras.Input((4, 4, 3))
    model = keras.Model(image, keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 3)(image)))
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    forward = tf.function(frozen(model))
    before = np.asarray(model(images, training=False))
    np.testing.assert_allclose(forward(images), before, atol=1e-5)
    model.set_weights([2 * weight + 1 for weight in model.get_weights()])
    assert np.abs(np.asarray(model(images, training=False)) - before).max() > 1e-3
    np.testing.assert_allclose(forward(images), before, atol=1e-5)
