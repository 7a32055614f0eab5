"""The same numbers every time."""

import keras
import numpy as np
import tensorflow as tf


def make_deterministic(seed: int) -> None:
    """Make all that TensorFlow and Keras do from here on a function of the seed, of which the last 32 bits count."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)
    tf.config.experimental.enable_op_determinism()


def layer_seed(seed: int, place: int) -> int:
    """Return a seed for a network's layer number `place`, as a function of the network's seed.

    Initialisers and dropout that are given none take theirs from Python's global generator, from which other threads
    may draw at the same time, those of a Dask worker for example.
    """
    return int(np.random.SeedSequence([seed % 2**64, place]).generate_state(1)[0])
