"""Hypothesis strategies for annotation files: images in memory, and their text in every variant of the format."""

import json
from typing import Any

from hypothesis import strategies as st

from maskwright.via.model import ImageEntry, Region

numbers = st.one_of(st.integers(-50, 5000), st.floats(-50, 5000, allow_nan=False).map(lambda v: round(v, 3) + 0.0))
sizes = st.one_of(st.integers(1, 400), st.floats(0.5, 400))
# What VIA can hold in a CSV's unquoted file name: commas and spaces, but no quotes and no line ends.
characters = st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters='"')
words = st.text(characters, min_size=1, max_size=8)
file_names = st.text(characters, max_size=12).map(lambda stem: f"{stem}.jpg".strip())

any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def geometries(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A shape's name and its numbers, always enough of them; they may lie anywhere."""
    shape = draw(st.sampled_from(["polygon", "polyline", "rect", "circle", "ellipse", "point"]))
    if shape in ("polygon", "polyline"):
        points = draw(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=8))
        return shape, {"all_points_x": tuple(x for x, _ in points), "all_points_y": tuple(y for _, y in points)}
    if shape == "rect":
        return shape, {"x": draw(numbers), "y": draw(numbers), "width": draw(sizes), "height": draw(sizes)}
    centre = {"cx": draw(numbers), "cy": draw(numbers)}
    if shape == "circle":
        return shape, centre | {"r": draw(sizes)}
    if shape == "ellipse":
        return shape, centre | {"rx": draw(sizes), "ry": draw(sizes), "theta": draw(st.floats(-3.2, 3.2))}
    return shape, centre


labels = st.one_of(words, st.sampled_from(["dog", "cat", "Dog ", "not_defined", ""]))
attribute_sets = st.dictionaries(
    st.sampled_from(["name", "Name", "class", "type"]),
    st.one_of(labels, st.lists(words, unique=True, max_size=2).map(tuple)),
    max_size=2,
)


@st.composite
def image_entries(draw: st.DrawFn, *, attributes: st.SearchStrategy[Any] = attribute_sets) -> list[ImageEntry]:
    """One to four images with different names and up to four regions each, as `entries` would yield them."""
    names = draw(st.lists(file_names, min_size=1, max_size=4, unique=True))
    images = []
    for name in names:
        drawn = draw(st.lists(st.tuples(geometries(), attributes), max_size=4))
        regions = tuple(Region(i, shape, geometry, said) for i, ((shape, geometry), said) in enumerate(drawn))
        size = draw(st.integers(-1, 10**7))
        images.append(ImageEntry(f"{name}{size}", name, size, regions))
    return images


def via_image(entry: ImageEntry, *, version: int) -> dict[str, Any]:
    """An image as VIA 1 or VIA 2 writes it."""
    regions: list[Any] = [
        {
            "shape_attributes": {"name": region.shape, **region.geometry},
            "region_attributes": {
                key: value if isinstance(value, str) else dict.fromkeys(value, True)
                for key, value in region.attributes.items()
            },
        }
        for region in entry.regions
    ]
    written = {"filename": entry.filename, "size": entry.size, "file_attributes": {}}
    if version == 1:
        by_number = {str(number): region for number, region in enumerate(regions)}
        return {"fileref": "", "base64_img_data": "", **written, "regions": by_number}
    return {**written, "regions": regions}


def via_1_json(images: list[ImageEntry]) -> str:
    return _object([(entry.key, via_image(entry, version=1)) for entry in images])


def via_2_json(images: list[ImageEntry]) -> str:
    return _object([(entry.key, via_image(entry, version=2)) for entry in images])


def via_2_project(images: list[ImageEntry]) -> str:
    return (
        '{"_via_settings":{"core":{"default_filepath":""}},"_via_img_metadata":'
        + via_2_json(images)
        + ',"_via_attributes":{"region":{"name":{"type":"text"}},"file":{}},"_via_data_format_version":"2.0.10"}'
    )


def via_2_csv(images: list[ImageEntry]) -> str:
    rows = ["filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"]
    for entry in images:
        regions = via_image(entry, version=2)["regions"]
        start = f'{entry.filename},{entry.size},"{{}}"'
        for number, region in enumerate(regions):
            cells = [_cell(region["shape_attributes"]), _cell(region["region_attributes"])]
            rows.append(f"{start},{len(regions)},{number},{','.join(cells)}")
        if not regions:
            rows.append(f'{start},0,0,"{{}}","{{}}"')
    return "\n".join(rows) + "\n"


def via_3_project(images: list[ImageEntry]) -> str:
    """A VIA 3 project: rectangles and circles in part as extreme ones, and a segment in time for each polyline."""
    metadata: dict[str, Any] = {}
    for number, entry in enumerate(images):
        for region in entry.regions:
            label = next((value for value in region.attributes.values() if isinstance(value, str)), "")
            written = {"vid": str(number), "flg": 0, "z": [], "xy": _via_3_shape(region), "av": {"1": label}}
            if region.shape == "polyline":
                written |= {"z": [1.5, 2.5], "xy": []}
            metadata[f"{number}_{region.number}"] = written
    files = {str(n): {"fid": str(n), "fname": entry.filename, "type": 2} for n, entry in enumerate(images)}
    views = {str(n): {"fid_list": [str(n)]} for n in range(len(images))}
    attribute = {"1": {"aname": "name", "type": 3, "options": {"dog": "Dog", "cat": "Cat"}}}
    return json.dumps({"project": {}, "attribute": attribute, "file": files, "metadata": metadata, "view": views})


def _via_3_shape(region: Region) -> list[Any]:
    geometry: Any = region.geometry
    if region.shape in ("polygon", "polyline"):
        points = zip(geometry["all_points_x"], geometry["all_points_y"], strict=True)
        return [7, *(value for point in points for value in point)]
    if region.shape == "rect":
        x, y, w, h = (geometry[key] for key in ("x", "y", "width", "height"))
        return [8, x, y + h / 2, x + w / 2, y, x + w, y, x, y + h] if region.number % 2 else [2, x, y, w, h]
    if region.shape == "circle":
        x, y, r = (geometry[key] for key in ("cx", "cy", "r"))
        return [9, x - r, y, x, y - r, x + r, y] if region.number % 2 else [3, x, y, r]
    if region.shape == "ellipse":
        return [4, *(geometry[key] for key in ("cx", "cy", "rx", "ry"))]
    return [1, geometry["cx"], geometry["cy"]]


def coco_json(images: list[ImageEntry]) -> str:
    """COCO: rectangles as boxes, circles and ellipses as run lengths (of 4 x 6 pixels), points as keypoints."""
    names: dict[str, int] = {}
    annotations = []
    for number, entry in enumerate(images):
        for region in entry.regions:
            label = next((value for value in region.attributes.values() if isinstance(value, str)), "")
            category = names.setdefault(label, len(names) + 1)
            annotations.append({"image_id": number, "category_id": category, **_coco_shape(region)})
    listed = [{"id": number, "file_name": entry.filename} for number, entry in enumerate(images)]
    categories = [{"id": number, "name": name} for name, number in names.items()]
    return json.dumps({"images": listed, "annotations": annotations, "categories": categories})


def _coco_shape(region: Region) -> dict[str, Any]:
    geometry: Any = region.geometry
    if region.shape in ("polygon", "polyline"):
        points = zip(geometry["all_points_x"], geometry["all_points_y"], strict=True)
        return {"segmentation": [[value for point in points for value in point]], "iscrowd": 0}
    if region.shape == "rect":
        return {"segmentation": [], "bbox": [geometry[key] for key in ("x", "y", "width", "height")]}
    if region.shape == "point":
        return {"keypoints": [geometry["cx"], geometry["cy"], 2], "segmentation": [[]], "bbox": [], "area": []}
    counts: Any = [5, 2, 2, 2, 13] if region.shape == "circle" else "5220;"
    return {"segmentation": {"size": [4, 6], "counts": counts}, "iscrowd": region.number % 2, "bbox": [1, 1, 2, 2]}


via_writers = st.sampled_from([via_1_json, via_2_json, via_2_project, via_2_csv])
"""Those whose files are read back as they were."""

all_writers = st.one_of(via_writers, st.sampled_from([via_3_project, coco_json]))


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A file that was VIA or COCO once: values replaced by arbitrary JSON, bytes changed, the end cut off."""
    images = draw(image_entries())
    writer = draw(all_writers)
    text = writer(images)
    if writer is not via_2_csv:
        value = json.loads(text)
        for _ in range(draw(st.integers(0, 3))):
            value = _with_replacement(draw, value, draw(any_json))
        text = json.dumps(value)
    data = text.encode("utf-8", "surrogatepass")
    if draw(st.booleans()):
        data = data[: draw(st.integers(0, len(data)))]
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(data)))
        data = data[:place] + draw(st.binary(max_size=2)) + data[place + 1 :]
    return data


def _with_replacement(draw: st.DrawFn, value: Any, replacement: Any) -> Any:
    """Replace one value somewhere inside, or the whole."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    if not keys or draw(st.integers(0, 3)) == 0:
        return replacement
    key = draw(st.sampled_from(keys))
    value[key] = _with_replacement(draw, value[key], replacement)
    return value


def _object(members: list[tuple[str, Any]]) -> str:
    """A JSON object, with a key that is repeated written as often."""
    return "{" + ",".join(f"{json.dumps(key)}:{json.dumps(value)}" for key, value in members) + "}"


def _cell(value: Any) -> str:
    return '"' + json.dumps(value).replace('"', '""') + '"'
