"""The evaluation of segmentation on the test split, each photograph at its own resolution."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.segmentation.params import Segmentation
from maskwright.experiments.segmentation.report.inference import Forward, compiled, load_trained, segment
from maskwright.experiments.segmentation.report.metrics import SegmentationTotals, image_scores, summarise
from maskwright.experiments.segmentation.report.plots import confusion_matrix_figure, overlay_panel, training_figure
from maskwright.learning.single.table import read_epochs
from maskwright.photos.images import class_palette, read_image, read_mask
from maskwright.photos.splits import Example, read_classes, read_split
from maskwright.reporting.bars import per_class_bars
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.ranking import best_and_worst
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Evaluation

HEADLINE = ("miou", "pixel_accuracy", "precision", "recall")
"""The numbers from `metrics.summarise` that are in metrics.json; the others are in details.json."""


def evaluate(settings: Segmentation, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score a trained model, and write `results`/metrics.json, details.json and plots/.

    The plots are the confusion matrix and the IoU of each class, as pictures and as CSV files, the training curves,
    and the best and worst test images.

    Args:
        settings: not used, since the model's folder holds all that is needed.
        data: the folder that `maskwright masks` wrote.
        model: the folder of the trained model.
        results: the folder of the results, with the training's history in training.csv.

    Raises:
        MaskwrightError: the model is missing or incomplete, or was trained for other classes; or the data cannot be
            read.
    """
    network, classes, size = load_trained(model)
    folder = data / "test"
    if classes != read_classes(folder):
        raise MaskwrightError(
            f"{model}: was trained for the classes {', '.join(classes)}, not those of {folder}; retrain"
        )
    examples = read_split(folder)
    forward = compiled(network)
    totals = SegmentationTotals(len(classes))
    mious: list[tuple[float]] = []
    for example, prediction in zip(examples, _predictions(forward, examples, size), strict=True):
        scores = image_scores(read_mask(example.mask), prediction, len(classes))
        totals.add(scores)
        mious.append((scores.miou,))
    numbers = summarise(totals, classes)
    evaluation = Evaluation(
        metrics={name: numbers[name] for name in HEADLINE},
        details={name: value for name, value in numbers.items() if name not in HEADLINE},
    )
    ious = {name: values["iou"] for name, values in numbers["per_class"].items() if "iou" in values}
    with report_folder(results, evaluation) as plots:
        _write_tables(plots, totals.confusion, ious, classes)
        figures: dict[str, Any] = {
            "confusion_matrix": confusion_matrix_figure(totals.confusion, classes),
            "class_iou": per_class_bars(ious, classes),
            "training_curves": training_figure(read_epochs(results / "training.csv")),
        }
        save_figures(figures, plots)
        for kind, places in best_and_worst(mious).items():
            for number, place in enumerate(places, start=1):
                example = examples[place]
                figure = overlay_panel(
                    read_image(example.image),
                    read_mask(example.mask),
                    next(_predictions(forward, [example], size)),
                    classes,
                    class_palette(len(classes)),
                    f"{example.image.name}: mean IoU {mious[place][0]:.3f}",
                )
                # One at a time, since a photograph may be large.
                save_figures({f"{kind}_{number}": figure}, plots)
    return evaluation


def _predictions(forward: Forward, examples: Sequence[Example], size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Yield the predicted (H, W) mask of each example. Only one photograph is in memory at a time."""
    return segment(forward, (read_image(example.image) for example in examples), size)


def _write_tables(plots: Path, confusion: np.ndarray, ious: dict[str, float], classes: Sequence[str]) -> None:
    with (plots / "class_iou.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", "iou"])
        table.writerows(ious.items())
    with (plots / "confusion_matrix.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["actual", "predicted", "pixels", "share"])
        for row, counts in enumerate(confusion):
            for column, pixels in enumerate(counts):
                share = round(float(pixels / max(1, counts.sum())), 4)
                table.writerow([classes[row], classes[column], int(pixels), share])
