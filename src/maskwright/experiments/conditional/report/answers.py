"""The answers of the networks to the test images."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.parts import seen_by
from maskwright.experiments.conditional.learn.switch import SoftSwitch, SwitchGate
from maskwright.experiments.conditional.params import ORACLE, SEPARATE, UNGATED, Conditional

ops: Any = keras.ops  # its annotations allow None for most results

_VALUES = 1 << 20
"""How many values (pixels times channels) of images are evaluated at a time."""


class Answers(NamedTuple):
    """The answers of a network to N test images.

    Attributes:
        first: the coarse class that the first head predicts, (N,).
        second: the fine class that the network predicts, (N,).
        entropy: the entropy of the first head's probabilities, (N,), in nats.
        gate: the share of each branch, (N, K); None if there is no gate.
        flipped: `second` when each share of the gate goes to the next branch instead; None if there is no gate.
        likeliest: the fine class to which any of the separate networks gives the greatest probability, (N,); None for
            other variants.
        hard: `second` when the gate is made hard; for `soft` only, as are the following.
        through_switch: the largest absolute derivative of an image's loss of the second head by a logit of the first
            head, through the soft switch, (N,).
        through_if_then: the same through an if-then in its place: 1 for the likeliest class, and 0 for the others.
    """

    first: np.ndarray
    second: np.ndarray
    entropy: np.ndarray
    gate: np.ndarray | None = None
    flipped: np.ndarray | None = None
    likeliest: np.ndarray | None = None
    hard: np.ndarray | None = None
    through_switch: np.ndarray | None = None
    through_if_then: np.ndarray | None = None


def answers_of(one: Any, variant: str, settings: Conditional, test: TwoLevels, coarse: int) -> Answers:
    """Return the answers of a network to the test images.

    Args:
        one: the network of one seed, as it is trained.
        variant: the name of the variant.
        settings: the experiment's section of params.yaml.
        test: the images.
        coarse: K, the number of coarse classes.
    """
    parts: dict[str, list[np.ndarray]] = {}
    batch = max(1, _VALUES // test.images[0].size)
    for at in range(0, len(test.images), batch):
        rows = slice(at, at + batch)
        images = test.images[rows].astype(np.float32) / 255
        if variant in SEPARATE:
            answer = _separate(one, images, coarse)
        elif variant in UNGATED:
            answer = _ungated(one, images, coarse)
        else:
            answer = _gated(one, variant, settings, images, test.coarse[rows], test.fine[rows])
        for name, values in answer.items():
            parts.setdefault(name, []).append(np.asarray(values))
    return Answers(**{name: np.concatenate(values) for name, values in parts.items()})


def _ungated(one: Any, images: Any, coarse: int) -> dict[str, Any]:
    logits = one(images, training=False)
    first, second = logits[:, :coarse], logits[:, coarse:]
    return {"second": tf.argmax(second, -1), "first": tf.argmax(first, -1), "entropy": _entropy(tf.nn.softmax(first))}


def _gated(
    one: Any, variant: str, settings: Conditional, images: Any, coarse: np.ndarray, fine: np.ndarray
) -> dict[str, Any]:
    middle, last, first = one.get_layer("trunk")(images, training=False)
    probabilities = tf.nn.softmax(first)
    soft, hard = SwitchGate("soft", settings.temperature), SwitchGate("hard")(probabilities)
    gate: Any = {
        "soft": soft(probabilities),
        "hard": hard,
        ORACLE: tf.one_hot(coarse, first.shape[-1]),
    }[variant]
    gates = {"second": gate, "flipped": tf.roll(gate, 1, axis=1)}
    derivatives = {}
    if variant == "soft":
        gates["hard"] = hard

        def loss_at(gate: Any) -> Any:
            logits = second_logits(one, middle, last, gate)
            return tf.nn.sparse_softmax_cross_entropy_with_logits(fine.astype(np.int32), logits)

        derivatives = {
            "through_switch": largest_derivative(lambda logits: loss_at(soft(tf.nn.softmax(logits))), first),
            "through_if_then": largest_derivative(
                lambda logits: loss_at(tf.one_hot(tf.argmax(logits, -1), logits.shape[-1])), first
            ),
        }
    answers = {name: tf.argmax(second_logits(one, middle, last, each), -1) for name, each in gates.items()}
    return {
        **answers,
        **derivatives,
        "first": tf.argmax(first, -1),
        "gate": gate,
        "entropy": _entropy(probabilities),
    }


def _separate(one: Any, images: Any, coarse: int) -> dict[str, Any]:
    logits = one(images, training=False)
    first = logits[:, :coarse]
    each = tf.reshape(logits[:, coarse:], (len(images), coarse, -1))  # (B, K, F)
    named = tf.argmax(each, axis=-1)  # (B, K)
    chosen = tf.one_hot(tf.argmax(first, -1), coarse, dtype=named.dtype)
    second, flipped = (tf.reduce_sum(gate * named, axis=1) for gate in (chosen, tf.roll(chosen, 1, axis=1)))
    return {
        "second": second,
        "flipped": flipped,
        "likeliest": tf.argmax(tf.reduce_max(tf.nn.softmax(each), axis=1), -1),
        "first": tf.argmax(first, -1),
        "gate": tf.cast(chosen, tf.float32),
        "entropy": _entropy(tf.nn.softmax(first)),
    }


def largest_derivative(losses: Callable[[Any], Any], logits: Any) -> Any:
    """Return the largest absolute derivative of each image's loss by its logits, (B, K) -> (B,).

    Args:
        losses: logits (B, K) -> (B,); each image's loss depends on its own logits only.
        logits: where to take the derivative.
    """
    with tf.GradientTape() as tape:
        tape.watch(logits)
        total = tf.reduce_sum(losses(logits))
    # Where nothing leads back to the logits, TensorFlow has no gradient at all: a derivative of 0.
    gradient = tape.gradient(total, logits, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return tf.reduce_max(tf.abs(gradient), axis=-1)


def _entropy(probabilities: Any) -> Any:
    return -tf.reduce_sum(tf.math.xlogy(probabilities, probabilities), axis=-1)


def second_logits(model: Any, middle: Any, last: Any, gate: Any) -> Any:
    """Return the logits of the second head of a gated network for a gate other than its own.

    Args:
        model: a `network`.
        middle, last: the outputs of its trunk.
        gate: (B, K).

    Returns:
        (B, F) logits.
    """
    shared = zip(*(SoftSwitch()([maps, gate]) for maps in (middle, last)), strict=True)
    branches = (model.get_layer(f"branch_{number}") for number in range(gate.shape[-1]))
    features = [one(seen_by(one, *seen)) for one, seen in zip(branches, shared, strict=True)]
    return model.get_layer("second")(ops.concatenate(features, axis=-1))
