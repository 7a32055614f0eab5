"""What one experiment's results hold, ready to be shown."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from maskwright.report.curves import Panel, panels, read_history
from maskwright.report.files import read_json, read_table, to_number
from maskwright.report.pictures import Picture, embedded_picture
from maskwright.report.scores import ByClass, Score, all_scores, by_class, headline
from maskwright.report.wording import heading, label
from maskwright.shared.processor import Processor, stored_processor

MOST_EXAMPLES = 500
_MOST_CLASSES = 15
_DRAWN_ANEW = {"training_curves", "loss", "bound"}
"""Pictures of what the page draws itself, from training.csv."""
_RANKED = re.compile(r"(best|worst)_(\d+)")


class Confusion(NamedTuple):
    """Where each class's pixels went: (C, C) shares of the row, and pixel counts; rows are the ground truth."""

    classes: list[str]
    shares: list[list[float]]
    pixels: list[list[int]]


class Examples(NamedTuple):
    """The scores of each test photograph, the worst first; `left_out` of them are not among the rows."""

    measures: list[str]
    rows: list[tuple[str, list[float | str]]]
    left_out: int


class Shown(NamedTuple):
    """An experiment, as the page shows it. `about` is what it asks, in one sentence."""

    name: str
    about: str
    headline: list[Score]
    others: list[Score]
    by_class: ByClass | None
    confusion: Confusion | None
    curves: list[Panel]
    worst: list[Picture]
    best: list[Picture]
    pictures: list[Picture]
    examples: Examples | None
    processor: Processor | None


def read_experiment(name: str, about: str, folder: Path) -> Shown | None:
    """Return an experiment's results, or None if it was not evaluated here.

    Its main numbers alone may have come with the project, of other data than these: Git keeps them, and not the rest.

    Args:
        name: the experiment.
        about: what it asks.
        folder: results/NAME.

    Raises:
        MaskwrightError: a file is damaged.
    """
    metrics, details = (read_json(folder / f"{each}.json") for each in ("metrics", "details"))
    if not metrics or not details:
        return None
    plots, history = folder / "plots", folder / "training.csv"
    curves = panels(read_history(history)) if history.is_file() else []
    confusion, classes = _confusion(plots / "confusion_matrix.csv"), by_class(details)
    ranked = {
        what: [embedded_picture(path, f"{label(name)}: {path.stem.replace('_', ' ')}") for path in paths]
        for what, paths in _ranked(plots).items()
    }
    return Shown(
        name,
        about,
        headline(metrics, details),
        all_scores(details),
        classes,
        confusion,
        curves,
        ranked["worst"],
        ranked["best"],
        [*_pictures(plots, curves=bool(curves), classes=bool(classes), confusion=bool(confusion))],
        _examples(plots / "examples.csv"),
        stored_processor(folder / "processor.json"),
    )


def _ranked(plots: Path) -> dict[str, list[Path]]:
    found: dict[str, list[tuple[int, Path]]] = {"best": [], "worst": []}
    for path in plots.glob("*.png"):
        if match := _RANKED.fullmatch(path.stem):
            found[match[1]].append((int(match[2]), path))
    return {what: [path for _, path in sorted(paths)] for what, paths in found.items()}


def _pictures(plots: Path, *, curves: bool, classes: bool, confusion: bool) -> Iterator[Picture]:
    """Yield the other pictures, but for those of what the page shows as a table or draws itself."""
    for path in sorted(plots.glob("*.png")):
        shown = (
            _RANKED.fullmatch(path.stem)
            or (curves and path.stem in _DRAWN_ANEW)
            or (classes and path.stem.startswith("class_"))
            or (confusion and path.stem == "confusion_matrix")
        )
        if not shown:
            yield embedded_picture(path, heading(path.stem))


def _confusion(path: Path) -> Confusion | None:
    """Return the confusion matrix, if it is there and has few enough classes for a page."""
    cells: dict[tuple[str, str], tuple[float, int]] = {}
    for row in read_table(path):
        share, pixels = to_number(row.get("share", "")), to_number(row.get("pixels", ""))
        if isinstance(share, float) and isinstance(pixels, float):
            cells[row.get("actual", ""), row.get("predicted", "")] = share, int(pixels)
    classes = [*{name: None for pair in cells for name in pair}]
    if not cells or len(classes) > _MOST_CLASSES:
        return None
    rows = [[cells.get((actual, predicted), (0.0, 0)) for predicted in classes] for actual in classes]
    return Confusion(
        classes,
        shares=[[share for share, _ in row] for row in rows],
        pixels=[[pixels for _, pixels in row] for row in rows],
    )


def _examples(path: Path) -> Examples | None:
    """Return the scores by photograph, where the table names photographs."""
    rows = read_table(path)
    if not rows or "image" not in rows[0]:
        return None
    measures = [column for column in rows[0] if column != "image"]
    found = [(row.get("image", ""), [to_number(row.get(measure, "")) for measure in measures]) for row in rows]
    found.sort(key=lambda row: next((value for value in row[1] if isinstance(value, float)), 0.0))
    return Examples(measures, found[:MOST_EXAMPLES], max(0, len(found) - MOST_EXAMPLES))
