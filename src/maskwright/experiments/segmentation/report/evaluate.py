"""The evaluation of segmentation on the test split, each photograph at its own resolution."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskwright.experiments.segmentation.params import Segmentation
from maskwright.experiments.segmentation.report.inference import Forward, compiled, load_trained, segment
from maskwright.experiments.segmentation.report.intervals import split_intervals
from maskwright.experiments.segmentation.report.metrics import image_scores, per_image, summarise
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
    the best and worst test images, and in examples.csv the scores of each image.

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
    scores = [
        image_scores(read_mask(example.mask), prediction, len(classes))
        for example, prediction in zip(examples, _predictions(forward, examples, size), strict=True)
    ]
    confusions = np.stack([one.confusion for one in scores])
    numbers, by_image = summarise(scores, classes), per_image(confusions)
    evaluation = Evaluation(
        metrics={name: numbers[name] for name in HEADLINE},
        details={
            **{name: value for name, value in numbers.items() if name not in HEADLINE},
            "test_intervals": split_intervals(scores),
        },
    )
    ious = {name: values["iou"] for name, values in numbers["per_class"].items() if "iou" in values}
    with report_folder(results, evaluation) as plots:
        confusion = confusions.sum(axis=0)
        _write_tables(plots, confusion, ious, classes)
        _write_examples(plots, examples, by_image)
        figures: dict[str, Any] = {
            "confusion_matrix": confusion_matrix_figure(confusion, classes),
            "class_iou": per_class_bars(ious, classes),
            "training_curves": training_figure(read_epochs(results / "training.csv")),
        }
        save_figures(figures, plots)
        for kind, places in best_and_worst([(miou,) for miou in by_image["miou_per_image"]]).items():
            for number, place in enumerate(places, start=1):
                example = examples[place]
                figure = overlay_panel(
                    read_image(example.image),
                    read_mask(example.mask),
                    next(_predictions(forward, [example], size)),
                    classes,
                    class_palette(len(classes)),
                    f"{example.image.name}: mean IoU {by_image['miou_per_image'][place]:.3f}",
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


def _write_examples(plots: Path, examples: Sequence[Example], scores: Mapping[str, np.ndarray]) -> None:
    """Write a row for each image, with cells left empty where a score is undefined."""
    table = pd.DataFrame(scores)
    table.insert(0, "image", [example.image.name for example in examples])
    table.to_csv(plots / "examples.csv", index=False, lineterminator="\n", float_format="%.6g")
