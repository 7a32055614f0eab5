"""Differentiable mutual information: MINE's bound for continuous codes, and IIC's measure for soft clusters."""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

from maskwright.learning.common.determinism import layer_seed

ops: Any = keras.ops  # its annotations allow None for most results

SMALLEST = 1e-12
"""Smaller probabilities are replaced by this before the logarithm is taken; |x log x| is then below 3e-11."""

_PLACE = 100
"""The place of the statistic's first layer among the layers with the same seed: after all layers of an encoder."""


def donsker_varadhan(joint: Any, marginal: Any) -> Any:
    """Return the Donsker-Varadhan lower bound on mutual information, in nats.

        I(X; Y) >= E_p(x,y) T(x, y) - log E_p(x)p(y) exp T(x, y)

    Args:
        joint: (N, ...) values of the statistic T for pairs drawn together.
        marginal: (M, ...) values of the statistic for pairs drawn independently.

    Returns:
        (...), one number for each index of the trailing axes. The bound holds in expectation, not for every sample.

    References:
        Donsker and Varadhan 1983, doi:10.1002/cpa.3160360204; Belghazi et al. 2018, Mutual information neural
        estimation, https://arxiv.org/abs/1801.04062, equation 10.
    """
    number = ops.cast(ops.shape(marginal)[0], marginal.dtype)
    return ops.mean(joint, axis=0) - (ops.logsumexp(marginal, axis=0) - ops.log(number))


def statistics_network(width: int, hidden: int, seed: int) -> keras.Model:
    """Return MINE's statistic T(x, y) = w · ReLU(A x + b + B y + b') + c, as in the book's code.

    Inputs: x (B, width) and y (B, width). Output: (B,), float32.
    """
    x, y = keras.Input((width,), name="x"), keras.Input((width,), name="y")
    initial: list[Any] = [keras.initializers.GlorotUniform(layer_seed(seed, _PLACE + number)) for number in range(3)]
    both = layers.Add(name="sum")(
        [
            layers.Dense(hidden, kernel_initializer=initial[0], name="of_x")(x),
            layers.Dense(hidden, kernel_initializer=initial[1], name="of_y")(y),
        ]
    )
    scores = layers.Dense(1, kernel_initializer=initial[2], dtype="float32", name="statistic")(layers.ReLU()(both))
    return keras.Model([x, y], layers.Reshape((), name="squeeze")(scores), name=f"statistic_{seed}")


def soft_joint(first: Any, second: Any) -> Any:
    """Return the symmetrised joint distribution of two soft cluster assignments.

        P = (1/N) sum_i z_i z'_i^T,    then (P + P^T) / 2

    Args:
        first, second: (N, K) probabilities of K clusters, for two views of N images; (N, H, K) for H heads.

    Returns:
        (K, K) or (H, K, K); each joint distribution sums to 1.

    References:
        Ji, Henriques, Vedaldi 2019, Invariant information clustering, https://arxiv.org/abs/1807.06653, equation 2.
    """
    joint = tf.einsum("n...k,n...l->...kl", first, second)
    joint = (joint + tf.linalg.matrix_transpose(joint)) / 2
    return joint / tf.reduce_sum(joint, axis=(-2, -1), keepdims=True)


def joint_information(joint: Any) -> Any:
    """Return the mutual information of joint distributions, in nats: (..., K, L) -> (...).

        I = sum_kl P_kl (log P_kl - log P_k - log P_l),    P_k and P_l the sums of a row and of a column

    This equals the result of `learning.views.information.information`, but has a gradient even where a probability is
    0: probabilities below `SMALLEST` count as `SMALLEST`.
    """
    joint = tf.maximum(joint, SMALLEST)
    rows = tf.reduce_sum(joint, axis=-1, keepdims=True)
    columns = tf.reduce_sum(joint, axis=-2, keepdims=True)
    return tf.reduce_sum(joint * (tf.math.log(joint) - tf.math.log(rows) - tf.math.log(columns)), axis=(-2, -1))
