"""The content of an annotation file in memory, as read and as checked; the same for every variant."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Severity = Literal["used", "warning", "refused"]
AttributeValue = str | tuple[str, ...]
Number = int | float
Geometry = Mapping[str, Number | tuple[Number, ...]]


@dataclass(frozen=True, slots=True)
class Region:
    """One drawn shape.

    Attributes:
        number: position within the image, from 0, as VIA counts.
        shape: `polygon`, `polyline`, `rect`, `circle`, `ellipse`, `point`, or whatever else the file says; a reader
            may also say `extreme rectangle`, `extreme circle` or `segment` (VIA 3), `rle`, `crowd` or `not exported`
            (COCO), which `shapes` explains.
        geometry: the shape's numbers under VIA's names, in image pixels, x to the right and y down:
            `all_points_x`, `all_points_y` (tuples; of the extreme shapes, too) / `x y width height` / `cx cy r` /
            `cx cy rx ry theta` (radians, clockwise on screen) / `cx cy` / run lengths (see `run_lengths`) and, where
            there is one, their box.
        attributes: label attributes. Text, radio, dropdown: a string (an option's *label* where the file defines
            it, else its id). Checkbox: a tuple of the checked options.
        unlabelled: why the file does not tell the label, where that is no mere lack of one; "" otherwise.
    """

    number: int
    shape: str
    geometry: Geometry
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    unlabelled: str = ""


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image of an annotation file.

    Attributes:
        key: what identifies it in the file.
        filename: as written there.
        size: in bytes; 0 or less if the file does not give it.
        regions: in the file's order.
        attributes: of the image as a whole.
        drawn_on: (height, width) in pixels of the image that was annotated, None if the file does not give it.
        namesakes: the sizes in bytes of other photographs of this name in the same file.
        source: where the file says that this image is, if it says more than the name; not trusted.
    """

    key: str
    filename: str
    size: int
    regions: tuple[Region, ...]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    drawn_on: tuple[int, int] | None = None
    namesakes: tuple[int, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding: where (image and region are None if it concerns the whole file), what, and what to do.

    `path` is the photograph's file, None if there is none that can be used.
    """

    file: str
    image: str | None
    region: int | None
    severity: Severity
    code: str
    message: str
    advice: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class LabelledRegion:
    """A region that covers pixels of its image.

    Attributes:
        number: as in the file.
        class_index: from 1; IGNORE (255) if the region is refused but its place is known, so that its pixels do not
            count as background.
        shape: `polygon` (polylines too), `rect`, `circle` or `ellipse`.
        geometry: as in `Region`, finite; an ellipse always has `theta`. It may reach beyond the image.
        thing: what it says in the attribute that joins regions to objects (`annotations.object`); "" if it says
            nothing, or if there is no such attribute. It is then an object by itself.
    """

    number: int
    class_index: int
    shape: str
    geometry: Geometry
    thing: str = ""


@dataclass(frozen=True, slots=True)
class CheckedImage:
    """One image after checking.

    Attributes:
        entry_name: the file name as annotated.
        path: the image file.
        height: in pixels, as shown; 0 if the image is not usable.
        width: in pixels, as shown; 0 if the image is not usable.
        regions: the regions that cover pixels, in the file's order; exact repetitions are left out.
        problems: every finding on the image and its regions.
        usable: False if the image is missing, cannot be decoded, or is outside the folder.
        region_count: the number of regions annotated.
    """

    entry_name: str
    path: Path
    height: int
    width: int
    regions: tuple[LabelledRegion, ...]
    problems: tuple[Problem, ...]
    usable: bool
    region_count: int
