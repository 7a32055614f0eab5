"""The section `detection` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import FEW_PHOTOGRAPHS, Fraction, PhotographTraining, Positive, Section

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
    classes: Literal["apart", "together"] = "apart"
    iou_threshold: Annotated[float, Field(gt=0, le=1)] = 0.2
    sigma: Annotated[float, Field(gt=0)] = 0.5
    most: Annotated[int, Field(ge=1, le=10_000)] = 100


class Detection(PhotographTraining[Literal["fast", "resnet56v2-ssd", "pretrained"]]):
    """The detection experiment."""

    anchor_sizes: Annotated[tuple[float, float], Field(strict=False)]
    match_iou: Annotated[float, Field(gt=0, le=1)]
    images: Positive | None = None
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


SOURCE: Mapping[str, Any] = {
    "preset": "resnet56v2-ssd",
    "backbone": None,
    "weights": None,
    "frozen": 0,
    "backbone_rate": 1.0,
    "attention": "none",
    "size": [480, 640],
    "anchor_sizes": [0.2, 0.9],
    "match_iou": 0.6,
    "offsets": "raw",
    "images": None,
    "epochs": 200,
    "epoch_images": 1000,
    "patience": None,
    "batch_size": 4,
    "learning_rate": 0.001,
    "weight_decay": 0.0,
    "schedule.name": "steps",
    "schedule.warmup_epochs": 0.0,
    "loss.classes": "cross_entropy",
    "loss.offsets": "l1",
    "loss.hard_negatives": None,
    "augment.flip": 0.0,
    "augment.scale": 0.0,
    "augment.rotate": 0.0,
    "augment.crop": 0.0,
    "augment.colour": 0.0,
    "augment.cutout": 0.0,
    "nms.kind": "hard",
    "nms.classes": "together",
    "nms.iou_threshold": 0.2,
    "nms.sigma": 0.5,
    "precision": "float32",
}
"""The author's own settings, by key: R. Atienza (2020), Advanced Deep Learning with TensorFlow 2 and Keras, 2nd ed.

Chapter 11: ResNet56v2 with four levels, batches of 4, and 200 epochs of 1,000 images without augmentation (section
13); raw offsets with L1, the variant with the best mIoU (Table 11.13.1; the sweep `detection` has the others);
suppression in one list, from an IoU of 0.2 on, or softened by exp(-2 IoU^2) (Listing 11.12.1). With the source's
number of images, an epoch sees each of them once. The learning rate is that of chapter 12 (Adam from 1e-3, lowered
from the 40th of 100 epochs on), since section 11.13 states none; `steps` lowers it at the same shares of the epochs.
"""

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "photographs": {
        **FEW_PHOTOGRAPHS,
        "frozen": 5,
        "backbone_rate": 0.2,
        "learning_rate": 0.002,
        "weight_decay": 0.0001,
    }
}
"""Further presets of `maskwright preset`, by key."""
