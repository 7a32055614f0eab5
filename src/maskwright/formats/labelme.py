"""LabelMe: a JSON file for each image, with `imagePath`, `imageHeight`, `imageWidth` and a list of `shapes`.

A shape has a `label`, a `shape_type` and `points` ((x, y) in pixels): polygon, rectangle (two corners), circle (the
centre and a point on it), linestrip, point, points, line, or mask (two corners and the pixels between them as a PNG
in base64). A linestrip becomes a polyline; a mask becomes polygons, one for each of its patches.
"""

import base64
import binascii
import io
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from maskwright.formats.foreign import ATTRIBUTE, Foreign, ForeignImage, file_size
from maskwright.shared.errors import MaskwrightError
from maskwright.via.findings import Finding
from maskwright.via.model import Geometry, ImageEntry, Problem, Region
from maskwright.via.polygonise import mask_to_regions
from maskwright.via.source import printable
from maskwright.via.values import to_number, to_numbers

VARIANT = "LabelMe"


def is_labelme(path: Path) -> bool:
    """Say whether a file is JSON with LabelMe's list of shapes."""
    try:
        return _is_content(json.loads(path.read_text(encoding="utf-8-sig")))
    except (OSError, ValueError, RecursionError):
        return False


def read(path: Path, images: Path | None) -> Foreign:
    """Read one LabelMe file, or all in a folder and below.

    Args:
        path: the file or folder.
        images: where the photographs are, by their bare names; None: where each file says, relative to itself.
    """
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    folder = images or (path if path.is_dir() else path.parent)
    return Foreign(path, VARIANT, folder, None, _images(files, folder, images is not None))


def _images(files: list[Path], folder: Path, bare: bool) -> Iterator[ForeignImage]:
    for file in files:
        try:
            content = json.loads(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            said = " ".join(str(error).split())[:80]
            raise MaskwrightError(f"{file}: not JSON ({said}); save or copy it again, or move it away") from None
        if _is_content(content):
            yield _image(content, file, folder, bare)
        # Other JSON may lie there too, such as a list of classes.


def _is_content(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list)


def _image(content: dict[str, Any], file: Path, folder: Path, bare: bool) -> ForeignImage:
    said = content.get("imagePath")
    said = said.replace("\\", "/") if isinstance(said, str) else ""
    name = said.rpartition("/")[2] if bare else said
    if name and not bare:
        # LabelMe's path leads from its file, and ours from the folder.
        name = Path(os.path.relpath(os.path.normpath(file.parent / said), folder)).as_posix()
    regions: list[Region] = []
    findings: list[tuple[int | None, Finding]] = []
    for shape in content["shapes"]:
        found, more = _regions(shape) if isinstance(shape, dict) else ([Region(0, "", {})], [])
        findings.extend((len(regions), finding) for finding in more)
        regions += [replace(region, number=len(regions) + n) for n, region in enumerate(found)]
    findings += [(None, finding) for finding in _about_image(content)]
    problems: list[Problem] = [finding.at(str(file), name or None, number) for number, finding in findings]
    size = file_size(folder / name) if name else -1
    entry = ImageEntry(f"{name}{size}", name, size, tuple(regions), drawn_on=_drawn_on(content))
    return ForeignImage(entry, tuple(problems))


def _drawn_on(content: dict[str, Any]) -> tuple[int, int] | None:
    height, width = (to_number(content.get(side)) for side in ("imageHeight", "imageWidth"))
    return (height, width) if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0 else None


def _about_image(content: dict[str, Any]) -> Iterator[Finding]:
    flags = content.get("flags")
    checked = [str(key) for key, value in flags.items() if value] if isinstance(flags, dict) else []
    if checked:
        message = f"the image's flags ({printable(', '.join(checked), 60)}) are not kept"
        yield Finding("warning", "flags", message, "none if they are not needed")
    groups = Counter(
        shape["group_id"]
        for shape in content["shapes"]
        if isinstance(shape, dict) and isinstance(shape.get("group_id"), int)
    )
    for group, count in groups.items():
        if count > 1:
            message = f"the {count} shapes of group {group} become regions of their own"
            yield Finding("warning", "group", message, "none for masks; as boxes, each part is an object")


def _regions(shape: dict[str, Any]) -> tuple[list[Region], list[Finding]]:
    """Return the regions of one shape, numbered 0, and what of it is not kept."""
    label = shape.get("label")
    attributes = {ATTRIBUTE: label if isinstance(label, str) else "" if label is None else str(label)}
    kind = shape.get("shape_type") or "polygon"  # files of LabelMe before 3 do not name it
    points = shape.get("points")
    listed = points if isinstance(points, list) else []
    xy = [tuple(map(to_number, p)) for p in listed if isinstance(p, list) and len(p) == 2]
    findings = []
    flags = shape.get("flags")
    kept = [str(key) for key, value in flags.items() if value] if isinstance(flags, dict) else []
    kept += [f"description {shape['description']!r}"] if shape.get("description") else []
    if kept:
        message = f"beside the label, {printable(', '.join(kept), 60)} is not kept"
        findings.append(Finding("warning", "flags", message, "none if it is not needed"))
    if kind == "mask":
        return _bitmap(shape.get("mask"), xy, attributes), findings
    if kind == "points":
        return [Region(0, "point", {"cx": x, "cy": y}, attributes) for x, y in xy], findings
    return [Region(0, *_geometry(str(kind), xy, len(xy) == len(listed)), attributes)], findings


def _geometry(kind: str, xy: list[tuple[Any, ...]], whole: bool) -> tuple[str, Geometry]:
    if not whole:
        return "", {}
    if kind in ("polygon", "linestrip"):
        outline = {"all_points_x": to_numbers([x for x, _ in xy]), "all_points_y": to_numbers([y for _, y in xy])}
        return ("polygon" if kind == "polygon" else "polyline"), outline
    if kind == "point" and len(xy) == 1:
        return "point", {"cx": xy[0][0], "cy": xy[0][1]}
    if kind in ("rectangle", "circle") and len(xy) == 2:
        (x, y), (u, v) = xy
        if kind == "circle":
            return "circle", {"cx": x, "cy": y, "r": math.hypot(u - x, v - y)}
        return "rect", {"x": min(x, u), "y": min(y, v), "width": abs(u - x), "height": abs(v - y)}
    known = kind in ("rectangle", "circle", "point")
    return ("" if known else kind), {}


def _bitmap(coded: Any, xy: list[tuple[Any, ...]], attributes: dict[str, str]) -> list[Region]:
    try:
        with Image.open(io.BytesIO(base64.b64decode(coded, validate=True)), formats=["PNG"]) as picture:
            inside = np.asarray(picture.convert("L")) > 0
        left, top = (round(value) for value in xy[0])
    except (TypeError, ValueError, OSError, SyntaxError, IndexError, OverflowError, binascii.Error):
        return [Region(0, "", {}, attributes)]
    regions = mask_to_regions(inside.astype(np.uint8), ["background", "inside"], tolerance=0, min_area=1)
    return [replace(region, geometry=_moved(region.geometry, left, top), attributes=attributes) for region in regions]


def _moved(geometry: Geometry, left: int, top: int) -> Geometry:
    moves = {"all_points_x": left, "all_points_y": top}
    return {key: tuple(v + moves[key] for v in np.atleast_1d(geometry[key]).tolist()) for key in moves}
