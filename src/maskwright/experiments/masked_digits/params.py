"""The section `masked_digits` of params.yaml."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from maskwright.shared.settings import Positive, Section, Seeds

MaskWay = Literal["channel", "multiply", "attention", "pool", "none", "random"]

SINGLE = "single"
"""The variant that sees a single digit and a mask that is 1 everywhere. It is the upper bound for the others."""


class MaskedDigits(Section):
    """The experiment with a mask as large as the image."""

    mask: MaskWay
    variants: list[MaskWay]
    seeds: Seeds
    epochs: Positive
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
