"""The section `xor` of params.yaml."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Section, Seeds

XorMask = Literal["signal", "random", "none"]


class Xor(Section):
    """The XOR experiment."""

    mask: XorMask
    variants: list[XorMask]
    seeds: Seeds
    hidden: Positive
    initial: Annotated[tuple[float, float], Field(strict=False)]
    steps: Annotated[int, Field(ge=50, multiple_of=50)]
    learning_rate: Annotated[float, Field(gt=0)]
    seed: int

    @model_validator(mode="after")
    def _check_initial(self) -> "Xor":
        if self.initial[0] >= self.initial[1]:
            raise ValueError(f"initial: the first number must be the smaller one (got {list(self.initial)})")
        return self

    outside: ClassVar[frozenset[str]] = frozenset({"mask", "variants"})
    """The keys that do not affect how a variant is trained."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants to train: the chosen one, and the ones to compare it with."""
        return list(dict.fromkeys([self.mask, *self.variants]))
