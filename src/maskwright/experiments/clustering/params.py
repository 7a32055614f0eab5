"""The section `clustering` of params.yaml."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Positive, Precision, Section, Seeds, Views

IIC = "iic"
"""The only variant."""

SOURCE: Mapping[str, Any] = MappingProxyType(
    {
        "preset": "vgg-f",
        "clusters": 10,
        "heads": 1,
        "over_heads": 0,
        "epochs": 1200,
        "batch_size": 512,
        "learning_rate": 0.001,
        "weight_decay": 0.0,
    }
)
"""The settings of the book's code, which the text of the chapter does not reach: `iic-13.5.1.py` and `vgg.py`.

The text states the ten clusters of the digits and asks for large batches (13.3, below equations 13.3.1 and 13.3.2).
The code trains on 60,000 digits. Its rate falls by a fifth every 400 epochs; here it rises and falls. Its distortions
are those of the default `views`.
"""


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
    views: Views
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
