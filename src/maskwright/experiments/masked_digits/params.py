"""The section `masked_digits` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from maskwright.shared.settings import Positive, Section, Seeds

MaskWay = Literal["plain_channel", "channel", "multiply", "attention", "pool", "none", "random"]

CONTROLS = ("none", "random")
"""The variants that cannot know which digit counts."""

SINGLE = "single"
"""The variant that sees a single digit and a mask that is 1 everywhere. It is the upper bound for the others."""


class MaskedDigits(Section):
    """The experiment with a mask as large as the image."""

    mask: MaskWay
    variants: list[MaskWay]
    seeds: Seeds
    epochs: Positive
    control_epochs: Positive
    batch_size: Annotated[int, Field(ge=4, multiple_of=4)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    shift: Annotated[int, Field(ge=0, le=14)]
    canvas: Annotated[int, Field(ge=84, le=1024)]
    seed: int

    outside: ClassVar[frozenset[str]] = frozenset({"mask", "variants", "canvas"})
    """The keys that do not affect how a variant is trained."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants to train: the chosen one, the ones to compare it with, and the bound."""
        return list(dict.fromkeys([self.mask, *self.variants, SINGLE]))

    def epochs_of(self, variant: str) -> int:
        """Return the number of epochs that a variant is trained for."""
        return self.control_epochs if variant in CONTROLS else self.epochs


SOURCE: Mapping[str, Any] = {"mask": "plain_channel"}
"""What the source says: question "How to precompute a mask for each input", 2024-01-21.

A mask of 0 and 1 is appended as one more channel (short answer), in thought to four MNIST images in 56 x 56 (thought
experiment). It states neither a network nor a training.
"""
