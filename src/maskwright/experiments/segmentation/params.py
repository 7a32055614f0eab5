"""The section `segmentation` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field

from maskwright.shared.settings import Attention, Augmentation, Positive, Precision, Schedule, Section, Size


class Loss(Section):
    """The training loss."""

    name: Literal["cross_entropy", "focal", "dice", "cross_entropy_dice"] = "cross_entropy"
    class_weights: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0


class Segmentation(Section):
    """The segmentation experiment."""

    preset: Literal["fast", "resnet56v2-fcn"]
    backbone: str | None = None
    weights: str | None = None
    attention: Attention = "none"
    size: Size
    epochs: Positive
    epoch_images: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Schedule
    loss: Loss
    augment: Augmentation
    precision: Precision
    seed: int
