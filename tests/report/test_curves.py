"""Curves: what is drawn, and where, worked by hand."""

from itertools import pairwise

import pytest

from maskwright.report.curves import HEIGHT, WIDTH, panels, read_history


def drawn(tmp_path, text):
    path = tmp_path / "training.csv"
    path.write_text(text)
    return panels(read_history(path))


def points(path):
    return [tuple(map(float, step.split())) for step in path.removeprefix("M").split("L")]


def test_one_network(tmp_path):
    # The axes leave 46 units on the left, 22 on the right, 12 above and 26 below. The loss goes from 0.5 to 1.5 with
    # 5 % of room, so from 0.45 to 1.55: 1.5 stands at 12 + (250 - 38) * 0.05 / 1.1.
    loss, miou = drawn(
        tmp_path, "epoch,loss,val_loss,val_miou,learning_rate\n1,1.5,1,0.25,1\n2,1,0.5,0.5,1\n3,0.5,0.5,0.75,1\n"
    )
    assert [line.name for line in loss.lines] == ["training", "validation"]
    assert points(loss.lines[0].path)[0] == pytest.approx((46, 12 + 212 * 0.05 / 1.1), abs=0.06)
    assert points(loss.lines[0].path)[2] == pytest.approx((WIDTH - 22, HEIGHT - 26 - 212 * 0.05 / 1.1), abs=0.06)
    assert [tick.text for tick in loss.across] == ["1", "2", "3"]
    assert [tick.text for tick in loss.up] == ["0.5", "1", "1.5"]
    assert miou.title == "mIoU"
    assert [line.name for line in miou.lines] == ["validation"]


def test_variants_of_many_seeds(tmp_path):
    rows = [f"{variant},{epoch},{10.0**-epoch},0,1" for variant in "abcdefghij" for epoch in range(5)]
    (panel,) = drawn(tmp_path, "\n".join(["variant,epoch,loss,loss_low,loss_high", *rows]))
    assert [line.name for line in panel.lines] == [*"abcdefghij"]
    # There are eight colours; the ninth line has the first one again, and is dashed.
    assert [line.colour for line in panel.lines] == [*range(8), 0, 1]
    assert [line.dashed for line in panel.lines] == [False] * 8 + [True] * 2
    # From 1 to 0.0001 the axis is logarithmic: equal steps down.
    assert panel.logarithmic
    places = [y for _, y in points(panel.lines[0].path)]
    assert {round(later - earlier, 0) for earlier, later in pairwise(places)} == {48.0}
    assert [tick.text for tick in panel.up] == ["0.0001", "0.001", "0.01", "0.1", "1"]


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("", []),
        ("epoch,loss\n", []),
        ("epoch,loss\n1,nan\n2,\n", []),
        ("epoch,loss\n1,0\n", ["loss"]),
        ("epoch,loss\n1,0\n1,0\n", ["loss"]),
        ("epoch,loss\n1,-1e300\n2,1e300\n", ["loss"]),
        ("epoch,loss\n1,0.5\n2,nan\n3,0.25\n", ["loss"]),
        ("loss\n1\n", []),
        ("epoch,a,b,c,d,e\n1,1,1,1,1,1\n", ["a", "b", "c", "d"]),
    ],
)
def test_tables_at_the_edge(tmp_path, text, titles):
    found = drawn(tmp_path, text)
    assert [panel.title for panel in found] == titles
    for panel in found:
        for tick in panel.up:
            assert 0 <= tick.place <= HEIGHT


def test_long_trainings_take_no_more_room(tmp_path):
    rows = [f"{epoch},{epoch / 10_000}" for epoch in range(10_001)]
    (panel,) = drawn(tmp_path, "\n".join(["epoch,loss", *rows]))
    found = points(panel.lines[0].path)
    assert len(found) == 150
    assert (found[0][0], found[-1][0]) == (46, WIDTH - 22)


def test_the_smallest_of_losses_stand_at_the_foot_of_the_axis(tmp_path):
    """Of 1, 1e-8 and 1e-18 the axis shows the first two: eight decades."""
    (panel,) = drawn(tmp_path, "epoch,loss\n1,1\n2,1e-8\n3,1e-18\n")
    (_, first), (_, second), (_, third) = points(panel.lines[0].path)
    assert first < second == third <= HEIGHT - 26
    assert panel.up[0].text == "1e-08"
