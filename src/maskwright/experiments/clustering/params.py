"""The section `clustering` of params.yaml."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Precision, Section, Seeds

IIC = "iic"
"""The only variant."""


class Clustering(Section):
    """The experiment that clusters images without labels."""

    images: str
    side: Annotated[int, Field(ge=16, le=256)]
    preset: Literal["fast", "vgg-f"]
    clusters: Annotated[int, Field(ge=2, le=1000)]
    heads: Positive
    over_heads: Annotated[int, Field(ge=0)]
    over_clusters: Annotated[int, Field(ge=2, le=1000)]
    seeds: Seeds
    epochs: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    precision: Precision
    seed: int

    @model_validator(mode="after")
    def _check_batch(self) -> "Clustering":
        largest = max(self.clusters, self.over_clusters if self.over_heads else 0)
        if self.batch_size < 2 * largest:
            raise ValueError(
                f"batch_size: at least {2 * largest:,}, since fewer images cannot show the joint distribution of "
                f"heads of {largest:,} clusters (got {self.batch_size:,})"
            )
        return self

    outside: ClassVar[frozenset[str]] = frozenset({"images", "side"})
    """The keys that do not affect how a variant is trained. The files of the data reflect their values."""

    @property
    def trained_variants(self) -> list[str]:
        """The variants to train; there is only one."""
        return [IIC]
