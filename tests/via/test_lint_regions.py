"""What becomes of each kind of region: used, used with a warning, or refused."""

import difflib
import math
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from PIL import Image

from maskwright.photos.images import IGNORE
from maskwright.via.labels import LabelRule, class_of
from maskwright.via.lint import check_image
from maskwright.via.model import CheckedImage, ImageEntry, Region

RULE = LabelRule("name", ("cat", "dog"))
WIDTH, HEIGHT = 40, 20


def polygon(*points, shape="polygon", number=0, name="dog"):
    xs, ys = tuple(x for x, _ in points), tuple(y for _, y in points)
    return Region(number, shape, {"all_points_x": xs, "all_points_y": ys}, {"name": name})


def figure(shape, number=0, name="dog", **geometry):
    return Region(number, shape, geometry, {"name": name})


@pytest.fixture
def check(tmp_path):
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")

    def run(*regions: Region, rule: LabelRule = RULE) -> CheckedImage:
        entry = ImageEntry("a.png", "a.png", -1, regions)
        return check_image(entry, file=Path("via.json"), folder=tmp_path, rule=rule)

    return run


def said(checked: CheckedImage) -> list[tuple[str, str]]:
    return [(problem.severity, problem.code) for problem in checked.problems]


SQUARE = ((2, 2), (10, 2), (10, 10), (2, 10))
BOW_TIE = ((2, 2), (10, 10), (10, 2), (2, 10))
# A square hole, reached by a bridge that is walked twice.
BRIDGE = ((0, 0), (18, 0), (18, 18), (0, 18), (0, 0), (5, 5), (5, 10), (10, 10), (10, 5), (5, 5))


@pytest.mark.parametrize(
    "region",
    [
        polygon(*SQUARE),
        polygon(*SQUARE, SQUARE[0]),  # closed, as VIA 1 does
        polygon((2, 2), (2, 2), (10, 2), (10, 10), (10, 10), (2, 10)),  # consecutive duplicates
        polygon((-1, -1), (WIDTH, -1), (WIDTH, HEIGHT), (-1, HEIGHT)),  # drawn along the border
        polygon((2.5, 2.25), (10.125, 2), (7, 9)),
        polygon((2, 2), (10, 2), (6, 6), (10, 10), (2, 10), (6, 6)),  # touches itself in one point
        polygon(*BRIDGE),
    ],
)
def test_ordinary_polygons_are_used_without_a_word(check, region):
    checked = check(region)
    assert said(checked) == []
    assert [(found.class_index, found.shape, found.geometry) for found in checked.regions] == [
        (2, "polygon", region.geometry)
    ]
    assert (checked.height, checked.width, checked.usable) == (HEIGHT, WIDTH, True)


@pytest.mark.parametrize(
    "region",
    [
        figure("rect", x=1, y=2, width=3, height=4),
        figure("circle", cx=5, cy=6, r=3.5),
        figure("ellipse", cx=9, cy=9, rx=3, ry=2, theta=0.5),
    ],
)
def test_other_areas_are_used_without_a_word(check, region):
    checked = check(region)
    assert said(checked) == []
    assert checked.regions[0].shape == region.shape
    assert checked.regions[0].geometry == region.geometry


def test_ellipse_without_theta_is_upright(check):
    assert check(figure("ellipse", cx=9, cy=9, rx=3, ry=2)).regions[0].geometry["theta"] == 0


def test_polyline_is_closed(check):
    checked = check(polygon(*SQUARE, shape="polyline"))
    assert said(checked) == [("warning", "polyline")]
    assert checked.regions[0].shape == "polygon"


def test_point_is_not_used(check):
    checked = check(figure("point", cx=3, cy=4, name=""))
    assert said(checked) == [("warning", "point")]
    assert checked.regions == ()


def test_crossing_outline_is_used_with_its_place(check):
    checked = check(polygon(*BOW_TIE))
    assert said(checked) == [("warning", "self-crossing")]
    # The diagonals of the square from 2 to 10 meet in its middle.
    assert "near x 6, y 6" in checked.problems[0].message
    assert checked.regions[0].class_index == 2


def test_negative_size_is_turned_round(check):
    checked = check(figure("rect", x=10, y=12, width=-4, height=-5))
    assert said(checked) == [("warning", "negative-size")]
    assert checked.regions[0].geometry == {"x": 6, "y": 7, "width": 4, "height": 5}


def test_shape_without_name_is_inferred(check):
    checked = check(Region(0, "", {"cx": 5, "cy": 6, "r": 3}, {"name": "cat"}))
    assert said(checked) == [("warning", "unnamed-shape")]
    assert (checked.regions[0].shape, checked.regions[0].class_index) == ("circle", 1)


@pytest.mark.parametrize(
    ("region", "code"),
    [
        (figure("rect", x=1, y=2, width=0, height=4), "zero-size"),
        (figure("circle", cx=1, cy=2, r=0), "zero-size"),
        (figure("circle", cx=1, cy=2, r=-3), "zero-size"),
        (figure("ellipse", cx=1, cy=2, rx=3, ry=0), "zero-size"),
        (figure("ellipse", cx=1, cy=2, rx=3, ry=1, theta=math.nan), "bad-coordinates"),
        (figure("rect", x=1, y=2, width=3), "bad-coordinates"),
        (figure("rect", x=1, y=2, width=3, height=math.inf), "bad-coordinates"),
        (figure("rect", x=1, y=2, width=3, height=1e300), "bad-coordinates"),
        (figure("rect", x=1, y=2, width=3, height=(1, 2)), "bad-coordinates"),
        (polygon((1, 1), (2, 2)), "too-few-points"),
        (polygon((1, 1), (5, 5), (1, 1), (5, 5)), "too-few-points"),
        (polygon(), "too-few-points"),
        (polygon((1, 1), (2, 2), (7, 7)), "no-area"),
        (polygon((1, 1), (2, math.nan), (7, 3)), "bad-coordinates"),
        (polygon((1, 1), (2, 1e9), (7, 3)), "bad-coordinates"),
        (figure("polygon", all_points_x=(1, 2, 3), all_points_y=(1, 2)), "bad-coordinates"),
        (figure("polygon", all_points_x=(1, 2, 3)), "bad-coordinates"),
        (figure("polygon", all_points_x=3, all_points_y=4), "bad-coordinates"),
        (figure("cuboid", x=1), "unknown-shape"),
        (Region(0, "", {}), "unreadable-region"),
        (polygon((50, 5), (60, 5), (55, 9)), "outside-image"),
        (figure("circle", cx=-9, cy=-9, r=9), "outside-image"),
    ],
)
def test_regions_without_pixels_are_refused(check, region, code):
    checked = check(region)
    assert said(checked) == [("refused", code)]
    assert checked.regions == ()
    assert checked.problems[0].region == 0


def test_reaching_beyond_the_image_is_used_with_a_warning(check):
    checked = check(figure("rect", x=30, y=5, width=15, height=5))
    assert said(checked) == [("warning", "partly-outside")]
    assert "reaches 5 pixels beyond the 40 x 20 image" in checked.problems[0].message
    assert checked.regions[0].geometry["width"] == 15


def test_turned_ellipse_reaches_as_far_as_its_long_axis(check):
    # rx = 15 upright at y = 10 of 20 rows: 5 pixels beyond the top and the bottom.
    checked = check(figure("ellipse", cx=20, cy=10, rx=15, ry=2, theta=math.pi / 2))
    assert "reaches 5 pixels" in checked.problems[0].message


def test_coordinates_of_the_image_before_it_was_rotated(check):
    checked = check(polygon((2, 25), (18, 25), (10, 38)))
    assert said(checked) == [("refused", "outside-image")]
    assert "turned by 90 degrees" in checked.problems[0].advice


def test_damaged_rle_is_refused_but_its_box_is_not_background(check):
    checked = check(figure("rle", x=1, y=2, width=3, height=4, rows=HEIGHT, columns=WIDTH, counts=(1, 2)))
    assert said(checked) == [("refused", "rle")]
    assert [(found.class_index, found.shape) for found in checked.regions] == [(IGNORE, "rect")]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("", "no-label"),
        ("  ", "no-label"),
        ("not_defined", "no-label"),
        ("unknown", "no-label"),
        ((), "no-label"),
        (("cat", "dog"), "several-labels"),
        ("cow", "unknown-label"),
        ("Dog", "unknown-label"),
        ("background", "background-label"),
    ],
)
def test_region_without_a_clear_class_is_refused_and_ignored(check, name, code):
    checked = check(polygon(*SQUARE, name=name))
    assert said(checked) == [("refused", code)]
    assert [found.class_index for found in checked.regions] == [IGNORE]


def test_label_that_the_file_lost_is_refused_even_with_one_class(check):
    region = replace(figure("rect", x=1, y=2, width=3, height=4), attributes={}, unlabelled="its category is gone")
    checked = check(region, rule=LabelRule("name", ("dog",)))
    assert [(p.severity, p.code, p.message) for p in checked.problems] == [
        ("refused", "no-category", "its category is gone")
    ]
    assert [found.class_index for found in checked.regions] == [IGNORE]


@pytest.mark.parametrize(
    "region",
    [
        figure("rect", x=2.6, y=2, width=0.8, height=9),  # between the centres 2.5 and 3.5
        polygon((3, 3), (4, 3), (4, 3.4)),
    ],
)
def test_region_between_the_pixels_centres_is_said_to_have_none(check, region):
    checked = check(region)
    assert said(checked) == [("warning", "no-pixel")]
    assert [found.class_index for found in checked.regions] == [2]


def test_unknown_label_names_the_classes_and_the_closest(check):
    problem = check(polygon(*SQUARE, name="dogg")).problems[0]
    assert problem.message == "the label 'dogg' is not among the classes (cat, dog)"
    assert problem.advice == "did you mean 'dog'? Else add it to annotations.classes (or --classes)"
    problem = check(polygon(*SQUARE, name="CAT")).problems[0]
    assert "did you mean 'cat'" in problem.advice
    # DOT has two of three letters of DOG, and dog none, but is the same word.
    problem = check(polygon(*SQUARE, name="DOG"), rule=LabelRule("name", ("DOT", "dog"))).problems[0]
    assert "did you mean 'dog'" in problem.advice


def test_of_two_thousand_labels_that_differ_only_in_case_none_is_compared_by_its_letters(monkeypatch):
    compared = []
    closest = difflib.get_close_matches
    monkeypatch.setattr(difflib, "get_close_matches", lambda *args: compared.append(args[0]) or closest(*args))
    labels = ["".join(letters) for letters in product(*zip("abcdefghijk", "ABCDEFGHIJK", strict=True))]
    rule = LabelRule("name", tuple(labels[:254]))
    found = [class_of(Region(0, "rect", {}, {"name": label}), rule) for label in labels]
    assert compared == []
    assert [index for index, _ in found] == [*range(1, 255), *[None] * (2048 - 254)]
    assert "did you mean 'abcdefghijk'" in found[-1][1].advice
    class_of(Region(0, "rect", {}, {"name": "bcdefghijk"}), rule)
    assert compared == ["bcdefghijk"]


def test_equal_options_are_one_only_where_renaming_made_them_equal(check):
    twice = polygon(*SQUARE, name=("dog", "dog "))
    assert said(check(twice, rule=LabelRule("name", ("dog",), {"cot": "cat"}))) == [("refused", "several-labels")]
    assert said(check(twice, rule=LabelRule("name", ("hound",), {"dog": "hound"}))) == []


@pytest.mark.parametrize("name", ["dog", ("dog",)])
def test_one_checked_option_is_as_good_as_text(check, name):
    checked = check(polygon(*SQUARE, name=name))
    assert said(checked) == []
    assert checked.regions[0].class_index == 2


def test_spaces_around_a_label(check):
    checked = check(polygon(*SQUARE, name="dog "))
    assert said(checked) == [("warning", "spaces-in-label")]
    assert checked.regions[0].class_index == 2


@pytest.mark.parametrize("name", ["", "not_defined"])
def test_missing_label_with_one_class(check, name):
    checked = check(polygon(*SQUARE, name=name), rule=LabelRule("name", ("dog",)))
    assert said(checked) == [("warning", "no-label")]
    assert checked.regions[0].class_index == 1


def test_placeholder_that_is_a_class(check):
    checked = check(polygon(*SQUARE, name="unknown"), rule=LabelRule("name", ("dog", "unknown")))
    assert said(checked) == []
    assert checked.regions[0].class_index == 2


def test_attribute_in_another_spelling(check):
    checked = check(polygon(*SQUARE), rule=LabelRule("Name", ("dog",)))
    assert said(checked) == []
    assert checked.regions[0].class_index == 1


def test_no_attribute_means_one_class(check):
    checked = check(Region(0, "rect", {"x": 1, "y": 2, "width": 3, "height": 4}), rule=LabelRule(None, ("object",)))
    assert said(checked) == []
    assert checked.regions[0].class_index == 1


def test_exact_repetition_is_used_once(check):
    checked = check(polygon(*SQUARE), polygon(*SQUARE, number=1), polygon(*SQUARE[:3], number=2))
    assert said(checked) == [("warning", "repeated-region")]
    assert checked.problems[0].region == 1
    assert [found.number for found in checked.regions] == [0, 2]


def test_one_outline_with_two_labels_is_a_contradiction(check):
    checked = check(polygon(*SQUARE), polygon(*SQUARE, number=1, name="cat"))
    assert said(checked) == [("refused", "contradicting-labels")]
    assert "but labelled 'cat' and not 'dog'" in checked.problems[0].message
    # The later region lies on top, so that the pixels in doubt count for neither class.
    assert [found.class_index for found in checked.regions] == [2, IGNORE]


def test_every_problem_of_an_image_is_named(check):
    checked = check(
        polygon(*SQUARE, shape="polyline", name="cow"),
        figure("rect", 1, x=0, y=0, width=0, height=0),
        Region(2, "", {}),
    )
    assert [(problem.region, problem.code) for problem in checked.problems] == [
        (0, "polyline"),
        (0, "unknown-label"),
        (1, "zero-size"),
        (2, "unreadable-region"),
    ]
    assert all(problem.file == "via.json" and problem.image == "a.png" for problem in checked.problems)
