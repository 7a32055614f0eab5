"""The facts about a training or an evaluation of photographs, from the files that it left."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.diagnosis.baselines import detection_baselines, segmentation_baselines
from maskwright.diagnosis.lines import Facts
from maskwright.learning.single.table import read_epochs
from maskwright.looking.statistics import SMALL
from maskwright.photos.images import read_mask, resize_mask
from maskwright.photos.splits import BOXES, read_classes, read_split
from maskwright.shared.experiment import Evaluation, Experiment

_SCORES = {"segmentation": ("mIoU", "miou"), "detection": ("AP50", "ap50")}
"""The score of each experiment that has a diagnosis: as written, and as it is called in the tables."""


def has_diagnosis(name: str) -> bool:
    """Return whether there is a diagnosis for this experiment."""
    return name in _SCORES


def facts_of_training(about: Experiment, settings: Any) -> Facts:
    """Return the facts about a training that has just ended: its score is that of the best epoch, on validation.

    Args:
        about: segmentation or detection.
        settings: its section of params.yaml.
    """
    _, key = _SCORES[about.name]
    scores = [row[f"val_{key}"] for row in read_epochs(about.history)]
    return _facts(about, settings, "validation", max(scores))


def facts_of_evaluation(about: Experiment, settings: Any, found: Evaluation) -> Facts | None:
    """Return the facts about an evaluation on the test split; None if it has no score.

    Args:
        about, settings: as for `facts_of_training`.
        found: what was evaluated.
    """
    _, key = _SCORES[about.name]
    if key not in found.metrics:
        return None
    facts = _facts(about, settings, "test", found.metrics[key])
    never = _never_predicted(about) if about.name == "segmentation" else _never_right(found.details["per_class"])
    return Facts(**{**vars(facts), "never": never})


def _facts(about: Experiment, settings: Any, split: str, score: float) -> Facts:
    written, key = _SCORES[about.name]
    size = _size(about, settings)
    rows = read_epochs(about.history)
    objects, sides = {}, np.zeros(0)
    for each in ("train", "validation", "test"):
        if not (about.data / each / BOXES).is_file():
            continue  # an evaluation asks for the test split alone
        labels, of_split = _objects(about.data / each, size)
        objects[each] = labels
        sides = of_split if each == "train" else sides
    classes = read_classes(about.data / split)
    if about.name == "segmentation":
        baselines = segmentation_baselines(_pixels(about.data / split, size, len(classes)), classes)
    else:
        baselines = detection_baselines({name: objects[split][n] for n, name in enumerate(classes) if n})
    # With weights of classes, the training loss is another quantity than the validation's, which has none.
    weighted = getattr(settings.loss, "class_weights", None) is not None
    return Facts(
        written,
        split,
        score,
        baselines,
        losses=[row["loss"] for row in rows],
        val_losses=[] if weighted else [row["val_loss"] for row in rows],
        val_scores=[row[f"val_{key}"] for row in rows],
        sides=sides,
        smallest=SMALL,
        objects={each: counts.total() for each, counts in objects.items()},
        pretrained=settings.named_backbone is not None and settings.named_backbone.weights is not None,
    )


def _size(about: Experiment, settings: Any) -> tuple[int, int]:
    """Return the height and width that the network sees: the stored one, which a setting may leave to be chosen."""
    try:
        height, width = json.loads((about.model / "about.json").read_text(encoding="utf-8"))["size"]
    except (OSError, ValueError, KeyError, TypeError):
        height, width = settings.size
    return int(height), int(width)


def _objects(split: Path, size: tuple[int, int]) -> tuple[Counter[int], np.ndarray]:
    """Return how many objects of each class a split has, and their sides as the network sees them.

    The side is that of the square of an object's area, as in `looking.statistics`.
    """
    coco = json.loads((split / BOXES).read_text(encoding="utf-8"))
    scale = {image["id"]: size[0] * size[1] / (image["height"] * image["width"]) for image in coco["images"]}
    sides = [np.sqrt(each["area"] * scale[each["image_id"]]) for each in coco["annotations"]]
    return Counter(each["category_id"] for each in coco["annotations"]), np.array(sides, float)


def _pixels(split: Path, size: tuple[int, int], number_of_classes: int) -> np.ndarray:
    """Return the labelled pixels of each class in a split, (C,): on validation as the network sees it, as its score.

    The test split is scored at each photograph's own resolution.
    """
    counts = np.zeros(256, np.int64)
    for example in read_split(split):
        mask = read_mask(example.mask)
        mask = resize_mask(mask, size) if split.name == "validation" else mask
        counts += np.bincount(mask.reshape(-1), minlength=256)
    return counts[:number_of_classes]


def _never_predicted(about: Experiment) -> list[str]:
    """Return the classes of which the test split has pixels, and the prediction none."""
    actual: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    with (about.results / "plots" / "confusion_matrix.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            actual[row["actual"]] += int(row["pixels"])
            predicted[row["predicted"]] += int(row["pixels"])
    return [name for name, pixels in actual.items() if pixels and not predicted[name]]


def _never_right(per_class: Mapping[str, Mapping[str, float]]) -> Sequence[str]:
    """Return the classes of which the test split has boxes, and no prediction of at least 0.5 was right."""
    return [name for name, values in per_class.items() if values.get("recall") == 0]
