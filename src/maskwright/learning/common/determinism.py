"""Making the results of training reproducible."""

import keras
import numpy as np
import tensorflow as tf


def make_deterministic(seed: int) -> None:
    """Make everything that TensorFlow and Keras do from here on a function of the last 32 bits of the seed."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()


def layer_seed(seed: int, place: int) -> int:
    """Return a seed for a network's layer number `place`, as a function of the network's seed.

    Initialisers and dropout that are not given a seed draw one from Python's global generator. Other threads, such as
    those of a Dask worker, may draw from it at the same time.
    """
    return int(np.random.SeedSequence([seed % 2**64, place]).generate_state(1)[0])
