"""The answers of the networks to the test images."""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from maskwright.experiments.conditional.data import TwoLevels
from maskwright.experiments.conditional.learn.switch import SoftSwitch, SwitchGate
from maskwright.experiments.conditional.params import ORACLE, Conditional

ops: Any = keras.ops  # its annotations allow None for most results

_VALUES = 1 << 20
"""How many values (pixels times channels) of images are evaluated at a time."""


class Answers(NamedTuple):
    """The answers of a network to N test images.

    Attributes:
        first: the coarse class that the first head predicts, (N,).
        second: the fine class that the network predicts, (N,).
        right: whether `second` is right, (N,).
        gate: the share of each branch, (N, K).
        entropy: the entropy of the first head's probabilities, (N,), in nats.
        flipped: `second` when each share of the gate goes to the next branch instead; None if there is no gate.
        hard: `second` when the gate is made hard; None for all variants but `soft`.
    """

    first: np.ndarray
    second: np.ndarray
    right: np.ndarray
    gate: np.ndarray
    entropy: np.ndarray
    flipped: np.ndarray | None = None
    hard: np.ndarray | None = None


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
        truth = np.eye(coarse, dtype=np.float32)[test.coarse[rows]]
        answer = (
            _routed(one, images, coarse) if variant == "routed" else _gated(one, variant, settings, images, truth)
        )
        for name, values in answer.items():
            parts.setdefault(name, []).append(np.asarray(values))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return Answers(**joined, right=joined["second"] == test.fine)


def _gated(one: Any, variant: str, settings: Conditional, images: Any, truth: np.ndarray) -> dict[str, Any]:
    middle, last, first = one.get_layer("trunk")(images, training=False)
    probabilities = tf.nn.softmax(first)
    hard = SwitchGate("hard")(probabilities)
    gate: Any = {
        "soft": SwitchGate("soft", settings.temperature)(probabilities),
        "hard": hard,
        "none": tf.ones_like(probabilities),
        ORACLE: truth,
    }[variant]
    gates = {"second": gate}
    if variant != "none":
        gates["flipped"] = tf.roll(gate, 1, axis=1)
    if variant == "soft":
        gates["hard"] = hard
    answers = {name: tf.argmax(second_logits(one, middle, last, each), -1) for name, each in gates.items()}
    return {**answers, "first": tf.argmax(first, -1), "gate": gate, "entropy": _entropy(probabilities)}


def _routed(one: Any, images: Any, coarse: int) -> dict[str, Any]:
    logits = one(images, training=False)
    first = logits[:, :coarse]
    specialists = tf.argmax(tf.reshape(logits[:, coarse:], (len(images), coarse, -1)), axis=-1)  # (B, K)
    chosen = tf.one_hot(tf.argmax(first, -1), coarse, dtype=specialists.dtype)
    second, flipped = (tf.reduce_sum(gate * specialists, axis=1) for gate in (chosen, tf.roll(chosen, 1, axis=1)))
    return {
        "second": second,
        "flipped": flipped,
        "first": tf.argmax(first, -1),
        "gate": tf.cast(chosen, tf.float32),
        "entropy": _entropy(tf.nn.softmax(first)),
    }


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
    features = [model.get_layer(f"branch_{number}")(list(seen)) for number, seen in enumerate(shared)]
    return model.get_layer("second")(ops.concatenate(features, axis=-1))
