"""Scoring a trained detector on the test split."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.detection.learn.batches import BoxedExample, read_boxes
from maskwright.experiments.detection.learn.boxes import Found
from maskwright.experiments.detection.params import Detection
from maskwright.experiments.detection.report.inference import detect_objects, detector, load_detector, sources_nms
from maskwright.experiments.detection.report.metrics import (
    SHOWN_SCORE,
    Counts,
    Scores,
    all_scores,
    count,
    sources_scores,
)
from maskwright.experiments.detection.report.plots import boxes_panel, precision_recall_figure, training_figure
from maskwright.experiments.detection.report.resampling import image_intervals
from maskwright.learning.single.table import read_epochs
from maskwright.photos.images import class_palette, read_image
from maskwright.photos.splits import read_classes
from maskwright.reporting.bars import per_class_bars
from maskwright.reporting.figure import save_figure
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.ranking import best_and_worst
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Evaluation

HEADLINE = ("ap50", "precision", "recall")
"""The measures in metrics.json, unless they have no value."""


def evaluate(settings: Detection, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score a trained model on the test split, each photograph at its own resolution.

    This function writes to `results/plots/`: the precision-recall curves and the AP50 of each class as pictures and
    CSV files, a CSV file that compares hard and soft suppression, the training curves, the best and worst test
    images, and examples.csv with a row for each test image, in the order of its index: `sources_miou`,
    `sources_precision` and `sources_recall`, and how many predictions were `right` and `wrong` and boxes `missed`.

    Args:
        settings: the section `detection` of params.yaml; only `nms` is used.
        data: the folder that `maskwright masks` wrote.
        model: the trained model's folder.
        results: the folder that gets metrics.json, details.json and plots/, and holds training.csv.

    Returns:
        The metrics are `ap50` (COCO), and `precision` and `recall` of the predictions with a probability of at
        least 0.5. The details are the other measures (`ap`, `ap75`, `ar`, `f1` and `iou`), the source's
        (`sources_miou`, `sources_precision` and `sources_recall`), the numbers of images, boxes and shown
        predictions, as `test_intervals` the two ends of the intervals that `resampling` gives, as `nms` the
        measures for each kind of NMS, and as `per_class` those of each class. Measures outside `nms` belong to the
        NMS in the settings, but the source's always to the source's own, see `inference.sources_nms`. A measure
        without a value is left out; see `metrics`.

    Raises:
        MaskwrightError: model or data are missing, or have different classes.
    """
    network, about = load_detector(model)
    classes = about.classes
    if classes != read_classes(data / "test"):
        raise MaskwrightError(
            f"{model}: was trained for the classes {', '.join(classes)}, not those of {data / 'test'}; retrain"
        )
    nms = settings.nms
    kinds = (nms.kind, "soft" if nms.kind == "hard" else "hard")
    variants = [nms.model_copy(update={"kind": kind}) for kind in kinds]
    examples = read_boxes(data / "test")
    run = detector(network, about.scheme, [*variants, sources_nms(nms)])
    photographs = (read_image(example.image) for example in examples)
    *found, sources_found = zip(*detect_objects(run, photographs, about.size), strict=True)
    truths = [example.truth for example in examples]
    scores = {
        kind: all_scores(truths, of_kind, classes, most=nms.most) for kind, of_kind in zip(kinds, found, strict=True)
    }
    chosen = scores[nms.kind]
    shown = [one.at_least(SHOWN_SCORE) for one in found[0]]
    counts = [count(truth, one, len(classes)) for truth, one in zip(truths, shown, strict=True)]
    sources = sources_scores(truths, [one.at_least(SHOWN_SCORE) for one in sources_found])
    evaluation = Evaluation(
        {name: chosen.numbers[name] for name in HEADLINE if name in chosen.numbers},
        {
            **{name: value for name, value in chosen.of_all_classes.items() if name not in HEADLINE},
            **{name: float(values.mean()) for name, values in sources.items()},
            "images": len(examples),
            "boxes": sum(int(np.count_nonzero(truth.classes > 0)) for truth in truths),
            "predictions": sum(len(one.boxes) for one in shown),
            "test_intervals": image_intervals(truths, found[0], counts, sources, len(classes) - 1, most=nms.most),
            "nms": {kind: scores[kind].of_all_classes for kind in ("hard", "soft")},
            "per_class": chosen.numbers["per_class"],
        },
    )
    ap50 = {name: values["ap50"] for name, values in chosen.numbers["per_class"].items() if "ap50" in values}
    figures = {
        "precision_recall": precision_recall_figure(chosen.curves, classes),
        "class_ap50": per_class_bars(ap50, classes[1:], "AP50"),
        "training_curves": training_figure(read_epochs(results / "training.csv")),
    }
    with report_folder(results, evaluation) as plots:
        _write_tables(plots, chosen, evaluation.details["nms"])
        save_figures(figures, plots)
        _write_examples(plots / "examples.csv", sources, counts)
        _draw_examples(plots, examples, shown, counts, classes)
    return evaluation


def _write_tables(plots: Path, scores: Scores, by_kind: Mapping[str, Mapping[str, Any]]) -> None:
    with (plots / "precision_recall.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", "recall", "precision"])
        for name, precisions in scores.curves.items():
            recalls = np.linspace(0, 1, len(precisions))
            table.writerows([name, round(float(r), 2), float(p)] for r, p in zip(recalls, precisions, strict=True))
    with (plots / "class_ap50.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", "ap50"])
        table.writerows([name, v["ap50"]] for name, v in scores.numbers["per_class"].items() if "ap50" in v)
    with (plots / "nms.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["measure", *by_kind])
        measures = list(dict.fromkeys(name for values in by_kind.values() for name in values))
        table.writerows([name, *(values.get(name, "") for values in by_kind.values())] for name in measures)


def _write_examples(path: Path, sources: Mapping[str, np.ndarray], counts: Sequence[Counts]) -> None:
    columns = {name: values.tolist() for name, values in sources.items()}
    columns |= {name: [int(getattr(one, name).sum()) for one in counts] for name in ("right", "wrong", "missed")}
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows([f"{value:.6g}" for value in row] for row in zip(*columns.values(), strict=True))


def _draw_examples(
    plots: Path,
    examples: Sequence[BoxedExample],
    shown: Sequence[Found],
    counts: Sequence[Counts],
    classes: list[str],
) -> None:
    """Draw the test images with the highest and the lowest F1; on a tie, the mean IoU decides."""
    ranks = [_rank(one) for one in counts]
    palette = class_palette(len(classes))
    for kind, places in best_and_worst(ranks).items():
        for number, place in enumerate(places, start=1):
            example, (f1, iou) = examples[place], ranks[place]
            title = f"{example.image.name}: F1 {f1:.2f}, mean IoU {iou:.2f}"
            image = read_image(example.image)
            figure = boxes_panel(image, example.truth, shown[place], classes, palette, title)
            save_figure(figure, plots / f"{kind}_{number}.png")


def _rank(counts: Counts) -> tuple[float, float]:
    """Return F1 and mean IoU of an image; F1 is NaN if there is neither a box nor a prediction."""
    right, wrong, missed = (int(part.sum()) for part in (counts.right, counts.wrong, counts.missed))
    f1 = 2 * right / (2 * right + wrong + missed) if right + wrong + missed else float("nan")
    return f1, float(counts.ious.mean()) if len(counts.ious) else 0.0
