"""The same numbers every time."""

import keras
import tensorflow as tf


def make_deterministic(seed: int) -> None:
    """Make all that TensorFlow and Keras do from here on a function of the seed, of which the last 32 bits count."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()
