"""Corners: why does such a simple network not learn?"""

from pathlib import Path

from maskwright.experiments.corner.params import Corner
from maskwright.shared.experiment import LearnsMany, ManySeeds, Reports, Serves


def _learns() -> LearnsMany[Corner]:
    from maskwright.experiments.corner.learn import train

    return train


def _reports() -> Reports[Corner]:
    from maskwright.experiments.corner.report import evaluate

    return evaluate


def _serves() -> Serves:
    from maskwright.experiments.corner import serve

    return serve


EXPERIMENT = ManySeeds(
    name="corner",
    settings=Corner,
    data=Path("data/corner"),
    training_data=(Path("data/corner"),),
    splits={"training": "patterns", "testing": "rectangles"},
    code=("learning/replicates", "experiments/corner/data.py"),
    learns=_learns,
    reports=_reports,
    serves=_serves,
)
