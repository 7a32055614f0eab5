"""The section `information` of params.yaml."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Section, Seeds

DIGITS = "digits"
"""The variant that encodes digits; the others are pairs of Gaussian numbers."""


class DigitCodes(Section):
    """MINE between the codes of two views of a digit."""

    encoder: Literal["fast", "vgg-f"]
    latent: Positive
    hidden: Positive
    seeds: Seeds
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]


class Information(Section):
    """The experiment with estimates of mutual information."""

    correlations: Annotated[list[Annotated[float, Field(gt=-1, lt=1)]], Field(min_length=1)]
    seeds: Seeds
    pairs: Annotated[int, Field(ge=100, multiple_of=2)]
    hidden: Positive
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    bins: Annotated[int, Field(ge=2)]
    neighbours: Positive
    digits: DigitCodes
    seed: int

    @model_validator(mode="after")
    def _check_sizes(self) -> "Information":
        if len(set(self.correlations)) < len(self.correlations):
            raise ValueError(f"correlations: give each only once (got {self.correlations})")
        if self.batch_size > self.pairs // 2:
            raise ValueError(f"batch_size: at most half of pairs, {self.pairs // 2:,} (got {self.batch_size:,})")
        if self.bins > self.pairs:
            raise ValueError(f"bins: at most as many as pairs (got {self.bins:,} for {self.pairs:,})")
        if self.neighbours >= self.pairs:
            raise ValueError(f"neighbours: fewer than pairs (got {self.neighbours:,} for {self.pairs:,})")
        return self

    outside: ClassVar[frozenset[str]] = frozenset({"bins", "neighbours"})
    """The keys that do not affect how a variant is trained."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants: the digits' encoder, and one for each correlation."""
        return [DIGITS, *(variant_of(correlation) for correlation in self.correlations)]


def variant_of(correlation: float) -> str:
    """Return the name of the variant with this correlation."""
    return f"gaussian_{correlation:g}"
