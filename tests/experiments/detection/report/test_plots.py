import numpy as np
import pytest

from maskwright.experiments.detection.learn.boxes import UNKNOWN, Found, Truth
from maskwright.experiments.detection.report.plots import (
    boxes_panel,
    draw_boxes,
    precision_recall_figure,
    training_figure,
)
from maskwright.photos.images import class_palette
from maskwright.reporting.figure import save_figure

CLASSES = ["background", "cat", "dog"]
PALETTE = class_palette(3)
NOTHING = Found(np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))


def found(*rows):
    return Found(
        np.array([r[0] for r in rows], float), np.array([r[1] for r in rows]), np.array([r[2] for r in rows])
    )


def texts(figure):
    legends = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return legends + [text.get_text() for axes in figure.axes for text in axes.texts]


def test_panel_shows_scores_and_the_classes_that_occur(tmp_path):
    image = np.zeros((60, 80, 3), np.uint8)
    truth = Truth(np.array([[0, 0, 20, 20], [30, 30, 50, 50.0]]), np.array([2, UNKNOWN]))
    figure = boxes_panel(image, truth, found(([1, 1, 20, 21], 0.876, 2)), CLASSES, PALETTE, "a.jpg: fine")
    assert {"dog", "not labelled", "0.88"} <= set(texts(figure))
    assert "cat" not in texts(figure)
    _, annotated, predicted = figure.axes
    # Each box twice: a white line below the coloured one. Drawn in the panel's pixels, 560 wide: seven times larger.
    assert [patch.get_bbox().extents.tolist() for patch in annotated.patches[::2]] == [
        [0, 0, 140, 140],
        [210, 210, 350, 350],
    ]
    assert predicted.patches[1].get_edgecolor()[:3] == pytest.approx(PALETTE[2] / 255)
    save_figure(figure, tmp_path / "a.png")
    again = boxes_panel(image, truth, found(([1, 1, 20, 21], 0.876, 2)), CLASSES, PALETTE, "a.jpg: fine")
    save_figure(again, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("size", [(1, 1), (5, 3000), (300, 7)])
def test_panel_of_odd_images_without_objects(size, tmp_path):
    truth = Truth(np.zeros((0, 4)), np.zeros(0, int))
    figure = boxes_panel(np.zeros((*size, 3), np.uint8), truth, NOTHING, CLASSES, PALETTE, "none")
    assert "no objects" in texts(figure)
    save_figure(figure, tmp_path / "a.png")


def test_drawing_leaves_the_photograph_and_marks_the_box():
    image = np.full((100, 150, 3), 90, np.uint8)
    drawn = draw_boxes(image, found(([20, 30, 120, 80], 0.5, 1)), CLASSES, PALETTE)
    assert (image == 90).all()
    assert (drawn[30, 20:120] == PALETTE[1]).all()
    assert (drawn[50, 20] == PALETTE[1]).all()
    assert (drawn[70, 70] == 90).all()
    assert (drawn[:30] == 90).all()
    assert np.array_equal(draw_boxes(image, NOTHING, CLASSES, PALETTE), image)


def test_precision_over_recall_names_the_area():
    curves = {"dog": np.linspace(1, 0.5, 101), "cat": np.ones(101)}
    figure = precision_recall_figure(curves, CLASSES)
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["cat: AP50 1.000", "dog: AP50 0.750"]
    many = {f"class {i}": np.full(101, i / 20) for i in range(20)}
    (axes,) = precision_recall_figure(many, ["background", *many]).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["mean of 20 classes: AP50 0.475"]
    assert texts(precision_recall_figure({}, CLASSES)) == ["no box in the test split"]


def test_training_curves_mark_the_best_epoch():
    rows = [
        {"epoch": e, "loss": 3.0 - e, "val_loss": 3.0, "val_ap50": ap, "val_ap": ap / 2, "learning_rate": 0.1}
        for e, ap in ((1, 0.2), (2, 0.7), (3, 0.7))
    ]
    figure = training_figure(rows)
    labels = [text.get_text() for axes in figure.axes if axes.get_legend() for text in axes.get_legend().get_texts()]
    assert "best epoch (2): 0.700" in labels
    assert "best epoch (2): 0.350" in labels
    assert len(figure.axes) == 4
