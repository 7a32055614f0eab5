"""The section `detection` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import Fraction, PhotographTraining, Section

Offsets = Literal["raw", "normalised"]


class DetectionLoss(Section):
    """The training loss of detection."""

    classes: Literal["cross_entropy", "focal"] = "cross_entropy"
    offsets: Literal["l1", "smooth_l1"] = "smooth_l1"
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0
    focal_alpha: Fraction = 0.25
    hard_negatives: Annotated[float, Field(gt=0)] | None = None


class Nms(Section):
    """Non-maximum suppression."""

    kind: Literal["hard", "soft"] = "hard"
    iou_threshold: Annotated[float, Field(gt=0, le=1)] = 0.2
    sigma: Annotated[float, Field(gt=0)] = 0.5
    most: Annotated[int, Field(ge=1, le=10_000)] = 100


class Detection(PhotographTraining):
    """The detection experiment."""

    preset: Literal["fast", "resnet56v2-ssd"]
    anchor_sizes: Annotated[tuple[float, float], Field(strict=False)]
    match_iou: Annotated[float, Field(gt=0, le=1)]
    offsets: Offsets
    loss: DetectionLoss
    nms: Nms

    @model_validator(mode="after")
    def _check_anchor_sizes(self) -> "Detection":
        smallest, greatest = self.anchor_sizes
        if not 0 < smallest <= greatest:
            raise ValueError(
                f"anchor_sizes: give the smallest, above 0, then the greatest (got {list(self.anchor_sizes)})"
            )
        return self
