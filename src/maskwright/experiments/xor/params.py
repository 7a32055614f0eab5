"""The section `xor` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

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


SOURCE: Mapping[str, Any] = {
    "mask": "signal",
    "variants": ["signal", "random"],
    "hidden": 9,
    "initial": [0.1, 0.9],
    "steps": 5000,
    "learning_rate": 1.0,
}
"""The source's settings: question "How to precompute a mask for each input", 2024-01-21.

The code example has the network, the initial weights, the training and the mask; the part after it has the random
mask. One network of each is trained. The shipped settings are the same, with more networks, and a variant without a
mask.
"""
