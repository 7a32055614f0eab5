import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from maskwright.experiments.segmentation.report import plots
from maskwright.photos.images import IGNORE, class_palette
from maskwright.reporting import figure as style

CLASSES = ["background", "water bottle", "soda can", "juice can"]
PALETTE = class_palette(4)


def example(size: tuple[int, int] = (40, 60)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    truth, prediction = np.zeros(size, np.uint8), np.zeros(size, np.uint8)
    height, width = size
    truth[height // 4 : height // 2, width // 4 : width // 2] = 1
    prediction[height // 4 : height // 2, width // 3 : width // 2 + 2] = 2
    truth[-1:, :] = IGNORE
    return image, truth, prediction


def history(epochs: int) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "loss": 1 / epoch,
            "val_loss": 1.2 / epoch,
            "val_miou": 0.9 - 0.1 * (epoch - 3) ** 2,
            "val_pixel_accuracy": 1 - 0.1 / epoch,
            "learning_rate": 1e-3 / epoch,
        }
        for epoch in range(1, epochs + 1)
    ]


def figures() -> dict[str, Figure]:
    image, truth, prediction = example()
    return {
        "confusion": plots.confusion_matrix_figure(np.array([[9, 1], [0, 0]]), ["background", "cup"]),
        "curves": plots.training_figure(history(5)),
        "overlay": plots.overlay_panel(image, truth, prediction, CLASSES, PALETTE, "cost $5$ and 100%"),
    }


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(matplotlib.text.Text) if text.get_text()]


def png(figure: Figure, path: Path) -> bytes:
    style.save_figure(figure, path)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["confusion", "curves", "overlay"])
def test_the_same_bytes_each_time_without_metadata(name: str, tmp_path: Path):
    first = png(figures()[name], tmp_path / "folder" / "a.png")
    second = png(figures()[name], tmp_path / "b.png")
    assert first == second
    picture = Image.open(io.BytesIO(first))
    assert picture.format == "PNG"
    assert set(picture.info) <= {"dpi"}
    # Something is drawn on white.
    pixels = np.asarray(picture.convert("RGB"))
    assert (pixels[0, 0] == 255).all()
    assert (pixels < 128).any()


def test_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    figures()
    assert dict(matplotlib.rcParams) == before


def test_imports_neither_tensorflow_nor_pyplot():
    modules = "maskwright.experiments.segmentation.report.plots, maskwright.reporting.bars"
    code = f"import sys, {modules}; print({{'tensorflow', 'matplotlib.pyplot'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


class TestBlend:
    def test_by_hand(self):
        # A 3 x 3 region of class 1 in a grey image: its centre is mixed, its rim in full colour, the rest untouched.
        image = np.full((5, 5, 3), 100, np.uint8)
        mask = np.zeros((5, 5), np.uint8)
        mask[1:4, 1:4] = 1
        palette = np.zeros((256, 3), np.uint8)
        palette[1] = [200, 0, 50]
        result = plots.blend(image, mask, palette, alpha=0.25)
        assert result.dtype == np.uint8
        assert result[2, 2].tolist() == [125, 75, 88]  # 0.75 * 100 + 0.25 * (200, 0, 50), rounded to even
        rim = mask.astype(bool)
        rim[2, 2] = False
        assert (result[rim] == [200, 0, 50]).all()
        assert (result[mask == 0] == 100).all()
        assert (image == 100).all()

    @pytest.mark.parametrize("size", [(1, 1), (1, 50), (700, 3)])
    def test_any_size(self, size: tuple[int, int]):
        image, mask, _ = example(size)
        assert plots.blend(image, mask, PALETTE).shape == (*size, 3)

    def test_refuses_another_size(self):
        with pytest.raises(ValueError, match="do not fit"):
            plots.blend(np.zeros((4, 4, 3), np.uint8), np.zeros((4, 5), np.uint8), PALETTE)


class TestOverlayPanel:
    @pytest.mark.parametrize("size", [(1, 1), (2, 3000), (96, 128), (700, 30), (900, 1300)])
    def test_any_size_gives_a_picture_to_look_at(self, size: tuple[int, int], tmp_path: Path):
        image, truth, prediction = example(size)
        figure = plots.overlay_panel(image, truth, prediction, CLASSES, PALETTE, "title")
        style.save_figure(figure, tmp_path / "a.png")
        width, height = Image.open(tmp_path / "a.png").size
        assert 1700 <= width <= 2100
        assert 180 <= height <= 700

    def test_names_what_is_there(self):
        figure = figures()["overlay"]
        shown = texts(figure)
        assert {"input", "ground truth", "prediction", "errors", "cost $5$ and 100%"} <= set(shown)
        assert {"water bottle", "soda can"} <= set(shown)
        assert "juice can" not in shown
        # Truth: rows 10..19, columns 15..29. Prediction: columns 20..31. Of 40 * 60 pixels, 10 * 5 are missed, 10 * 2
        # extra, 10 * 10 of the wrong class, and 60 not labelled.
        assert {"missed (2.1%)", "extra (0.8%)", "wrong class (4.2%)", "not labelled (2.5%)"} <= set(shown)

    def test_nothing_to_name(self):
        image = np.zeros((20, 20, 3), np.uint8)
        mask = np.zeros((20, 20), np.uint8)
        assert {"no objects", "no errors"} <= set(
            texts(plots.overlay_panel(image, mask, mask, CLASSES, PALETTE, "empty"))
        )

    def test_errors_have_their_colours(self):
        # Shown at 8 times its size, so that the pixel (y, x) is at (8 y, 8 x).
        figure = figures()["overlay"]
        errors = np.asarray(figure.axes[3].images[0].get_array())
        assert errors.shape == (320, 480, 3)
        colours = {name: np.asarray(matplotlib.colors.to_rgb(c)) * 255 for name, c in plots.ERROR_COLOURS.items()}
        for (row, column), name in {
            (15, 17): "missed",
            (15, 30): "extra",
            (15, 25): "wrong class",
            (39, 5): "not labelled",
        }.items():
            np.testing.assert_allclose(errors[8 * row + 4, 8 * column + 4], colours[name], atol=0.6)
        red, green, blue = errors[20, 20]
        assert red == green == blue

    def test_many_classes_are_cut_short(self):
        names = ["background", *(f"class {i}" for i in range(1, 31))]
        mask = np.arange(31, dtype=np.uint8)[None, :].repeat(40, axis=0)
        shown = texts(
            plots.overlay_panel(np.zeros((40, 31, 3), np.uint8), mask, mask, names, class_palette(31), "many")
        )
        assert "class 10" in shown
        assert "class 11" not in shown
        assert "and 20 more" in shown


class TestConfusionMatrix:
    def test_shares_of_rows_and_counts(self):
        matrix = np.array([[2_500_000, 0, 0], [1500, 4500, 0], [0, 0, 0]])
        shown = texts(plots.confusion_matrix_figure(matrix, CLASSES[:3]))
        assert "100.0%\n2.5M" in shown
        assert "25.0%\n1.5k" in shown
        assert "75.0%\n4.5k" in shown
        assert shown.count("-") == 3  # a class without pixels has no shares

    def test_many_classes_have_no_numbers(self, tmp_path: Path):
        figure = plots.confusion_matrix_figure(np.eye(60, dtype=int), [f"class {i}" for i in range(60)])
        assert not any("\n" in text for text in texts(figure))
        assert len(png(figure, tmp_path / "a.png")) > 1000


class TestCurves:
    def test_marks_the_best_epoch(self):
        figure = plots.training_figure(history(5))
        titles = [axes.get_title() for axes in figure.axes]
        assert titles == ["Loss", "Mean IoU", "Pixel accuracy", "Learning rate"]
        # The highest validation mIoU, 0.9, is that of epoch 3; the loss there is 1.2 / 3.
        assert {"best epoch (3): 0.900", "best epoch (3): 0.400"} <= set(texts(figure))
        (validation, best) = figure.axes[1].lines
        assert list(validation.get_xdata()) == [1, 2, 3, 4, 5]
        assert best.get_xdata() == [3]

    def test_takes_what_there_is(self):
        figure = plots.training_figure([{"loss": 2.0}, {"loss": 1.0, "val_loss": float("nan")}])
        assert [axes.get_title() for axes in figure.axes if axes.get_title()] == ["Loss"]
        (line,) = figure.axes[0].lines
        assert list(line.get_xdata()) == [1, 2]

    @pytest.mark.parametrize("rows", [[], [{}], [{"loss": float("nan")}]])
    def test_refuses_nothing(self, rows: list[dict[str, float]]):
        with pytest.raises(ValueError, match="no value to draw"):
            plots.training_figure(rows)

    def test_one_epoch(self, tmp_path: Path):
        assert len(png(plots.training_figure(history(1)), tmp_path / "a.png")) > 1000
