"""What several sections of params.yaml have in common: their base class, and the values that more than one uses."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Seeds = Annotated[int, Field(ge=2, le=1000)]
Side = Annotated[int, Field(ge=8, le=8192)]
Size = Annotated[tuple[Side, Side], Field(strict=False)]
"""Height and width in pixels."""

Attention = Literal["none", "spatial", "channel", "cbam"]
Precision = Literal["float32", "bfloat16"]


class Section(BaseModel):
    """A mapping with fixed keys. An unknown key fails, and so does a value of another type."""

    # strict: "4" is not 4 and true is not 1, since YAML already has types and a guess hides a mistake.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Augmentation(Section):
    """How much each training image is varied; 0 turns a kind off."""

    flip: Fraction = 0.5
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    rotate: Annotated[float, Field(ge=0, le=180)] = 0.0
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    colour: Fraction = 0.0


class Views(Section):
    """How the second view of an image differs from the first; see `learning.views.sampling`. 0 turns a kind off."""

    rotate: Annotated[float, Field(ge=0, le=180)]
    crop: Annotated[float, Field(ge=0, lt=1)]
    shear: Annotated[float, Field(ge=0, le=60)]
    contrast: Annotated[float, Field(ge=0, le=1)]
    brightness: Fraction
    edges: Fraction
    noise: Fraction


class Schedule(Section):
    """The learning rate over the epochs."""

    name: Literal["steps", "cosine", "inverse"] = "cosine"
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0


class PhotographTraining(Section):
    """What a network that learns from photographs has in common with others: backbone, size and training."""

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
    augment: Augmentation
    precision: Precision
    seed: int
