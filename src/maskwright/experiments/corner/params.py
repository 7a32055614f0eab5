"""The section `corner` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from maskwright.shared.settings import Fraction, Positive, Section, Seeds, Size

CornerVariant = Literal[
    "hand_set",
    "hand_set_trained",
    "as_posted",
    "matched_labels",
    "repeated_corner",
    "sigmoid_bce",
    "softmax_ce",
    "balanced",
    "class_weight",
]
CornerChange = Literal[
    "none",
    "logistic_sigmoid",
    "corner_weight",
    "centred_inputs",
    "repeated_corner",
    "sixteen_filters",
    "tenth_learning_rate",
    "fivefold_epochs",
    "fivefold_epochs_centred_inputs",
    "batch_of_one",
]
Repeats = Annotated[int, Field(ge=1, le=511)]


class CornerEpochs(Section):
    """The number of epochs for each variant of the corner experiment."""

    hand_set_trained: Positive
    as_posted: Positive
    repeated_corner: Positive
    sigmoid_bce: Positive
    softmax_ce: Positive
    balanced: Positive
    class_weight: Positive


class Rectangles(Section):
    """The images of rectangles on which the corner detectors are tested."""

    images: Positive
    size: Size
    count: Positive
    noise: Fraction


class Corner(Section):
    """The corner experiment."""

    variant: CornerVariant
    variants: list[CornerVariant]
    changes: list[CornerChange]
    seeds: Seeds
    repeats: Repeats
    repeats_tried: list[Repeats]
    epochs: CornerEpochs
    rectangles: Rectangles
    seed: int

    outside: ClassVar[frozenset[str]] = frozenset({"rectangles"})
    """The keys that do not affect how a variant is trained. The list of variants does: variants train in stacks, and
    stacks of other variants may round differently."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants to train: the chosen one, and the ones to compare it with."""
        return list(dict.fromkeys([self.variant, *self.variants]))


SOURCE: Mapping[str, Any] = {
    "variant": "as_posted",
    "variants": ["hand_set", "hand_set_trained", "as_posted", "softmax_ce", "balanced"],
    "changes": [],
    "repeats_tried": [],
    "epochs.hand_set_trained": 1000,
    "epochs.as_posted": 100,
    "epochs.softmax_ce": 10000,
}
"""The source's settings: question on learning a corner of 3x3 binary pixels with Keras.

`hand_set` has its first weights, `as_posted` is its basic training, `hand_set_trained` its full program, `softmax_ce`
its own solution. `learn.variants` has their learning rates and batch sizes. `balanced` follows its remark that more
corners speed this up; it says neither how many nor by how much. The shipped epochs are the same.
"""
