from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from PIL import Image

from maskwright.reporting.bars import per_class_bars
from maskwright.reporting.figure import save_figure

CLASSES = ["background", "water bottle", "soda can", "juice can"]


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def test_values_mean_and_absent():
    figure = per_class_bars({"background": 0.9, "soda can": 0.05}, CLASSES)
    shown = texts(figure)
    assert {"0.900", "0.050", "mean 0.475"} <= set(shown)
    assert shown.count("does not occur") == 2
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.9, 0.05]


def test_no_values_at_all(tmp_path: Path):
    figure = per_class_bars({}, CLASSES)
    assert texts(figure).count("does not occur") == 4
    save_figure(figure, tmp_path / "a.png")
    assert min(Image.open(tmp_path / "a.png").size) > 200


def test_the_same_bytes_each_time(tmp_path: Path):
    for name in ("a", "b"):
        figure = per_class_bars({"background": 0.9, "soda can": 0.05}, CLASSES, "AP")
        assert figure.axes[0].get_xlabel() == "AP"
        save_figure(figure, tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
