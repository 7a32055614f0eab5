"""The settings of each variant, change and number of repeats in the corner experiment."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from maskwright.experiments.corner.data import PATTERNS
from maskwright.experiments.corner.params import Corner

HAND_SET = "hand_set"
"""The variant that is not trained."""

HAND_SET_TRAINED = "hand_set_trained"
"""The variant whose weights are set by hand and then trained, as in the source's full program."""

Labels = Literal["posted", "matched"]

LABELS: tuple[Labels, ...] = ("posted", "matched")
"""The shapes that the labels may have; see `Setting`."""


@dataclass(frozen=True)
class Setting:
    """A network and its training. The defaults are the setting of the question that was posted.

    Attributes:
        head: activation of the 1x1 convolution; softmax has two outputs, the second of which is the corner.
        loss: mean squared error, or the cross-entropy that fits the head.
        labels: `posted` has shape (B,) against outputs (B, 1, 1, 1), so the loss compares each output with all labels
            of the batch; `matched` compares it with its own label.
        epochs, batch_size, learning_rate: settings of the training with Adam.
        filters: number of filters of the 3x3 convolution.
        repeats: number of corners among an epoch's 512 examples; the others are drawn without replacement.
        balanced: whether an epoch consists of the other 511 patterns once and the corner 511 times instead.
        corner_weight: weight of the corner in the loss, as in Keras's `class_weight`.
        centred: whether the inputs are -1 and 1 instead of 0 and 1.
        by_hand: whether the training begins with the weights that are set by hand, not with random ones.
    """

    head: Literal["hard_sigmoid", "sigmoid", "softmax"] = "hard_sigmoid"
    loss: Literal["mse", "cross_entropy"] = "mse"
    labels: Labels = "posted"
    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-2
    filters: int = 1
    repeats: int = 1
    balanced: bool = False
    corner_weight: float = 1.0
    centred: bool = False
    by_hand: bool = False

    @property
    def units(self) -> int:
        """Return the number of outputs."""
        return 2 if self.head == "softmax" else 1

    @property
    def stack(self) -> tuple[Any, ...]:
        """Return the values that runs must have in common to train together."""
        return self.epochs, self.batch_size, self.learning_rate, self.filters, self.units, self.loss, self.balanced


def variant_setting(settings: Corner, variant: str) -> Setting:
    """Return the setting of a variant. `hand_set`, which is not trained, has the posted setting."""
    epochs = settings.epochs
    posted = Setting(epochs=epochs.as_posted)
    softmax = Setting("softmax", "cross_entropy", "matched", batch_size=PATTERNS, learning_rate=1e-3)
    return {
        HAND_SET: posted,
        HAND_SET_TRAINED: Setting(epochs=epochs.hand_set_trained, learning_rate=1e-7, by_hand=True),
        "as_posted": posted,
        "matched_labels": replace(posted, labels="matched"),
        "repeated_corner": repeated(settings, settings.repeats),
        "sigmoid_bce": Setting("sigmoid", "cross_entropy", "matched", epochs=epochs.sigmoid_bce),
        "softmax_ce": replace(softmax, epochs=epochs.softmax_ce),
        "balanced": replace(softmax, epochs=epochs.balanced, balanced=True),
        "class_weight": replace(softmax, epochs=epochs.class_weight, corner_weight=PATTERNS - 1),
    }[variant]


def repeated(settings: Corner, repeats: int) -> Setting:
    """Return the setting with matched labels and `repeats` corners among an epoch's examples."""
    return Setting(labels="matched", epochs=settings.epochs.repeated_corner, repeats=repeats)


def changed_setting(settings: Corner, change: str, labels: Labels) -> Setting:
    """Return the setting of the question with one change, and with labels of the given shape."""
    posted = Setting(labels=labels, epochs=settings.epochs.as_posted)
    longer = replace(posted, epochs=5 * posted.epochs)
    return {
        "none": posted,
        "logistic_sigmoid": replace(posted, head="sigmoid"),
        "corner_weight": replace(posted, corner_weight=PATTERNS - 1),
        "centred_inputs": replace(posted, centred=True),
        "repeated_corner": replace(posted, repeats=settings.repeats),
        "sixteen_filters": replace(posted, filters=16),
        "tenth_learning_rate": replace(posted, learning_rate=posted.learning_rate / 10),
        "fivefold_epochs": longer,
        "fivefold_epochs_centred_inputs": replace(longer, centred=True),
        # One label and one output are one pair, whatever their shapes. A fifth of the epochs has six times the steps.
        "batch_of_one": replace(posted, batch_size=1, labels="matched", epochs=-(-posted.epochs // 5)),
    }[change]
