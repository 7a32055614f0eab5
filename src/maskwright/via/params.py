"""The section `annotations` of params.yaml."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from maskwright.photos.images import MEGAPIXELS, MOST_MEGAPIXELS
from maskwright.shared.settings import Section


class Annotations(Section):
    """Which VIA files are the data, and how to read them."""

    root: str
    train: str
    validation: str | None = None
    test: str | None = None
    label: str | None = None
    classes: list[str] | None = None
    on_error: Literal["fail", "skip"] = "fail"
    megapixels: Annotated[float, Field(gt=0, le=MOST_MEGAPIXELS)] = MEGAPIXELS
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: int = 0

    @model_validator(mode="after")
    def _check_classes(self) -> "Annotations":
        if self.classes is not None:
            if not self.classes:
                raise ValueError("classes is empty; list at least one, or null to take those in the training file")
            repeated = sorted({c for c in self.classes if self.classes.count(c) > 1})
            if repeated:
                raise ValueError(f"classes names {', '.join(repeated)} more than once")
            if len(self.classes) > 254:
                raise ValueError("more than 254 classes do not fit an 8-bit mask")
            if "background" in self.classes:
                raise ValueError("leave background out of classes: it is always there, as index 0")
        return self
