"""What an annotation file says, in memory: the same for every variant of the format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["used", "warning", "refused"]
AttributeValue = str | tuple[str, ...]
Number = int | float


@dataclass(frozen=True, slots=True)
class Region:
    """One drawn shape.

    Attributes:
        number: position within the image, from 0, as VIA counts.
        shape: `polygon`, `polyline`, `rect`, `circle`, `ellipse`, `point`, or whatever else the file says.
        geometry: the shape's numbers under VIA's names, in image pixels, x to the right and y down:
            `all_points_x`, `all_points_y` (tuples) / `x y width height` / `cx cy r` / `cx cy rx ry theta`
            (radians, clockwise on screen) / `cx cy`.
        attributes: label attributes. Text, radio, dropdown: a string (an option's *label* where the file defines
            it, else its id). Checkbox: a tuple of the checked options.
    """

    number: int
    shape: str
    geometry: Mapping[str, Number | tuple[Number, ...]]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image of an annotation file: `size` is in bytes, -1 where the file does not know it."""

    key: str
    filename: str
    size: int
    regions: tuple[Region, ...]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where (image and region are None where it concerns the whole file), what, and what to do."""

    file: str
    image: str | None
    region: int | None
    severity: Severity
    code: str
    message: str
    advice: str
