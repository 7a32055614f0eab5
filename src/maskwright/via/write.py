"""Write annotations: VIA 2 projects, COCO, and one-hot archives. Only the current image is held in memory.

The output depends on the content alone: no dates, no host names, keys in a fixed order.
"""

import json
import math
import tempfile
import zipfile
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import shapely

from maskwright.photos.images import IGNORE
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.outputs import replaced_file
from maskwright.via.model import ImageEntry, LabelledRegion, Region
from maskwright.via.rasterise import bounding_boxes, ellipse_numbers

_Points = list[tuple[float, float]]

_SPAN_OF_A_BLOCK = 1 << 22  # values of a one-hot array made at a time


def write_via_project(
    path: Path,
    entries: Iterable[ImageEntry],
    *,
    classes: Sequence[str],
    attribute: str = "class",
    texts: Sequence[str] = (),
    name: str,
) -> None:
    """Write a project that VIA 2 opens ("Load" in its Project menu), in the format of VIA 2.0.10.

    Each image's key is its file name followed by its size in bytes, as VIA makes it. VIA looks for an image at its
    file name, relative to the page. A project opened elsewhere asks for the files and recognises them by name.

    Args:
        path: replaced in one step when all is written.
        entries: the images, in the order in which VIA will show them.
        classes: without background; the options of the dropdown `attribute`.
        attribute: the region attribute that holds the class.
        texts: further region attributes, which hold free text.
        name: the project's name, as VIA shows it.

    Raises:
        MaskwrightError: two images have the same file name and size, which VIA could not tell apart.
    """
    options = {"type": "dropdown", "description": "", "options": {c: c for c in classes}, "default_options": {}}
    text = {"type": "text", "description": "", "default_value": ""}
    attributes = {attribute: options, **dict.fromkeys(texts, text)}
    keys: dict[str, None] = {}
    with replaced_file(path) as file:
        # Whatever is needed to read the regions comes before them, so a reader needs only one pass.
        file.write('{"_via_settings": ' + _json(_via_settings(name, attribute)))
        file.write(',\n"_via_attributes": ' + _json({"region": attributes, "file": {}}))
        file.write(',\n"_via_data_format_version": "2.0.10",\n"_via_img_metadata": {')
        for entry in entries:
            key = f"{entry.filename}{entry.size}"
            if key in keys:
                raise MaskwrightError(f"{path}: {entry.filename} would be listed twice; give each image its own name")
            file.write(f"{',' if keys else ''}\n{_json(key)}: {_json(_via_image(entry))}")
            keys[key] = None
        file.write('},\n"_via_image_id_list": ' + _json(list(keys)) + "}\n")


def _via_image(entry: ImageEntry) -> dict[str, Any]:
    return {
        "filename": entry.filename,
        "size": entry.size,
        "regions": [_via_region(region) for region in entry.regions],
        "file_attributes": _via_attributes(entry.attributes),
    }


def _via_region(region: Region) -> dict[str, Any]:
    shape = {"name": region.shape, **region.geometry}
    return {"shape_attributes": shape, "region_attributes": _via_attributes(region.attributes)}


def _via_attributes(attributes: Any) -> dict[str, Any]:
    return {k: v if isinstance(v, str) else dict.fromkeys(v, True) for k, v in attributes.items()}


def _via_settings(name: str, attribute: str) -> dict[str, Any]:
    return {
        "ui": {
            "annotation_editor_height": 25,
            "annotation_editor_fontsize": 0.8,
            "leftsidebar_width": 18,
            "image_grid": {
                "img_height": 80,
                "rshape_fill": "none",
                "rshape_fill_opacity": 0.3,
                "rshape_stroke": "yellow",
                "rshape_stroke_width": 2,
                "show_region_shape": True,
                "show_image_policy": "all",
            },
            "image": {  # each class is named and has its own colour
                "region_label": attribute,
                "region_color": attribute,
                "region_label_font": "10px Sans",
                "on_image_annotation_editor_placement": "NEAR_REGION",
            },
        },
        "core": {"buffer_size": 18, "filepath": {}, "default_filepath": ""},
        "project": {"name": name},
    }


class CocoWriter:
    """Writes COCO object annotations (cocodataset.org, "Data format"), image by image.

    Category ids are class indices (from 1; the background is not a category); image and annotation ids count from 1.
    Annotations wait in a temporary file beside `path` until all images are written, since COCO lists them after the
    images.

    An image with regions of unknown class has a key that is not part of COCO: `unlabelled`, a list of their boxes.

    Use as a context manager; the file is complete when the block ends.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._files = ExitStack()
        self._file = self._files.enter_context(path.open("w", encoding="utf-8", newline="\n"))
        self._annotations = self._files.enter_context(
            tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n", dir=path.parent)  # noqa: SIM115
        )
        self._images_written = 0
        self._annotations_written = 0
        categories = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(classes, 1)]
        self._file.write('{"info": {"description": "maskwright", "version": "1.0"},\n"licenses": [],\n')
        self._file.write('"categories": ' + _json(categories) + ',\n"images": [')

    def add(
        self,
        file_name: str,
        height: int,
        width: int,
        annotations: Iterable[str],
        unlabelled: Sequence[Sequence[float]] = (),
    ) -> None:
        """Write one image with its annotations, as from `coco_annotations` and `unlabelled_boxes`."""
        self._images_written += 1
        image: dict[str, Any] = {"id": self._images_written, "file_name": file_name, "height": height, "width": width}
        if unlabelled:
            image["unlabelled"] = unlabelled
        self._file.write(f"{',' if self._images_written > 1 else ''}\n{_json(image)}")
        for annotation in annotations:
            self._annotations_written += 1
            self._annotations.write(",\n" if self._annotations_written > 1 else "\n")
            ids = f'"id": {self._annotations_written}, "image_id": {self._images_written}'
            self._annotations.write(f"{{{ids}, {annotation[1:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        with self._files:
            if kind is None:
                self._file.write('],\n"annotations": [')
                self._annotations.seek(0)
                for block in iter(lambda: self._annotations.read(1 << 16), ""):
                    self._file.write(block)
                self._file.write("]}\n")


def coco_annotations(
    regions: Sequence[LabelledRegion], height: int, width: int, *, crossing: Container[int] = ()
) -> list[str]:
    """Return each region as a COCO annotation in JSON, without ids.

    `segmentation` is the outline as drawn, cut off at the image's borders (circles and ellipses become polygons of
    the same area); `bbox` is the box around it; `area` is what the outline encloses within the image, in square
    pixels. Regions of unknown class and those without an area within the image are left out.

    Args:
        regions: the regions of one image.
        height: the image's height in pixels.
        width: the image's width in pixels.
        crossing: the numbers of regions whose outline crosses itself; their area follows the even-odd rule.
    """
    regions = [region for region in regions if region.class_index != IGNORE]
    annotations = []
    for region, box in zip(regions, bounding_boxes(regions, height, width).tolist(), strict=True):
        outline, area = _drawn(region, height, width, crosses=region.number in crossing)
        if area > 0:
            annotation = {
                "category_id": region.class_index,
                "segmentation": [outline],
                "area": _short(area),
                "bbox": [_short(value) for value in box],
                "iscrowd": 0,
            }
            annotations.append(_json(annotation))
    return annotations


def coco_outlines(
    regions: Sequence[LabelledRegion], height: int, width: int, *, crossing: Container[int] = ()
) -> list[list[float]]:
    """Return each region's outline as `coco_annotations` has it; an empty one if it has no area within the image."""
    drawn = (_drawn(region, height, width, crosses=region.number in crossing) for region in regions)
    return [outline if area > 0 else [] for outline, area in drawn]


def _drawn(region: LabelledRegion, height: int, width: int, *, crosses: bool) -> tuple[list[float], float]:
    drawn = _outline(region)
    outline = _clipped(drawn, height, width)
    area = _crossing_area(drawn, height, width) if crosses else abs(_signed_area(outline))
    return [_short(value) for point in outline for value in point], area


def unlabelled_boxes(regions: Sequence[LabelledRegion], height: int, width: int) -> list[list[float]]:
    """Return the boxes (x, y, width, height) around the regions of unknown class, cut off at the image's borders.

    Their content is neither an object of a known class nor certainly background.
    """
    unknown = [region for region in regions if region.class_index == IGNORE]
    boxes = bounding_boxes(unknown, height, width).tolist()
    return [[_short(value) for value in box] for box in boxes if box[2] > 0 and box[3] > 0]


def _outline(region: LabelledRegion) -> _Points:
    geometry: Mapping[str, Any] = region.geometry
    if region.shape == "rect":
        left, top = geometry["x"], geometry["y"]
        right, bottom = left + geometry["width"], top + geometry["height"]
        return [(left, top), (right, top), (right, bottom), (left, bottom)]
    if region.shape in ("circle", "ellipse"):
        cx, cy, rx, ry, theta = ellipse_numbers(region)
        # The sides stay within 0.05 pixels of the curve.
        count = min(max(16, math.ceil(math.pi / math.sqrt(0.1 / max(rx, ry, 1.0)))), 720)
        angles = 2 * np.pi * np.arange(count) / count
        grown = math.sqrt((2 * math.pi / count) / math.sin(2 * math.pi / count))  # gives the ellipse's own area
        u, v = grown * rx * np.cos(angles), grown * ry * np.sin(angles)
        cos, sin = math.cos(theta), math.sin(theta)
        return list(zip((cx + u * cos - v * sin).tolist(), (cy + u * sin + v * cos).tolist(), strict=True))
    return list(zip(geometry["all_points_x"], geometry["all_points_y"], strict=True))


def _clipped(outline: _Points, height: int, width: int) -> _Points:
    """Cut an outline off at the image's borders, one border after the other (Sutherland and Hodgman, 1974).

    Parts that are cut apart stay joined along the border by a line there and back that encloses no area.
    """
    for axis, limit, side in ((0, 0, 1), (1, 0, 1), (0, width, -1), (1, height, -1)):
        depths = [side * (point[axis] - limit) for point in outline]  # >= 0: on the image's side
        if not depths or min(depths) >= 0:
            continue
        cut: _Points = []
        for i, (point, depth) in enumerate(zip(outline, depths, strict=True)):
            previous, previous_depth = outline[i - 1], depths[i - 1]
            if (depth >= 0) != (previous_depth >= 0):
                share = depth / (depth - previous_depth)
                across = point[1 - axis] + share * (previous[1 - axis] - point[1 - axis])
                cut.append((limit, across) if axis == 0 else (across, limit))
            if depth >= 0:
                cut.append(point)
        outline = cut
    return outline


def _signed_area(outline: _Points) -> float:
    return sum(x * outline[i - 1][1] - outline[i - 1][0] * y for i, (x, y) in enumerate(outline)) / 2


def _crossing_area(outline: _Points, height: int, width: int) -> float:
    enclosed = shapely.make_valid(shapely.Polygon(outline))
    return float(shapely.intersection(enclosed, shapely.box(0, 0, width, height)).area)


class OneHotArchive:
    """Writes masks as `{image's file name: (H, W, classes) uint8}` for `numpy.load(path, allow_pickle=False)`.

    Channel 0 is the background. A pixel whose class is unknown is 0 in all channels. Use as a context manager.
    """

    def __init__(self, path: Path, number_of_classes: int) -> None:
        self._indices = np.arange(number_of_classes, dtype=np.uint8)
        self._zip = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)

    def add(self, name: str, mask: np.ndarray) -> None:
        """Write one (H, W) uint8 index mask under `name`."""
        shape = (*mask.shape, len(self._indices))
        rows = max(1, _SPAN_OF_A_BLOCK // (shape[1] * shape[2]))
        # An entry opened by name is always dated 1980.
        with self._zip.open(f"{name}.npy", "w", force_zip64=True) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for start in range(0, shape[0], rows):
                file.write((mask[start : start + rows, :, None] == self._indices).tobytes())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _short(number: float) -> float | int:
    """Round to 1/10,000 pixel, and return whole numbers as integers."""
    if isinstance(number, int):
        return number
    number = round(number, 4)
    return int(number) if number.is_integer() else number
