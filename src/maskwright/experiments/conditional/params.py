"""The section `conditional` of params.yaml."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Section, Seeds

Switch = Literal["soft", "hard", "routed", "none"]

ORACLE = "oracle"
"""The variant whose gate is the true coarse class. It is the upper bound for the others."""


class Conditional(Section):
    """The experiment with a condition inside a network."""

    variant: Switch
    variants: list[Switch]
    source: Literal["digits", "regions"]
    coarse: str | dict[str, list[str]]
    fine: str | None = None
    side: Annotated[int, Field(ge=16, le=512)]
    preset: Literal["fast", "branch-heavy", "source"]
    trunk: Annotated[list[Positive], Field(min_length=2)] | None = None
    branch: Positive | None = None
    seeds: Seeds
    temperature: Annotated[float, Field(gt=0)]
    gumbel: bool
    coarse_weight: Annotated[float, Field(ge=0)]
    epochs: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    shift: Annotated[int, Field(ge=0, le=14)]
    seed: int

    @model_validator(mode="after")
    def _check_coarse(self) -> "Conditional":
        if isinstance(self.coarse, dict) and len(self.coarse) < 2:
            raise ValueError("coarse: one coarse class leaves nothing to switch; name at least two")
        if self.source == "digits" and not isinstance(self.coarse, dict):
            raise ValueError("coarse: digits have no attributes; give each coarse class a list of digits")
        return self

    outside: ClassVar[frozenset[str]] = frozenset({"variant", "variants", "source", "coarse", "fine", "side"})
    """The keys that do not affect how a variant is trained. The files of the data reflect the values of some."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants to train: the chosen one, the ones to compare it with, and the bound."""
        return list(dict.fromkeys([self.variant, *self.variants, ORACLE]))
