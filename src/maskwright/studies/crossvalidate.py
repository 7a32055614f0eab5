"""Cross-validation: a training for each fold, so that every photograph is tested by a network that has not seen it.

checkpoints/folds/K/                        the data of each fold, as `maskwright masks` writes them
results/crossvalidate/NAME/trials.csv       a row for each fold
results/crossvalidate/NAME/scores.csv       each score: the mean over the folds, and of all photographs pooled
results/crossvalidate/NAME/scores.json      the same, with what they are made from
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.table import Table

from maskwright.params import Params
from maskwright.photos.splits import read_classes, read_split
from maskwright.reporting.intervals import Interval
from maskwright.shared import terminal
from maskwright.shared.errors import MaskwrightError
from maskwright.shared.exclusive import only_here
from maskwright.shared.experiment import HoldsOut
from maskwright.shared.outputs import replaced_file, write_json
from maskwright.shared.terminal import note, tell
from maskwright.studies.groups import group_of_each
from maskwright.studies.intervals import corrected_interval, pooled_interval
from maskwright.studies.trials import DataTrial, all_finished, data_plan, held_out_experiment, held_out_module
from maskwright.sweeps.recording import run_recorded
from maskwright.sweeps.worker import Outcome
from maskwright.via.convert import convert_annotations

FOLDS = Path("checkpoints/folds")

_SHARE = (0.0, 1.0)
_FEWEST = 2
_TOLD = {"rare-class", "unlabelled-share"}
"""Findings that bear on a cross-validation more than on a training."""


class Score(NamedTuple):
    """A score of a cross-validation.

    Attributes:
        folds: the mean over the folds that have it, with the corrected interval; None if fewer than two have it.
        pooled: of all photographs together, with the interval over photographs; None where it has no value.
    """

    folds: Interval | None
    pooled: Interval | None


def crossvalidate(name: str, params: Params, *, root: Path, results: Path) -> None:
    """Train on each division into folds, and write and print the scores; run again, it continues.

    Args:
        name: segmentation or detection.
        params: all parameters.
        root: folder of the project, for the outcomes that survive a kill and for MLflow's store.
        results: folder for crossvalidate/NAME.

    Raises:
        MaskwrightError: `annotations.folds` is not set or does not fit the photographs; a fold has no result; and as
            `run_sweep`.
    """
    about = held_out_experiment(name)
    annotations = params.annotations
    if annotations.folds is None:
        raise MaskwrightError(
            "params.yaml: annotations.folds: null; say in how many folds to divide the photographs, such as 5 (with "
            "annotations.test: null)"
        )
    with only_here(FOLDS.with_suffix(".lock"), "a cross-validation is running"):
        folders = [_fold(params, number) for number in range(annotations.folds)]
        seed: int = params.section(name).seed
        trials = [DataTrial(number, seed, folder) for number, folder in enumerate(folders)]
        module = held_out_module(about)
        plan = data_plan(
            f"crossvalidate-{name}", about, params, trials, factor="fold", fixed={}, response=module.SCORE
        )
        out = results / "crossvalidate" / name
        scores: dict[str, Score] = {}

        def conclude(outcomes: Mapping[str, Outcome]) -> list[Path]:
            finished = all_finished(plan, outcomes)
            groups = [group_of_each(annotations, folder / "test") for folder in folders]
            ratio = float(np.mean([_ratio(folder) for folder in folders]))
            scores.update(scored(module, finished, groups, read_classes(folders[0] / "test"), ratio))
            return _write(out, scores, finished, groups, ratio)

        told = run_recorded(
            plan,
            about,
            params,
            root=root,
            out=out,
            command=f"maskwright crossvalidate {name}",
            conclude=conclude,
        )
    console = terminal.console()
    console.print(_table(scores, annotations.folds))
    tell(f"{told}, and {out / 'scores.csv'}")


def scored(
    module: HoldsOut[Any],
    outcomes: Sequence[Outcome],
    groups: Sequence[Sequence[str]],
    classes: Sequence[str],
    ratio: float,
) -> dict[str, Score]:
    """Return each score over the folds and over all photographs.

    Args:
        module: the experiment's module `held_out`.
        outcomes: of each fold.
        groups: for each fold the group of each photograph that it tests.
        classes: names, background first.
        ratio: the number of photographs tested in a fold over the number trained on.
    """
    found = [one for outcome in outcomes for one in outcome.found]
    everyone = [group for of_fold in groups for group in of_fold]
    if len(everyone) != len(found):
        raise MaskwrightError("the folds have changed since they were trained; run it again")
    scores: dict[str, Score] = {}
    for name, statistic in module.statistics(found, classes).items():
        values = [outcome.measures[name] for outcome in outcomes if name in outcome.measures]
        pooled = pooled_interval(statistic, everyone)
        scores[name] = Score(
            corrected_interval(values, ratio, bounds=_SHARE) if len(values) >= _FEWEST else None,
            pooled if np.isfinite(pooled.mean) else None,
        )
    return scores


def _fold(params: Params, number: int) -> Path:
    """Make the data of a fold, and say what its annotations are in the way of; return its folder."""
    folder = FOLDS / str(number)
    annotations = params.annotations.model_copy(update={"fold": number})
    reports = convert_annotations(annotations, folder)
    if number == 0:
        for problem in (each for report in reports.values() for each in report.problems):
            if problem.code in _TOLD:
                note(f"{problem.file}: {problem.message}; {problem.advice}")
    return folder


def _ratio(folder: Path) -> float:
    return len(read_split(folder / "test")) / len(read_split(folder / "train"))


def _write(
    out: Path, scores: Mapping[str, Score], outcomes: Sequence[Outcome], groups: Sequence[Sequence[str]], ratio: float
) -> list[Path]:
    table, text = out / "scores.csv", out / "scores.json"
    with replaced_file(table) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["score", "folds", "folds_low", "folds_high", "pooled", "pooled_low", "pooled_high"])
        for name, score in scores.items():
            numbers = [number for part in score for number in (part or [None] * 3)]
            rows.writerow([name, *("" if number is None else f"{number:.6g}" for number in numbers)])
    write_json(
        text,
        {
            "folds": len(outcomes),
            "photographs": sum(map(len, groups)),
            "groups": len({group for of_fold in groups for group in of_fold}),
            "tested_over_trained": ratio,
            "scores": {
                name: {kind: None if part is None else part._asdict() for kind, part in score._asdict().items()}
                for name, score in scores.items()
            },
            "of_each_fold": {
                name: [outcome.measures.get(name) for outcome in outcomes] for name in outcomes[0].measures
            },
        },
    )
    return [table, text]


def _table(scores: Mapping[str, Score], folds: int) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("score", f"mean of {folds} folds", "95 %", "all pooled", "95 %"):
        table.add_column(heading, justify="left" if heading == "score" else "right")
    for name, score in scores.items():
        table.add_row(name, *(cell for part in score for cell in _cells(part)))
    return table


def _cells(interval: Interval | None) -> tuple[str, str]:
    if interval is None:
        return "-", ""
    return f"{interval.mean:.3f}", f"{interval.low:.3f} to {interval.high:.3f}"
