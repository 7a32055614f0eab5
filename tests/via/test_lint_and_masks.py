"""Lint and masks never disagree: lint finds nothing lost if and only if masks are made, of everything."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from maskwright.cli import app
from maskwright.photos.images import read_mask
from maskwright.shared.errors import MaskwrightError
from maskwright.via.convert import convert_file
from maskwright.via.lint import check_image, lint, merged_entries, rule_of_file
from maskwright.via.model import ImageEntry, Region
from maskwright.via.rasterise import rasterise
from maskwright.via.read import open_annotations
from support.via_strategies import all_writers, via_2_project

HEIGHT, WIDTH = 4, 6
POINT = Region(0, "point", {"cx": 1, "cy": 1})
RECT = Region(0, "rect", {"x": 1, "y": 1, "width": 2, "height": 2}, {"name": "dog"})
NAMES = ["a.png", "A.PNG", "in/b.png", "b.png/c.png", "gone.png", "broken.png", "../out.png", "b"]


def write(folder: Path, images: list[ImageEntry], writer=via_2_project) -> Path:
    """The file, and each image that `NAMES` says is there."""
    for name in NAMES[:4]:
        (folder / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / name)
    Image.new("RGB", (WIDTH, HEIGHT)).save(folder / "b", format="PNG")
    (folder / "broken.png").write_bytes(b"broken")
    path = folder / "annotations"
    path.write_text(writer(images), encoding="utf-8")
    return path


def check(path: Path, label: str | None, classes: list[str] | None) -> bool:
    """Whether lint passes; fails unless masks agree, and hold every region that lint says is used."""
    try:
        report = lint(path, label=label, classes=classes, workers=1)
        passes = report.lossless
    except MaskwrightError:
        report, passes = None, False
    out = path.parent / "masks"
    try:
        made = convert_file(path, out, label=label, classes=classes, workers=1)
    except MaskwrightError as error:
        assert "\n" not in str(error)  # noqa: PT017
        assert not passes, error  # noqa: PT017
        return False
    assert passes
    assert made == report
    assert made.refused == 0
    file = open_annotations(path)
    rule = rule_of_file(file, label=label, classes=classes)
    masks = {row.split(",")[0]: row.split(",")[1] for row in (out / "masks/index.csv").read_text().splitlines()[1:]}
    found = 0
    for entry in merged_entries(file):
        checked = check_image(entry, file=path, folder=path.parent, rule=rule)
        if checked.usable:
            (mask,) = (mask for image, mask in masks.items() if (out / "masks" / image).samefile(checked.path))
            expected = rasterise(checked.regions, checked.height, checked.width)
            assert np.array_equal(read_mask(out / "masks" / mask), expected)
            found += 1
        unused = {p.region for p in checked.problems if p.code in ("point", "segment", "repeated-region")}
        assert {r.number for r in checked.regions} | unused == {r.number for r in entry.regions} or not checked.usable
    assert found == len(masks)
    return True


sides = st.integers(-2, 8)
geometries = st.one_of(
    st.tuples(st.just("rect"), st.fixed_dictionaries(dict.fromkeys(("x", "y", "width", "height"), sides))),
    st.tuples(st.just("circle"), st.fixed_dictionaries(dict.fromkeys(("cx", "cy", "r"), sides))),
    st.tuples(st.just("point"), st.fixed_dictionaries(dict.fromkeys(("cx", "cy"), sides))),
    st.tuples(
        st.sampled_from(["polygon", "polyline"]),
        st.lists(st.tuples(sides, sides), min_size=2, max_size=5).map(
            lambda points: dict(zip(("all_points_x", "all_points_y"), zip(*points, strict=True), strict=True))
        ),
    ),
)
sound = st.sampled_from([("rect", RECT.geometry), ("circle", {"cx": 3, "cy": 2, "r": 1.5})])
labels = st.sampled_from(["dog", "dog", "cat", "", "unknown", "background"])


@st.composite
def data_sets(draw):
    """One to three images, most of them there, with up to three regions, most of them sound."""
    shapes = draw(st.sampled_from([sound, sound, geometries]))
    called = draw(st.sampled_from([st.just("dog"), labels]))
    there = draw(st.sampled_from([NAMES[:4], NAMES]))
    images = []
    for name in draw(st.lists(st.sampled_from(there), min_size=1, max_size=3)):
        drawn = draw(st.lists(st.tuples(shapes, called), max_size=3))
        regions = tuple(Region(i, *shape, {"name": label}) for i, (shape, label) in enumerate(drawn))
        images.append(ImageEntry(name, name, -1, regions))
    return images


choices = st.sampled_from([(None, None), (None, None), ("name", ["dog"]), (None, ["cat", "dog"]), ("Name", None)])


@settings(max_examples=80, deadline=None)
@given(data_sets(), all_writers, choices)
def test_lint_passes_if_and_only_if_masks_lose_nothing(images, writer, chosen):
    with TemporaryDirectory() as folder:
        check(write(Path(folder), images, writer), *chosen)


@pytest.mark.parametrize(
    ("images", "classes", "expected"),
    [
        ([ImageEntry("a.png", "a.png", -1, (RECT,))], None, True),
        ([ImageEntry("a.png", "a.png", -1, (RECT, POINT))], None, True),
        ([ImageEntry("a.png", "a.png", -1, (POINT,))], None, False),
        ([ImageEntry("a.png", "a.png", -1, ())], ["dog"], False),
        ([ImageEntry("gone.png", "gone.png", -1, ())], ["dog"], False),
        ([ImageEntry("gone.png", "gone.png", -1, ()), ImageEntry("a.png", "a.png", -1, (RECT,))], None, True),
        ([ImageEntry("gone.png", "gone.png", -1, (RECT,)), ImageEntry("a.png", "a.png", -1, (RECT,))], None, False),
        # The mask of `b` would be the file `b.png`, which is a folder of images.
        ([ImageEntry(name, name, -1, (RECT,)) for name in ("b", "b.png/c.png", "a.png", "A.PNG")], None, True),
    ],
)
def test_both_say_the_same(tmp_path, images, classes, expected):
    assert check(write(tmp_path, images), None, classes) == expected


def test_a_list_of_options_gives_both_the_classes(tmp_path):
    """Where an option is called as VIA's default is, both take it for a class."""
    project = json.loads(via_2_project([ImageEntry("a.png", "a.png", -1, (RECT,))]))
    project["_via_attributes"]["region"]["name"] = {"type": "radio", "options": {"dog": "dog", "u": "unknown"}}
    second = {"shape_attributes": {"name": "circle", "cx": 5, "cy": 3, "r": 1}, "region_attributes": {"name": "u"}}
    project["_via_img_metadata"]["a.png"]["regions"].append(second)
    assert check(write(tmp_path, [], lambda _: json.dumps(project)), None, None)


def test_points_alone_make_the_command_fail_and_say_so(tmp_path):
    path = write(tmp_path, [ImageEntry("a.png", "a.png", -1, (POINT,))])
    done = CliRunner().invoke(app, ["lint", str(path)], env={"COLUMNS": "200"})
    assert done.exit_code == 1
    assert "not even its only region can be used as one of object" in done.output
