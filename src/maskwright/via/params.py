"""The section `annotations` of params.yaml."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from maskwright.photos.images import MEGAPIXELS, MOST_MEGAPIXELS
from maskwright.shared.settings import Section

_BACKGROUND = "background"


def _check_names(value: Any) -> Any:
    """Check names of files at once: a union's own errors come for each of its types."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError(
            f"name a file, or a list of files (got {value!r}); put names that look like numbers in quotes"
        )
    if not value:
        raise ValueError("an empty list; name a file in it")
    repeated = sorted({name for name in value if value.count(name) > 1})
    if repeated:
        raise ValueError(f"names {', '.join(repeated)} more than once")
    return value


Files = Annotated[str | list[str], BeforeValidator(_check_names)]
"""The name of a file, or a list of names."""


class Annotations(Section):
    """Which VIA files are the data, and how to read them."""

    root: str
    images: str | None = None
    train: Files
    validation: Files | None = None
    test: Files | None = None
    label: str | None = None
    classes: list[str] | None = None
    rename: dict[str, str | None] | None = None
    group: str | None = None
    object: str | None = None
    on_error: Literal["fail", "skip"] = "fail"
    megapixels: Annotated[float, Field(gt=0, le=MOST_MEGAPIXELS)] = MEGAPIXELS
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    fold: Annotated[int, Field(ge=0)] = 0
    validation_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.2
    seed: int = 0

    @model_validator(mode="after")
    def _check_images(self) -> "Annotations":
        if self.images is None:
            return self
        inside = os.path.relpath(Path(self.root, self.images), self.root)
        if Path(inside).parts[:1] == ("..",):
            raise ValueError(
                f"images: {self.images} lies outside root, which is all that DVC watches; let root be a folder that "
                "holds both the photographs and the annotation files"
            )
        return self

    @model_validator(mode="after")
    def _check_folds(self) -> "Annotations":
        if self.folds is None:
            if self.fold:
                raise ValueError(f"fold is {self.fold}, and folds is null; say in how many, or set fold to 0")
            return self
        if self.test is not None:
            raise ValueError(
                "folds: each photograph is tested in turn, but test names a file; set test to null, and list the "
                "file under train if its photographs are to take part"
            )
        least = 3 if self.validation is None else 2
        if self.folds < least:
            raise ValueError(
                f"folds is {self.folds}; with validation: null it must be at least {least}, for training, validation "
                "and test"
            )
        if self.fold >= self.folds:
            raise ValueError(f"fold is {self.fold}, and the {self.folds} folds are 0 to {self.folds - 1}")
        return self

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
            if _BACKGROUND in self.classes:
                raise ValueError("leave background out of classes: it is always there, as index 0")
        return self

    @model_validator(mode="after")
    def _check_rename(self) -> "Annotations":
        for label, name in (self.rename or {}).items():
            if not label.strip() or (name is not None and not name.strip()):
                raise ValueError("rename has an empty name; a label that is to be left out gets null")
            if name is not None and name.strip().casefold() == _BACKGROUND:
                raise ValueError(f"rename makes {label} background; null leaves its regions out")
            if label != label.strip() or name != (name and name.strip()):
                raise ValueError(f"rename: {label!r}: leave out the spaces around it, which do not count in labels")
        if self.group is not None and not self.group.strip():
            raise ValueError("group is empty; name a file attribute, give a pattern of the file names, or null")
        if self.object is not None and not self.object.strip():
            raise ValueError("object is empty; name a region attribute, or null")
        return self
