"""The section `segmentation` of params.yaml."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from maskwright.shared.settings import FEW_PHOTOGRAPHS, PhotographTraining, Positive, Section

SOURCE: Mapping[str, Any] = {
    "preset": "resnet56v2-fcn",
    "pyramid.levels": 3,
    "pyramid.filters": 256,
    "backbone": None,
    "weights": None,
    "frozen": 0,
    "backbone_rate": 1.0,
    "attention": "none",
    "size": [480, 640],
    "epochs": 100,
    "epoch_images": 1000,
    "patience": None,
    "batch_size": 4,
    "learning_rate": 0.001,
    "weight_decay": 0.0,
    "schedule.name": "steps",
    "loss.name": "cross_entropy",
    "loss.class_weights": None,
    "augment.flip": 0.0,
    "augment.scale": 0.0,
    "augment.rotate": 0.0,
    "augment.crop": 0.0,
    "augment.colour": 0.0,
    "augment.cutout": 0.0,
    "precision": "float32",
}
"""The settings of R. Atienza, Advanced Deep Learning with TensorFlow 2 and Keras, 2nd edition, chapter 12.

Network: listings 12.3.1 and 12.3.2, and for the 3 levels the name of the weights file in section 5. Size and number
of images: section 4. Adam, its rate, the loss and the epochs: section 3. The batch size is the default of the book's
program, whose generator augments nothing (listing 12.3.4). The text halves the rate every 20 epochs after the 40th;
the program multiplies it by 0.5 after epoch 40, 0.1 after 60 and 0.05 after 80, which is the schedule `steps`. The L2
penalty of the backbone's convolutions is part of the network.
"""

RECIPES: Mapping[str, Mapping[str, Any]] = {
    "photographs": {
        **FEW_PHOTOGRAPHS,
        "pyramid.levels": 3,
        "pyramid.filters": 256,
        "frozen": 7,
        "backbone_rate": 1.0,
        "learning_rate": 0.0007,
        "weight_decay": 0.05,
    }
}
"""Further presets of `maskwright preset`, by key."""


class Loss(Section):
    """The training loss."""

    name: Literal["cross_entropy", "focal", "dice", "cross_entropy_dice"] = "cross_entropy"
    class_weights: Literal["balanced"] | list[Annotated[float, Field(ge=0)]] | None = None
    focal_gamma: Annotated[float, Field(ge=0)] = 2.0


class Pyramid(Section):
    """The feature pyramid of the published network; see `learn.network.resnet56v2_fcn`."""

    levels: Annotated[int, Field(ge=1, le=6)] = 3
    filters: Positive = 256


class Segmentation(PhotographTraining[Literal["fast", "resnet56v2-fcn", "pretrained"]]):
    """The segmentation experiment."""

    pyramid: Pyramid = Pyramid()
    loss: Loss

    @model_validator(mode="after")
    def _check_pyramid(self) -> "Segmentation":
        # Ignored, it would train the same network again under another name.
        if self.pyramid != Pyramid() and (self.preset != "resnet56v2-fcn" or self.backbone is not None):
            raise ValueError(
                "pyramid: belongs to the preset resnet56v2-fcn with backbone: null; choose that, or set pyramid back "
                f"to levels: {Pyramid().levels}, filters: {Pyramid().filters}"
            )
        return self
