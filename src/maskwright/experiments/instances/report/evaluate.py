"""Scoring a trained network on the test split, each photograph at its own resolution."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.experiments.instances.learn.batches import objects_of
from maskwright.experiments.instances.learn.grouping import Objects
from maskwright.experiments.instances.learn.network import read_outputs
from maskwright.experiments.instances.learn.quality import mean_of_defined
from maskwright.experiments.instances.params import Instances
from maskwright.experiments.instances.report.components import components_finder
from maskwright.experiments.instances.report.inference import (
    InstancesFacts,
    Seen,
    compiled,
    finder,
    load_trained,
    look_at,
)
from maskwright.experiments.instances.report.intervals import split_intervals
from maskwright.experiments.instances.report.metrics import ImageResult, Truth, image_result, summarise
from maskwright.experiments.instances.report.plots import draw_offsets, objects_panel, training_figure
from maskwright.learning.single.table import read_epochs
from maskwright.photos.images import read_image, read_mask, resize_mask
from maskwright.photos.objects import UNKNOWN_OBJECT, read_objects, resize_objects
from maskwright.photos.splits import Example, read_classes, read_split
from maskwright.reporting.bars import per_class_bars
from maskwright.reporting.output import report_folder, save_figures
from maskwright.reporting.ranking import best_and_worst
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.experiment import Evaluation

HEADLINE = ("pq", "ap50", "count_error")
"""The numbers in metrics.json, unless they have no value."""

_COUNTS = ("objects", "found", "count_error", "count_bias")


def evaluate(settings: Instances, *, data: Path, model: Path, results: Path) -> Evaluation:
    """Score a trained model, and write `results`/metrics.json, details.json and plots/.

    The plots are PQ and counts of each class as a picture and as CSV files, the training curves, the best and worst
    test images with the centres and offsets that led to the objects, and in examples.csv the numbers of each image.

    Args:
        settings: not used, since the model's folder holds all that is needed.
        data: the folder that `maskwright masks` wrote.
        model: the folder of the trained model.
        results: the folder of the results, with the training's history in training.csv.

    Returns:
        The metrics are `pq`, `ap50` and `count_error`. The details are the other numbers of `metrics.summarise`, the
        intervals of `intervals.split_intervals` as `test_intervals`, and as `components` the numbers of the baseline,
        the connected parts of the same network's mask of classes. `unseen` is how many annotated objects have no
        pixel at the network's size, and so cannot be found.

    Raises:
        MaskwrightError: the model is missing or incomplete, or was trained for other classes; or the data cannot be
            read.
    """
    network, about = load_trained(model)
    folder, classes, most = data / "test", about.classes, about.grouping.most
    if classes != read_classes(folder):
        raise MaskwrightError(
            f"{model}: was trained for the classes {', '.join(classes)}, not those of {folder}; retrain"
        )
    examples = read_split(folder)
    numbered = objects_of(folder, examples)
    forward, find, parts = compiled(network), finder(about), components_finder(about)
    found: list[ImageResult] = []
    baseline: list[ImageResult] = []
    unseen = 0
    for example, path, seen in zip(examples, numbered, _seen(forward, examples, about), strict=True):
        truth = Truth(read_mask(example.mask), read_objects(path))
        found.append(image_result(truth, find(seen), about.things, len(classes)))
        baseline.append(image_result(truth, parts(seen), about.things, len(classes)))
        unseen += count_unseen(truth, about)
    numbers = summarise(found, classes, about.things, most=most)
    components = summarise(baseline, classes, about.things, most=most)
    evaluation = Evaluation(
        {name: numbers[name] for name in HEADLINE if name in numbers},
        {
            **{name: value for name, value in numbers.items() if name not in HEADLINE},
            "images": len(examples),
            "objects": sum(int(one.counted.sum()) for one in found),
            "unseen": unseen,
            "test_intervals": split_intervals(found, baseline, about.things, len(classes), most=most),
            "components": components,
        },
    )
    qualities = {name: values["pq"] for name, values in numbers["per_class"].items() if "pq" in values}
    with report_folder(results, evaluation) as plots:
        _write_classes(plots / "class_pq.csv", numbers["per_class"], components["per_class"])
        _write_examples(plots / "examples.csv", examples, found, baseline)
        figures: dict[str, Any] = {
            "class_pq": per_class_bars(qualities, classes[1:], "PQ"),
            "training_curves": training_figure(read_epochs(results / "training.csv")),
        }
        save_figures(figures, plots)
        scores = [mean_of_defined(one.outcome.pq()) for one in found]
        for kind, places in best_and_worst([(score,) for score in scores]).items():
            for number, place in enumerate(places, start=1):
                example = examples[place]
                title = f"{example.image.name}: PQ {scores[place]:.3f}"
                seen = next(_seen(forward, [example], about))
                # One at a time, since a photograph may be large.
                save_figures({f"{kind}_{number}": _panel(example, numbered[place], seen, find(seen), title)}, plots)
    return evaluation


def count_unseen(truth: Truth, about: InstancesFacts) -> int:
    """Count the annotated objects of a photograph that have no pixel at the network's size."""
    there = _known(truth, about)
    small = _known(
        Truth(resize_mask(truth.mask, about.size), resize_objects(truth.numbers, about.size)),
        about,
    )
    return len(there - small)


def _known(truth: Truth, about: InstancesFacts) -> set[int]:
    on_object = about.things[truth.mask] & (truth.numbers != UNKNOWN_OBJECT)
    return set(np.unique(truth.numbers[on_object]).tolist()) - {0}


def _seen(
    forward: Callable[[np.ndarray], np.ndarray], examples: Sequence[Example], about: InstancesFacts
) -> Iterator[Seen]:
    """Yield what the network says of each example. Only one photograph is in memory at a time."""
    return look_at(forward, (read_image(example.image) for example in examples), about.size)


def _panel(example: Example, numbers: Path, seen: Seen, found: Objects, title: str) -> Any:
    heat, offsets = (np.asarray(values) for values in read_outputs(seen.outputs)[1:])
    height, width = heat.shape
    pointed = draw_offsets(offsets, resize_objects(found.numbers, (height, width)) > 0, heat)
    return objects_panel(
        read_image(example.image), read_objects(numbers), found.numbers, pointed, found.centres, title
    )


def _write_classes(path: Path, ours: Mapping[str, Any], components: Mapping[str, Any]) -> None:
    """Write a row for each class; cells are empty where a number has no value."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["class", "pq", "components_pq", "sq", "rq", "ap50", *_COUNTS])
        for name, values in ours.items():
            row = [values.get("pq", ""), components.get(name, {}).get("pq", "")]
            table.writerow([name, *row, *(values.get(key, "") for key in ("sq", "rq", "ap50", *_COUNTS))])


def _write_examples(
    path: Path, examples: Sequence[Example], found: Sequence[ImageResult], baseline: Sequence[ImageResult]
) -> None:
    """Write a row for each image, with cells left empty where a number has no value."""
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image", "pq", "components_pq", "objects", "found", "matched", "extra", "missed"])
        for example, one, other in zip(examples, found, baseline, strict=True):
            qualities = [mean_of_defined(each.outcome.pq()) for each in (one, other)]
            shown = ["" if np.isnan(value) else f"{value:.6g}" for value in qualities]
            sums = [int(part.sum()) for part in (one.counted, one.found, *one.outcome[1:])]
            table.writerow([example.image.name, *shown, *sums])
