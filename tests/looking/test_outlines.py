import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw

from maskwright.looking.masks import Outlines
from maskwright.looking.outlines import LINE, Style, class_styles, draw_line, draw_outlines
from maskwright.photos.images import IGNORE

RED = Style("#ff0000", "#000000", 1, 0)


def seen_by(colour, kind):
    """Return linear RGB as seen with complete red or green blindness (Machado et al. 2009, table 1, severity 1)."""
    matrices = {
        "protanopia": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deuteranopia": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
        "full sight": np.eye(3),
    }
    return np.array(matrices[kind]) @ (np.array(ImageColor.getrgb(colour)) / 255) ** 2.2


def test_every_class_has_its_own_style_up_to_21():
    styles = class_styles([1] * 21)
    assert set(styles) == {*range(1, 22), IGNORE}
    assert len(set(styles.values())) == 22
    assert styles[1].gap == 0 < styles[8].gap  # the eighth class is the first that is dashed


def test_of_more_classes_the_rarest_share_one_style():
    objects = [5] * 23
    objects[3] = objects[20] = 1
    styles = class_styles(objects)
    assert styles[4] == styles[21] == Style("#ffffff", "#000000", 1, 0)
    assert len({styles[index] for index in range(1, 24)}) == 22


@pytest.mark.parametrize("kind", ["full sight", "protanopia", "deuteranopia"])
def test_colours_of_seven_classes_can_be_told_apart(kind):
    seen = [seen_by(style.colour, kind) for index, style in class_styles([1] * 7).items() if index != IGNORE]
    apart = [np.abs(a - b).max() for i, a in enumerate(seen) for b in seen[:i]]
    assert len(apart) == 21
    assert min(apart) > 0.1


def test_an_outline_lies_where_it_was_drawn_at_any_size():
    # A square from (10, 10) to (30, 30) of a 40 x 80 photograph, shown at twice its size.
    square = np.array([(10, 10), (30, 10), (30, 30), (10, 30)], float)
    drawn = draw_outlines(np.full((40, 80, 3), 128, np.uint8), Outlines([(1, square)]), {1: RED}, (200, 160))
    assert drawn.size == (160, 80)
    pixels = np.asarray(drawn).astype(int)
    red = (pixels[..., 0] > 200) & (pixels[..., 1] < 60)
    rows, columns = np.nonzero(red)
    half = LINE / 2
    assert abs(rows.min() - (20 - half)) <= 1 >= abs(rows.max() + 1 - (60 + half))
    assert abs(columns.min() - (20 - half)) <= 1 >= abs(columns.max() + 1 - (60 + half))
    assert (pixels[40, 40] == 128).all()  # inside, the photograph is as it was
    assert (pixels[5, 5] == 128).all()
    # The line's edge on either side, half of each pixel.
    assert pixels[40, 16:20, 0].min() < 100
    assert pixels[40, 20:25, 0].min() < 100


def test_a_region_of_unknown_class_is_a_dashed_box():
    styles = class_styles([1])
    drawn = draw_outlines(np.full((50, 50, 3), 128, np.uint8), Outlines([], [[5, 5, 40, 30]]), styles, (50, 50))
    top = np.asarray(drawn)[5, 5:45].min(axis=1) > 200
    assert top.any()
    assert not top.all()


def test_dashes_and_gaps_have_their_lengths():
    picture = Image.new("RGB", (60, 11), "white")
    draw_line(
        ImageDraw.Draw(picture), np.array([(0, 5), (20, 5), (59, 5)], float), Style("#ff0000", "#ff0000", 10, 6)
    )
    row = np.asarray(picture)[5, :, 1] == 0
    # Dashes from 0, 16, 32 and 48, across the point at 20; a line's end may take in a pixel more.
    starts = np.flatnonzero(np.diff(np.concatenate([[False], row]).astype(int)) == 1)
    assert starts.tolist() == pytest.approx([0, 16, 32, 48], abs=1)
    assert row.sum() == pytest.approx(40, abs=5)


@pytest.mark.parametrize("size", [(1, 400), (400, 1), (1, 1), (3000, 20)])
def test_extreme_proportions_and_outlines_without_length(size):
    outlines = Outlines([(1, np.zeros((3, 2))), (1, np.array([(0, 0), (1e6, 0), (0, 1)]))])
    drawn = draw_outlines(np.zeros((*size, 3), np.uint8), outlines, class_styles([1]), (100, 100))
    assert max(drawn.size) <= 100
    assert min(drawn.size) >= 1
