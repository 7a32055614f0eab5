"""The section `segmentation` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from maskwright.shared.settings import PhotographTraining, Section


class Loss(Section):
    """The training loss."""

    name: Literal["cross_entropy", "focal", "dice", "cross_entropy_dice"] = "cross_entropy"
    class_weights: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0


class Segmentation(PhotographTraining):
    """The segmentation experiment."""

    preset: Literal["fast", "resnet56v2-fcn"]
    loss: Loss
