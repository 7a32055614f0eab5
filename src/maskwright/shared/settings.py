"""What several sections of params.yaml have in common: their base class, and the values that more than one uses."""

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

Fraction = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Seeds = Annotated[int, Field(ge=2, le=1000)]
Side = Annotated[int, Field(ge=8, le=8192)]
Size = Annotated[tuple[Side, Side], Field(strict=False)]
"""Height and width in pixels."""

Auto = Literal["auto"]
"""A size that is chosen from the photographs; see `photos.sizing`."""

_SIZE: TypeAdapter[tuple[int, int]] = TypeAdapter(Size, config=ConfigDict(strict=True))

Attention = Literal["none", "spatial", "channel", "cbam"]
Precision = Literal["float32", "bfloat16"]

PRETRAINED = "pretrained"
"""The preset of a network whose backbone has ImageNet weights."""

LITES = ("lite0", "lite1", "lite2")
"""The backbones of that preset; the first one is its default. See `photos.pretrained`."""

Preset = TypeVar("Preset", bound=str)


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
    cutout: Fraction = 0.0


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


class Backbone(NamedTuple):
    """A backbone that is named in params.yaml.

    Attributes:
        name: lite0, lite1, lite2, or a name in `keras.applications`.
        weights: `imagenet`, the path of a weights file, or None for random ones.
        frozen: number of stages, from the image on, that are not trained; 0 but for a lite one.
    """

    name: str
    weights: str | None
    frozen: int


class PhotographTraining(Section, Generic[Preset]):
    """What a network that learns from photographs has in common with others: backbone, size and training."""

    preset: Preset
    backbone: str | None = None
    weights: str | None = None
    frozen: Annotated[int, Field(ge=0, le=7)] = 0
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 1.0
    attention: Attention = "none"
    size: Size | Auto
    epochs: Positive
    patience: Positive | None = None
    epoch_images: Positive
    batch_size: Positive
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Schedule
    augment: Augmentation
    precision: Precision
    seed: int

    @field_validator("size", mode="wrap")
    @classmethod
    def _check_size(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> tuple[int, int] | Auto:
        if value == "auto":
            return handler(value)
        # The union's own errors would be about both of its members.
        if isinstance(value, str):
            raise ValueError(f"give [height, width] in pixels, or auto (got {value!r})")
        return _SIZE.validate_python(value)

    @model_validator(mode="after")
    def _check_pretrained(self) -> "PhotographTraining[Preset]":
        if self.preset == PRETRAINED:
            if self.backbone not in (None, *LITES):
                raise ValueError(
                    f"backbone: {self.backbone} is none of the preset {PRETRAINED}, which has {', '.join(LITES)}; "
                    "choose one of them, or another preset"
                )
        elif (self.frozen, self.backbone_rate) != (0, 1.0):
            # Ignored, they would train the same network again under another name.
            raise ValueError(
                f"frozen, backbone_rate: belong to the preset {PRETRAINED}; choose that, or set frozen back to 0 and "
                "backbone_rate to 1.0"
            )
        return self

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width that the network sees, in pixels.

        Raises:
            ValueError: they are still to be chosen.
        """
        if self.size == "auto":
            raise ValueError("size is auto: choose it first, with photos.sizing.with_size")
        return self.size

    @property
    def named_backbone(self) -> Backbone | None:
        """The backbone that is named in place of the preset's own, or that the preset `pretrained` has."""
        if self.preset == PRETRAINED:
            return Backbone(self.backbone or LITES[0], self.weights or "imagenet", self.frozen)
        return None if self.backbone is None else Backbone(self.backbone, self.weights, 0)


FEW_PHOTOGRAPHS: Mapping[str, Any] = {
    "preset": PRETRAINED,
    "backbone": None,
    "weights": None,
    "attention": "none",
    "size": "auto",
    "epochs": 10,
    "epoch_images": 160,
    "patience": None,
    "batch_size": 8,
    "schedule.name": "cosine",
    "schedule.warmup_epochs": 2,
    "augment.flip": 0.5,
    "augment.scale": 0.3,
    "augment.rotate": 10.0,
    "augment.crop": 0.1,
    "augment.colour": 0.3,
    "augment.cutout": 0.3,
    "precision": "float32",
}
"""What the presets `photographs` have in common: for a few dozen photographs of one's own.

An epoch of 40 photographs sees each four times, so 10 epochs see 1,600.
"""
