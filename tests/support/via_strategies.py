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


via_writers = st.sampled_from([via_1_json, via_2_json, via_2_project, via_2_csv])


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A file that was VIA once: values replaced by arbitrary JSON, bytes changed, the end cut off."""
    images = draw(image_entries())
    writer = draw(via_writers)
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
