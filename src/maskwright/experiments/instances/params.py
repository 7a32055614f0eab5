"""The section `instances` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from maskwright.shared.settings import FEW_PHOTOGRAPHS, Fraction, PhotographTraining, Positive, Section

Weight = Annotated[float, Field(ge=0)]


class InstancesLoss(Section):
    """The training loss: a weighted sum of three."""

    hardest: Annotated[float, Field(gt=0, le=1)] = 0.2
    centres: Weight = 3.0
    offsets: Weight = 2.0


class Grouping(Section):
    """How pixels become objects; see `learn.grouping`."""

    least_centre: Fraction = 0.1
    window: Annotated[int, Field(ge=3, le=99)] = 9
    least_pixels: Positive = 16
    most: Annotated[int, Field(ge=1, le=10_000)] = 1000

    @field_validator("window")
    @classmethod
    def _check_window(cls, window: int) -> int:
        if window % 2 == 0:
            raise ValueError(f"must be odd, as it has a middle (got {window})")
        return window


class Instances(PhotographTraining[Literal["fast", "pretrained"]]):
    """The instances experiment."""

    source: Literal["crowd", "annotations"] = "crowd"
    stuff: list[str] = Field(default_factory=list)
    sigma: Annotated[float, Field(gt=0)]
    loss: InstancesLoss = InstancesLoss()
    grouping: Grouping = Grouping()


RECIPES: Mapping[str, Mapping[str, Any]] = {
    "photographs": {
        **FEW_PHOTOGRAPHS,
        "source": "annotations",
        "frozen": 5,
        "backbone_rate": 0.2,
        "learning_rate": 0.002,
        "weight_decay": 0.0001,
        "loss.hardest": 1.0,
    }
}
"""Further presets of `maskwright preset`, by key.

Of few photographs, all pixels count: the hardest fifth frays outlines, and lowered PQ on validation photographs.
"""
