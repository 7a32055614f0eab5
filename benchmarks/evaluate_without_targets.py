"""What `evaluate` returns in Keras 2 if a variational autoencoder is evaluated without targets, as its source does.

    python -m venv /tmp/keras2 && /tmp/keras2/bin/pip install tensorflow==2.21.* tf-keras==2.21.*
    /tmp/keras2/bin/python benchmarks/evaluate_without_targets.py

tf-keras is Keras 2. It is no dependency of this project: install it elsewhere, as above.

A small variational autoencoder learns pictures of a bright spot. Its loss is the cross-entropy of a pixel, and a
layer adds 0.001 times the divergence, as in the source. Then the cross-entropy and the divergence of other pictures
are computed from the network's outputs, and set beside `evaluate(x, x)` and `evaluate(x)`.

Expected: `evaluate(x, x)` is the sum of both parts, and `evaluate(x)` the weighted divergence alone, without a
warning, however good or bad the reconstructions are. (Keras 3 refuses: `None values not supported`.)
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras import layers

KL_WEIGHT = 0.001
SIDE = 12
EPOCHS = (1, 5, 30)


class AddDivergence(layers.Layer):
    """Return [mean, log variance] as they are, and add their weighted divergence from N(0, 1) to the loss."""

    def call(self, inputs: Any) -> Any:
        """Add the loss of one batch."""
        mean, log_variance = inputs
        self.add_loss(KL_WEIGHT * tf.reduce_mean(divergence(mean, log_variance)))
        return inputs


def divergence(mean: Any, log_variance: Any) -> Any:
    """Return the divergence in nats: (B, L), (B, L) -> (B,)."""
    return 0.5 * tf.reduce_sum(tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance, axis=-1)


def spots(number: int, seed: int) -> np.ndarray:
    """Return pictures of a spot at a random place: (number, SIDE * SIDE) float32 from 0 to 1."""
    centres = np.random.default_rng(seed).uniform(2, SIDE - 3, (number, 2, 1, 1))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    squared = (rows - centres[:, 0]) ** 2 + (columns - centres[:, 1]) ** 2
    return np.exp(-squared / 3).reshape(number, -1).astype(np.float32)


def networks() -> tuple[tf_keras.Model, tf_keras.Model]:
    """Return the autoencoder, which decodes the mean of the code instead of a draw, and its encoder."""
    image = tf_keras.Input((SIDE * SIDE,))
    hidden = layers.Dense(64, activation="relu")(image)
    mean, log_variance = AddDivergence()([layers.Dense(2)(hidden), layers.Dense(2)(hidden)])
    hidden = layers.Dense(64, activation="relu")(mean)
    reconstruction = layers.Dense(SIDE * SIDE, activation="sigmoid")(hidden)
    return tf_keras.Model(image, reconstruction), tf_keras.Model(image, [mean, log_variance])


def main() -> None:
    tf_keras.utils.set_random_seed(0)
    training, test = spots(2000, 1), spots(500, 2)
    model, encoder = networks()
    model.compile(tf_keras.optimizers.Adam(0.005), loss="binary_crossentropy")
    print(f"TensorFlow {tf.__version__}, tf-keras {tf_keras.__version__}")
    print("epochs  cross-entropy  0.001 x divergence  evaluate(x, x)  evaluate(x)")
    done = 0
    for epochs in EPOCHS:
        model.fit(training, training, batch_size=64, epochs=epochs - done, verbose=0)
        done = epochs
        predicted = np.clip(model.predict(test, verbose=0).astype(float), 1e-7, 1 - 1e-7)
        bce = -np.mean(test * np.log(predicted) + (1 - test) * np.log(1 - predicted))
        kl = KL_WEIGHT * np.mean(divergence(*encoder(test)))
        # In one batch, since a mean over batches of unequal size would not be that over the pictures.
        with_targets = model.evaluate(test, test, batch_size=len(test), verbose=0)
        without = model.evaluate(test, batch_size=len(test), verbose=0)
        print(f"{epochs:6}  {bce:13.6f}  {kl:18.6f}  {with_targets:14.6f}  {without:11.6f}")


if __name__ == "__main__":
    main()
