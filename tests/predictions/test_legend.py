"""The legend below a picture: it names the colours, and the picture above it stays as it is."""

import numpy as np
import pytest

from maskwright.predictions.legend import with_legend

RED, GREEN = (200, 30, 40), (20, 160, 60)


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(300, 400), (64, 2048), (983, 2048)])
def test_the_picture_is_not_covered(height, width):
    picture = noise(height, width)
    drawn = with_legend(picture, [("juice can", RED), ("soda can", GREEN)])
    np.testing.assert_array_equal(drawn[:height], picture)
    assert drawn.shape[1] == width
    assert drawn.shape[0] - height < 0.15 * max(height, width)


def test_each_colour_stands_beside_a_name():
    """A swatch of 1.1 letters of 12 pixels: 13 x 13 pixels and, within its outline, 12 x 12 of the colour."""
    strip = with_legend(noise(300, 400), [("juice can", RED), ("soda can", GREEN)])[300:]
    for colour in (RED, GREEN):
        rows, columns = np.nonzero((strip == colour).all(axis=2))
        assert len(rows) >= 11 * 11
        # Letters in dark ink follow within half a letter's distance.
        beside = strip[rows.min() : rows.max(), columns.max() + 4 : columns.max() + 40]
        assert (beside.sum(axis=2) < 250).any()
    columns = [np.nonzero((strip == colour).all(axis=2))[1].min() for colour in (RED, GREEN)]
    assert columns[0] < columns[1]


def test_a_narrow_picture_gets_a_strip_wide_enough_for_the_names():
    picture = noise(5, 1)
    drawn = with_legend(picture, [("juice can", RED)])
    np.testing.assert_array_equal(drawn[:5, :1], picture)
    assert (drawn[:5, 1:] == 255).all()
    assert 70 < drawn.shape[1] < 130
    assert (drawn[:, -3:] == 255).all()  # nothing runs out of it


def test_many_names_take_several_lines_and_the_rest_is_counted():
    few, many, more = (
        with_legend(noise(100, 300), [(f"class {number}", RED) for number in range(count)]).shape[0]
        for count in (2, 40, 400)
    )
    assert few < many <= more < many + 2 * 19  # at most a line more, for "and 360 more"


def test_no_objects_and_names_that_no_line_holds():
    nothing = with_legend(noise(100, 200), [])
    assert (nothing[100:].sum(axis=2) < 250).any()  # it says so
    for name in ("a" * 500, "two\nlines", "\x1b[2J", "", "日本"):
        drawn = with_legend(noise(100, 200), [(name, RED)])
        assert drawn.shape[0] == nothing.shape[0]
        assert drawn.shape[1] < 450
