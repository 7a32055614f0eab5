"""Annotations of other tools in the terms of `via.model`, and the VIA 2 project that they become for checking.

A reader of another format yields a `ForeignImage` for each image. What VIA can express and `via.lint` can judge goes
into the entry, right or wrong; what would not survive even that is a problem of the reader's own.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from maskwright.shared.errors import MaskwrightError
from maskwright.via.model import ImageEntry, Problem, Region
from maskwright.via.read import AnnotationFile, open_annotations
from maskwright.via.write import write_via_project

ATTRIBUTE = "class"
"""The region attribute that holds the class of what another tool annotated."""


class ForeignImage(NamedTuple):
    """One image as read, and what the reader found to be lost or odd."""

    entry: ImageEntry
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Foreign:
    """Annotations of another tool.

    Attributes:
        path: the file or folder, as given.
        variant: the format's name.
        folder: the photographs' folder; the entries' file names are relative to it.
        classes: the class names in index order without background; None if the format has no list of them.
        images: read while this is consumed, once.
    """

    path: Path
    variant: str
    folder: Path
    classes: tuple[str, ...] | None
    images: Iterator[ForeignImage]


class Project(NamedTuple):
    """Annotations of another tool as a VIA 2 project.

    Attributes:
        file: the project.
        problems: the reader's.
        drawn_on: file name -> (height, width) at which it was annotated, if that is known; VIA has no place for it.
    """

    file: AnnotationFile
    problems: tuple[Problem, ...]
    drawn_on: dict[str, tuple[int, int]]


def as_project(foreign: Foreign, path: Path) -> Project:
    """Write annotations of another tool as a VIA 2 project, and open it.

    Raises:
        MaskwrightError: there is no image, or one image is annotated in two places.
    """
    problems: list[Problem] = []
    drawn_on: dict[str, tuple[int, int]] = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_via_project(
        path, _entries(foreign, problems, drawn_on), classes=foreign.classes or (), name=foreign.path.name
    )
    return Project(open_annotations(path), tuple(problems), drawn_on)


def _entries(foreign: Foreign, problems: list[Problem], drawn_on: dict[str, tuple[int, int]]) -> Iterable[ImageEntry]:
    seen: set[str] = set()
    for image in foreign.images:
        name = image.entry.filename
        if name in seen:
            raise MaskwrightError(f"{foreign.path}: {name} is annotated in two places; keep one of them")
        seen.add(name)
        problems.extend(image.problems)
        if image.entry.drawn_on is not None:
            drawn_on[name] = image.entry.drawn_on
        # JSON has no infinite numbers. Without its coordinates, a shape is reported as one that lacks them.
        yield replace(
            image.entry, regions=tuple(r if is_finite(r) else replace(r, geometry={}) for r in image.entry.regions)
        )
    if not seen:
        raise MaskwrightError(f"{foreign.path}: {foreign.variant} without any image; name the folder that holds them")


def is_finite(region: Region) -> bool:
    """Say whether all coordinates of a region are finite numbers, which JSON can hold."""
    values = region.geometry.values()
    return all(map(math.isfinite, chain.from_iterable(v if isinstance(v, tuple) else (v,) for v in values)))


def file_size(path: Path) -> int:
    """Return a file's size in bytes, as VIA notes it; -1 if there is no such file."""
    try:
        return path.stat().st_size
    except (OSError, ValueError):
        return -1
