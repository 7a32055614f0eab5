"""The section `information` of params.yaml."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Section, Seeds, Views

DIGITS = "digits"
"""The variant that encodes digits; the others are pairs of numbers."""

PARABOLA = "parabola"
"""The variant of pairs that depend on each other without any correlation: x is standard normal, y = x^2 + noise."""

GAUSSIAN = "gaussian_"
"""The beginning of the names of the variants of Gaussian pairs."""

SOURCE: Mapping[str, Any] = MappingProxyType(
    {
        "hidden": 16,
        "epochs": 1000,
        "batch_size": 10000,
        "learning_rate": 0.01,
        "digits.encoder": "vgg-f",
        "digits.latent": 10,
        "digits.hidden": 1024,
        "digits.epochs": 1000,
        "digits.learning_rate": 0.001,
        "digits.weight_decay": 0.0,
    }
)
"""The settings of the book's code, `mine-13.8.1.py`; the text of the chapter ends before this estimator.

The code draws 10,000 new Gaussian pairs for each of 1,000 steps; here each is a step with the same 10,000 pairs. Its
batch of digits, 10,000 of 60,000 by default, is more than the 3,500 digits here, so `digits.batch_size` stays.
"""


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
    views: Views


class Information(Section):
    """The experiment with estimates of mutual information."""

    correlations: Annotated[list[Annotated[float, Field(gt=-1, lt=1)]], Field(min_length=1)]
    seeds: Seeds
    parabola_noise: Annotated[float, Field(ge=0.1, le=100)]
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
    def gaussians(self) -> dict[str, float]:
        """The correlation of each variant of Gaussian pairs."""
        return {f"{GAUSSIAN}{correlation:g}": correlation for correlation in self.correlations}

    @property
    def pair_variants(self) -> list[str]:
        """The variants of pairs of numbers."""
        return [*self.gaussians, PARABOLA]

    @property
    def trained_variants(self) -> list[str]:
        """The variants: the digits' encoder, one for each correlation, and the parabola."""
        return [DIGITS, *self.pair_variants]
