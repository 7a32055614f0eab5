"""The sections of params.yaml for conditional networks, for estimates of mutual information and for clustering."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskwright.params_section import Positive, Section

Switch = Literal["soft", "hard", "routed", "none"]


class DigitCodes(Section):
    """MINE between the encodings of two views of a digit."""

    encoder: Literal["fast", "vgg-f"]
    latent: Positive
    hidden: Positive
    seeds: Annotated[int, Field(ge=2, le=1000)]
    epochs: Positive
    batch_size: Annotated[int, Field(ge=2)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]


class Information(Section):
    """The experiment with estimates of mutual information."""

    correlations: Annotated[list[Annotated[float, Field(gt=-1, lt=1)]], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=2, le=1000)]
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
            raise ValueError(f"correlations: each only once (got {self.correlations})")
        if self.batch_size > self.pairs // 2:
            raise ValueError(f"batch_size: at most half of pairs, {self.pairs // 2:,} (got {self.batch_size:,})")
        if self.bins > self.pairs:
            raise ValueError(f"bins: at most as many as pairs (got {self.bins:,} for {self.pairs:,})")
        if self.neighbours >= self.pairs:
            raise ValueError(f"neighbours: fewer than pairs (got {self.neighbours:,} for {self.pairs:,})")
        return self


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
    seeds: Annotated[int, Field(ge=2, le=1000)]
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


class Clustering(Section):
    """The experiment that clusters images without labels."""

    images: str
    side: Annotated[int, Field(ge=16, le=256)]
    preset: Literal["fast", "vgg-f"]
    clusters: Annotated[int, Field(ge=2, le=1000)]
    heads: Positive
    over_heads: Annotated[int, Field(ge=0)]
    over_clusters: Annotated[int, Field(ge=2, le=1000)]
    seeds: Annotated[int, Field(ge=2, le=1000)]
    epochs: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    precision: Literal["float32", "bfloat16"]
    seed: int

    @model_validator(mode="after")
    def _check_batch(self) -> "Clustering":
        largest = max(self.clusters, self.over_clusters if self.over_heads else 0)
        if self.batch_size < 2 * largest:
            raise ValueError(
                f"batch_size: at least {2 * largest:,} for heads of {largest:,} clusters, whose joint distribution "
                f"fewer images cannot show (got {self.batch_size:,})"
            )
        return self
